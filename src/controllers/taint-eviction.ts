/**
 * Evicts pods from nodes with NoExecute taints that they do not tolerate, or no longer do.
 * https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/#taint-based-evictions
 */

import nodes from '#api/core/node.js';
import pods from '#api/core/pod/index.js';
import type { Pod, Taint } from '#api/gen/core-v1.js';
import { equal } from '#base/json.js';
import { keyOf } from '#client/informer.js';
import { disrupt } from './pod-disruption.js';
import { type ControllerContext, defineController, type Requeue, watch } from './runtime.js';
import { stayUnder } from './taints.js';

/** By pod uid, when its wait began (milliseconds since the epoch): taints set by hand carry no time. */
type Waiting = Map<string, number>;

export default defineController<Pod, Waiting>({
  name: 'taint-eviction-controller',
  account: 'node-controller',
  for: pods,
  // What a kubelet tells of its pods changes nothing here.
  concerns: ({ spec }, old) =>
    !old || spec.nodeName !== old.spec.nodeName || !equal(spec.tolerations, old.spec.tolerations),
  state: () => new Map(),
  watches: ({ informers, state }) => {
    informers.of(pods).addIndex('node', ({ spec }) => (spec.nodeName ? [spec.nodeName] : []));
    return [
      watch(nodes, (node, { old }) =>
        old && equal(old.spec.taints, node.spec.taints)
          ? []
          : informers.of(pods).byIndex('node', node.metadata.name!).map(keyOf),
      ),
      watch(pods, ({ metadata }, { type }) => {
        if (type === 'deleted') state.delete(metadata.uid!);
        return [];
      }),
    ];
  },
  reconcile: ({ key }, context) => reconcile(key, context),
});

async function reconcile(key: string, context: ControllerContext<Waiting>): Promise<Requeue | undefined> {
  const { informers, recorder, client, clock, state, metrics } = context;
  const pod = informers.of(pods).get(key);
  if (!pod?.spec.nodeName || pod.metadata.deletionTimestamp) return;
  const { uid = '' } = pod.metadata;
  const taints = executingTaints(informers.of(nodes).get(pod.spec.nodeName)?.spec.taints);
  const stay = taints.length > 0 ? stayUnder(taints, pod.spec.tolerations ?? []) : 'unbounded';
  if (stay === 'unbounded') {
    if (state.delete(uid))
      recorder.event(pod, {
        type: 'Normal',
        reason: 'TaintManagerEviction',
        message: `Cancelling deletion of Pod ${key}`,
      });
    return;
  }
  const nowMs = clock.now();
  let sinceMs = state.get(uid);
  if (sinceMs === undefined) state.set(uid, (sinceMs = beginningMs(pod, taints) ?? nowMs));
  const leftMs = sinceMs + stay.seconds * 1000 - nowMs;
  if (leftMs > 0) return { afterMs: leftMs };
  recorder.event(pod, { type: 'Normal', reason: 'TaintManagerEviction', message: `Marking for deletion Pod ${key}` });
  const message = 'Taint manager: deleting due to NoExecute taint';
  const { generation: observedGeneration } = pod.metadata;
  await disrupt(pod, { reason: 'DeletionByTaintManager', message, observedGeneration }, { client, nowMs });
  metrics.taintDeletions.with().add();
  metrics.taintDeletionSeconds.with().observe(Math.max(0, -leftMs) / 1000);
}

function executingTaints(taints: readonly Taint[] | undefined): Taint[] {
  return (taints ?? []).filter(({ effect }) => effect === 'NoExecute');
}

/** The taints' own times outlast a restart of ours; a pod that came to the node later has its time from then on. */
function beginningMs({ metadata, status }: Pod, taints: readonly Taint[]): number | undefined {
  const added = taints.flatMap(({ timeAdded }) => (timeAdded ? [Date.parse(timeAdded)] : []));
  if (added.length === 0) return undefined;
  const scheduled = status?.conditions?.find(({ type }) => type === 'PodScheduled')?.lastTransitionTime;
  const came = Date.parse(scheduled ?? metadata.creationTimestamp ?? '') || 0;
  return Math.max(Math.min(...added), came);
}
