/**
 * Node lifecycle: notices nodes that fall silent, says so in their conditions, and taints nodes as their conditions ask.
 * https://kubernetes.io/docs/concepts/architecture/nodes/#node-controller
 */

import leases from '#api/coordination/lease.js';
import nodes from '#api/core/node.js';
import pods from '#api/core/pod/index.js';
import type { Node, Pod } from '#api/gen/core-v1.js';
import { isReason } from '#apimachinery/errors.js';
import { formatTime } from '#apimachinery/object.js';
import { equal } from '#base/json.js';
import { isReady } from '../pod-state.js';
import { type ControllerContext, defineController, type Requeue, watch } from '../runtime.js';
import { type Heartbeat, listen, readyOf, verdict } from './health.js';
import { missingOldLabels } from './node-labels.js';
import { executingTaintFor, hasExecutingTaint, wantedTaints } from './node-taints.js';
import { disruptionOf, isCounted, zoneOf } from './zones.js';

const totalCheckMs = 1_000;
/** Nodes that are gone whose last sign of life is remembered; the one gone for longest is forgotten first. */
const goneMax = 5_000;
const leaseNamespace = 'kube-node-lease';

interface State {
  /** By node name. */
  heartbeats: Map<string, Heartbeat>;
  /** Of nodes that are gone: one may come back under the same name. */
  gone: Map<string, Heartbeat>;
  known: Map<string, string>;
  /** By zone, when the next node may be tainted NoExecute (monotonic). */
  nextTaintMs: Map<string, number>;
  /** Nodes some of whose pods could not be marked yet. */
  unmarked: Set<string>;
  wasTotal: boolean;
  /** When that was found out (monotonic). */
  totalCheckedMs: number;
}

type Context = ControllerContext<State>;

export default defineController<Node, State>({
  name: 'node-controller',
  workers: 8,
  for: nodes,
  state: () => ({
    heartbeats: new Map(),
    gone: new Map(),
    known: new Map(),
    nextTaintMs: new Map(),
    unmarked: new Set(),
    wasTotal: false,
    totalCheckedMs: Number.NEGATIVE_INFINITY,
  }),
  watches: ({ informers }) => {
    informers.of(pods).addIndex('node', ({ spec }) => (spec.nodeName ? [spec.nodeName] : []));
    // Only read, when a node's turn comes.
    return [watch(leases, () => []), watch(pods, () => [])];
  },
  reconcile: ({ name }, context) => reconcile(name, context),
});

async function reconcile(name: string, context: Context): Promise<Requeue | undefined> {
  const { informers, client, clock, state, settings } = context;
  const node = informers.of(nodes).get(name);
  noteComing(name, node, context);
  if (!node) return;
  resetAfterTotalDisruption(node, context);
  const moment = { nowMs: clock.now(), monotonicMs: clock.monotonic() };
  const lease = informers.of(leases).get(`${leaseNamespace}/${name}`);
  const heartbeat = listen(state.heartbeats.get(name), { node, lease, ...moment });
  state.heartbeats.set(name, heartbeat);

  const conditions = verdict(node, heartbeat, settings, moment);
  let current = node;
  if (conditions) {
    current = await client.of(nodes).updateStatus({ ...node, status: { ...node.status, conditions } });
    if (readyOf(node)?.status === 'True') {
      noteNode(node, { reason: 'NodeNotReady', message: `Node ${name} status is now: NodeNotReady`, context });
      state.unmarked.add(name);
    }
  }
  await taint(current, context);
  await label(current, context);
  if (readyOf(current)?.status === 'True') state.unmarked.delete(name);
  if (state.unmarked.has(name)) {
    await markPodsNotReady(name, context);
    state.unmarked.delete(name);
  }
  return { afterMs: settings.nodeMonitorPeriod };
}

function noteComing(name: string, node: Node | undefined, context: Context): void {
  const { known, unmarked } = context.state;
  const uid = known.get(name);
  if (uid === node?.metadata.uid) return;
  if (node) recall(name, context.state);
  else retire(name, context.state);
  unmarked.delete(name);
  known.delete(name);
  if (uid !== undefined) {
    const gone = { apiVersion: 'v1', kind: 'Node', metadata: { name, uid } } as Node;
    noteNode(gone, {
      reason: 'RemovingNode',
      message: `Node ${name} event: Removing Node ${name} from Controller`,
      context,
    });
  }
  if (!node) return;
  known.set(name, node.metadata.uid!);
  const message = `Node ${name} event: Registered Node ${name} in Controller`;
  noteNode(node, { reason: 'RegisteredNode', message, context });
}

