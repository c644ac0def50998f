/**
 * Marks tokens that were made for accounts of old by themselves and that nobody has used for a year, and deletes them
 * when a year later still nobody has.
 * https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#legacy-serviceaccount-token-cleaner
 */
import configMaps from '#api/core/configmap.js';
import pods from '#api/core/pod/index.js';
import { podReferences, reference } from '#api/core/pod/references.js';
import secrets from '#api/core/secret.js';
import serviceAccounts from '#api/core/serviceaccount.js';
import type { Secret, ServiceAccount } from '#api/gen/core-v1.js';
import { isReason, StatusError } from '#apimachinery/errors.js';
import { invalidSinceLabel, lastUsedLabel, tokenAnnotations, tokenType } from '#apimachinery/legacy-token.js';
import { formatTime } from '#apimachinery/object.js';
import { TransportError } from '#client/transport.js';
import { type ControllerContext, defineController } from './runtime.js';

const dayMs = 24 * 60 * 60_000;
const checkMs = dayMs;
/** Upstream's --legacy-service-account-token-clean-up-period. */
const unusedMs = 365 * dayMs;

type Context = ControllerContext<undefined>;

export default defineController({ name: 'legacy-service-account-token-cleaner', run });

async function run(context: Context, signal: AbortSignal): Promise<void> {
  const { informers, clock, log } = context;
  const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  const read = [informers.of(secrets), informers.of(serviceAccounts), informers.of(pods)];
  await Promise.race([Promise.all(read.map(({ synced }) => synced)), aborted]);
  while (!signal.aborted) {
    try {
      await clean(context);
    } catch (error) {
      if (!(error instanceof StatusError) && !(error instanceof TransportError)) throw error;
      log.warn('old tokens could not be cleaned up, trying again later', { err: error });
    }
    await clock.sleep(checkMs, signal).catch(() => {});
  }
}

async function clean(context: Context): Promise<void> {
  const { client, informers, clock } = context;
  const candidates = informers
    .of(secrets)
    .list()
    .filter(({ type }) => type === tokenType);
  if (candidates.length === 0) return;
  const nowMs = clock.now();
  const name = 'kube-apiserver-legacy-service-account-token-tracking';
  const tracking = await client.of(configMaps).get(name, { namespace: 'kube-system' });
  // Use was noted from some time of that day on, so the day after is the first that counts whole.
  const trackedMs = Date.parse(tracking.data?.['since'] ?? '') + dayMs;
  if (!(nowMs >= trackedMs + unusedMs)) return;
  for (const secret of candidates) {
    const { namespace = '', name: secretName = '' } = secret.metadata;
    const account = accountOf(secret, context);
    const isOwn = account?.secrets?.some((one) => one.name === secretName) ?? false;
    const step = isOwn ? stepFor(secret, nowMs) : 'keep';
    if (step === 'keep' || isMounted(secret, context)) continue;
    try {
      const { uid, resourceVersion } = secret.metadata;
      const patch = { metadata: { uid, labels: { [invalidSinceLabel]: dayOf(nowMs) } } };
      if (step === 'mark') await client.of(secrets).patch(secretName, patch, { type: 'merge', namespace });
      else await client.of(secrets).delete(secretName, { namespace, preconditions: { resourceVersion } });
    } catch (error) {
      if (!isReason(error, 'NotFound', 'Conflict')) throw error;
    }
  }
}

/** Of a token that an account names as its own: those that people make for themselves are never touched. */
export function stepFor({ metadata }: Secret, nowMs: number): 'keep' | 'mark' | 'delete' {
  const { creationTimestamp = '', deletionTimestamp, labels = {} } = metadata;
  if (deletionTimestamp || !(Date.parse(creationTimestamp) < nowMs - unusedMs)) return 'keep';
  const limit = dayOf(nowMs - unusedMs);
  const used = labels[lastUsedLabel];
  if (used !== undefined && (!isDay(used) || used >= limit)) return 'keep';
  const since = labels[invalidSinceLabel];
  if (since === undefined || !isDay(since)) return 'mark';
  return since >= limit ? 'keep' : 'delete';
}

function dayOf(ms: number): string {
  return formatTime(ms).slice(0, 10);
}

function isDay(text: string): boolean {
  return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text));
}

function accountOf({ metadata }: Secret, { informers }: Context): ServiceAccount | undefined {
  const { [tokenAnnotations.name]: name, [tokenAnnotations.uid]: uid } = metadata.annotations ?? {};
  const account = name ? informers.of(serviceAccounts).get(`${metadata.namespace}/${name}`) : undefined;
  return account && (!uid || uid === account.metadata.uid) ? account : undefined;
}

function isMounted({ metadata: { namespace = '', name = '' } }: Secret, { informers }: Context): boolean {
  const wanted = reference('secrets', { namespace, name });
  return informers
    .of(pods)
    .inNamespace(namespace)
    .some((pod) => podReferences(pod).has(wanted));
}
