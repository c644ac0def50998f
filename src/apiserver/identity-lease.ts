/**
 * The Lease by which this API server is known among its like: renewed while it runs, gone when it stops; and the removal
 * of those whose servers have gone without a word. https://kubernetes.io/docs/concepts/architecture/leases/#api-server-identity
 */
import { createHash } from 'node:crypto';
import leases from '#api/coordination/lease.js';
import type { Lease } from '#api/gen/coordination-v1.js';
import { isReason, StatusError } from '#apimachinery/errors.js';
import { formatMicroTime } from '#apimachinery/object.js';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import { fraction, type Prng, uuid } from '#base/prng.js';
import type { Client } from '#client/client.js';
import { TransportError } from '#client/transport.js';

const namespace = 'kube-system';
const program = 'kube-apiserver';
const identityLabel = 'apiserver.kubernetes.io/identity';
const leaseDurationSeconds = 3600;
const renewMs = 10_000;
const renewJitter = 0.04;
/** After a write that failed. */
const retryMs = 1000;
const collectMs = 3_600_000;

export interface IdentityLeaseOptions {
  client: Client;
  clock: Clock;
  prng: Prng;
  log: Log;
  hostname: string;
  /** Host and port where other API servers would reach this one. */
  address: string;
}

/** The same at every start on one machine. */
export function identityOf(hostname: string): string {
  const hash = createHash('sha256');
  for (const part of [hostname, program].map((text) => Buffer.from(text))) {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(part.length);
    hash.update(length).update(part);
  }
  return `apiserver-${base32(hash.digest().subarray(0, 16))}`;
}

/** RFC 4648 section 6 in lower case, without padding; of 16 bytes. */
function base32(bytes: Buffer): string {
  const digits = 26;
  const bits = BigInt(`0x${bytes.toString('hex')}`) << BigInt(digits * 5 - bytes.length * 8);
  const text = bits.toString(32).padStart(digits, '0');
  return text.replace(/./g, (digit) => 'abcdefghijklmnopqrstuvwxyz234567'[Number.parseInt(digit, 32)]!);
}

/** Renews until the signal aborts, and then takes the Lease back. What an earlier run left is made anew. */
export async function keepIdentityLease(options: IdentityLeaseOptions, signal: AbortSignal): Promise<void> {
  const { client, clock, prng, hostname, log } = options;
  const name = identityOf(hostname);
  const holder = `${name}_${uuid(prng)}`;
  const source = client.of(leases);
  const remove = () => attempt(log, () => unlessNotFound(source.delete(name, { namespace })));
  await remove();
  /** As the last write left it: nobody else writes it, as a rule, so that it need not be read. */
  let known: Lease | undefined;
  while (!signal.aborted) {
    await attempt(log, async () => {
      const base = known ?? (await unlessNotFound(source.get(name, { namespace })));
      known = undefined;
      const { metadata = { name, namespace }, spec = { holderIdentity: holder, leaseDurationSeconds } } = base ?? {};
      const lease = renewed({ metadata, spec }, options);
      known = await (base ? source.update(lease) : source.create(lease));
    });
    const delayMs = known ? renewMs * (1 + renewJitter * fraction(prng)) : retryMs;
    await clock.sleep(delayMs, signal).catch(() => {});
  }
  await remove();
}

function renewed(
  { metadata, spec }: Pick<Lease, 'metadata' | 'spec'>,
  { clock, hostname, address }: IdentityLeaseOptions,
): Lease {
  const labels = { ...metadata.labels, [identityLabel]: program, 'kubernetes.io/hostname': hostname };
  const annotations = { ...metadata.annotations, 'kubernetes.io/peer-advertise-address': address };
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { ...metadata, labels, annotations },
    spec: { ...spec, renewTime: formatMicroTime(clock.now()) },
  };
}

/** Removes, each hour until the signal aborts, the Leases of API servers that were not renewed in time. */
export async function collectIdentityLeases(
  { client, clock, log }: Pick<IdentityLeaseOptions, 'client' | 'clock' | 'log'>,
  signal: AbortSignal,
): Promise<void> {
  const source = client.of(leases);
  while (!signal.aborted) {
    await attempt(log, async () => {
      const { items } = await source.list({ namespace, labelSelector: `${identityLabel}=${program}` });
      for (const { metadata } of items.filter((lease) => isExpired(lease, clock.now()))) {
        const { name, uid, resourceVersion } = metadata;
        // One that is renewed in this moment stays.
        const preconditions = { uid, resourceVersion };
        await attempt(log, () => unlessNotFound(source.delete(name!, { namespace, preconditions })));
      }
    });
    await clock.sleep(collectMs, signal).catch(() => {});
  }
}

/** A Lease that does not say until when it holds was made by no API server. */
function isExpired({ spec: { renewTime, leaseDurationSeconds: seconds } }: Lease, nowMs: number): boolean {
  return renewTime === undefined || seconds === undefined || Date.parse(renewTime) + seconds * 1000 < nowMs;
}

async function unlessNotFound<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isReason(error, 'NotFound')) return undefined;
    throw error;
  }
}

/** What fails is tried again in its time; a bug is thrown. */
async function attempt(log: Log, act: () => Promise<unknown>): Promise<void> {
  try {
    await act();
  } catch (err) {
    if (!(err instanceof StatusError) && !(err instanceof TransportError)) throw err;
    log.warn('the Lease of an API server could not be written', { err });
  }
}