function retire(name: string, { heartbeats, gone }: State): void {
  const heartbeat = heartbeats.get(name);
  heartbeats.delete(name);
  if (heartbeat) gone.set(name, heartbeat);
  if (gone.size > goneMax) gone.delete(gone.keys().next().value!);
}

function recall(name: string, { heartbeats, gone }: State): void {
  const heartbeat = gone.get(name);
  gone.delete(name);
  if (heartbeat) heartbeats.set(name, heartbeat);
}

function noteNode(
  { metadata: { name, uid } }: Node,
  { reason, message, context }: { reason: string; message: string; context: Context },
): void {
  context.recorder.event({ apiVersion: 'v1', kind: 'Node', name, uid }, { type: 'Normal', reason, message });
}

/** After we were cut off from all nodes, each gets its full time again to be heard. */
function resetAfterTotalDisruption(node: Node, { informers, clock, state, settings }: Context): void {
  // One node that is ready says that we are cut off from none.
  if (!state.wasTotal && isCounted(node) && readyOf(node)?.status === 'True') return;
  // Looking at all nodes for each of thousands would take all the time there is.
  if (clock.monotonic() - state.totalCheckedMs < totalCheckMs) return;
  state.totalCheckedMs = clock.monotonic();
  const { isTotal } = disruptionOf(informers.of(nodes).list(), settings);
  if (state.wasTotal && !isTotal) {
    const seenMs = clock.monotonic();
    for (const [name, heartbeat] of state.heartbeats) state.heartbeats.set(name, { ...heartbeat, seenMs });
  }
  state.wasTotal = isTotal;
}

async function taint(node: Node, context: Context): Promise<void> {
  const { client, clock } = context;
  const taints = wantedTaints(node, { mayExecute: mayExecute(node, context), nowMs: clock.now() });
  if (equal(taints, node.spec.taints ?? [])) return;
  const { name = '', uid, resourceVersion } = node.metadata;
  const patch = { metadata: { uid, resourceVersion }, spec: { taints: taints.length > 0 ? taints : null } };
  await client.of(nodes).patch(name, patch, { type: 'merge' });
}

/** Nodes that somebody else has made have the older names of labels too, for those who still select by them. */
async function label({ metadata }: Node, { client }: Context): Promise<void> {
  const labels = missingOldLabels(metadata.labels ?? {});
  if (Object.keys(labels).length === 0) return;
  const patch = { metadata: { uid: metadata.uid, labels } };
  await client.of(nodes).patch(metadata.name!, patch, { type: 'merge' });
}

/** Whether the node may have a NoExecute taint now; taking one down is always allowed, putting one up is rationed. */
function mayExecute(node: Node, { informers, clock, state, settings, metrics }: Context): boolean {
  if (!executingTaintFor(node)) return false;
  const others = informers
    .of(nodes)
    .list()
    .filter(({ metadata }) => metadata.name !== node.metadata.name);
  const { isTotal, ratePerSecond } = disruptionOf([...others, node], settings);
  if (isTotal) return false;
  if (hasExecutingTaint(node)) return true;
  const zone = zoneOf(node);
  const rate = ratePerSecond.get(zone) ?? 0;
  const nowMs = clock.monotonic();
  if (rate === 0 || nowMs < (state.nextTaintMs.get(zone) ?? 0)) return false;
  state.nextTaintMs.set(zone, nowMs + 1000 / rate);
  metrics.nodeEvictions.with(zone).add();
  return true;
}

/** The kubelet cannot say so, and services must stop sending to them. */
async function markPodsNotReady(name: string, context: Context): Promise<void> {
  const ready = context.informers.of(pods).byIndex('node', name).filter(isReady);
  const results = await Promise.allSettled(ready.map((pod) => markNotReady(pod, context)));
  const failure = results.find((result) => result.status === 'rejected');
  if (failure) throw failure.reason;
}

async function markNotReady(pod: Pod, { client, clock, recorder }: Context): Promise<void> {
  const { name = '', namespace, uid } = pod.metadata;
  const condition = { type: 'Ready', status: 'False', lastTransitionTime: formatTime(clock.now()) };
  const patch = { metadata: { uid }, status: { conditions: [condition] } };
  recorder.event(pod, { type: 'Warning', reason: 'NodeNotReady', message: 'Node is not ready' });
  try {
    await client.of(pods).patch(name, patch, { type: 'strategic', namespace, subresource: 'status' });
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
  }
}
