/** The heartbeat: a Lease in kube-node-lease, renewed every ten seconds, by which the cluster knows that we live. */
import leases from '#api/coordination/lease.js';
import type { Lease } from '#api/gen/coordination-v1.js';
import type { Node } from '#api/gen/core-v1.js';
import { isReason } from '#apimachinery/errors.js';
import { formatMicroTime } from '#apimachinery/object.js';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import type { Client } from '#client/client.js';

const namespace = 'kube-node-lease';
export const leaseDurationSeconds = 40;
const renewMs = 10_000;
const retryMs = 1000;

export interface NodeLeaseOptions {
  client: Client;
  clock: Clock;
  log: Log;
  nodeName: string;
  /** Owns the lease, so that it goes with the node. */
  node: () => Node | undefined;
}

/** Renews until the signal aborts. */
export async function keepLease(options: NodeLeaseOptions, signal: AbortSignal): Promise<void> {
  const { clock, log } = options;
  while (!signal.aborted) {
    let delayMs = renewMs;
    try {
      await renew(options, signal);
    } catch (err) {
      delayMs = retryMs;
      if (!signal.aborted) log.warn('node lease could not be renewed', { err });
    }
    await clock.sleep(delayMs, signal).catch(() => {});
  }
}

async function renew({ client, clock, nodeName, node }: NodeLeaseOptions, signal: AbortSignal): Promise<void> {
  const source = client.of(leases);
  const renewTime = formatMicroTime(clock.now());
  const spec = { holderIdentity: nodeName, leaseDurationSeconds, renewTime };
  try {
    await source.patch(nodeName, { spec }, { type: 'merge', namespace, signal });
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
    const uid = node()?.metadata.uid;
    const owner = uid ? [{ apiVersion: 'v1', kind: 'Node', name: nodeName, uid }] : undefined;
    const metadata = { name: nodeName, namespace, ownerReferences: owner };
    const lease: Lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec };
    await source.create(lease, { signal });
  }
}
