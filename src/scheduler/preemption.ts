/**
 * DefaultPreemption: which pods of lower priority would have to go so that this one fits? Decided by trial on the
 * snapshot; who evicts them is `evictions.ts`.
 * https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/
 */
import type { Pod } from '#api/gen/core-v1.js';
import type { DefaultPreemptionArgs } from '#api/gen/kubescheduler-v1.js';
import type { PodDisruptionBudget } from '#api/gen/policy-v1.js';
import { labelSelectorFrom } from '#apimachinery/selectors.js';
import { below, type Prng } from '#base/prng.js';
import { explain } from './diagnosis.js';
import { adjust, crowd, type Prepared, priorityOf, type RejectedNode, reject } from './filtering.js';
import type { Rejection, Snapshot } from './framework.js';
import type { NodeInfo } from './node-info.js';
import type { Attempt, Candidate } from './node-memo.js';

export type Preemption =
  | { nodeName: string; victims: readonly Pod[] }
  /** Nothing to evict helps, so that what the pod was promised is void. */
  | 'hopeless';

/** At least so many nodes are tried, or this share of them. */
export type PreemptionArgs = Pick<DefaultPreemptionArgs, 'minCandidateNodesAbsolute' | 'minCandidateNodesPercentage'>;

const notHelpful = 'Preemption is not helpful for scheduling';
const noVictims = 'No preemption victims found for incoming pod';

export interface PreemptionContext {
  pod: Pod;
  snapshot: Snapshot;
  rejected: readonly RejectedNode[];
  prng: Prng;
  args: PreemptionArgs;
}

export interface Tried {
  /** Nodes with the victims whose going would help. */
  candidates: readonly Candidate[];
  /** Why there is none. */
  message?: string;
  /** Whether the pod may preempt at all now; if so, what it was promised is void without a candidate. */
  isEligible: boolean;
}

export function tryPreemption(prepared: Prepared | undefined, context: PreemptionContext): Tried {
  const ineligible = whyIneligible(context);
  if (ineligible) return { candidates: [], message: ineligible, isEligible: false };
  const { snapshot, rejected, prng, args } = context;
  const promising = rejected.filter(({ rejection }) => !rejection.unresolvable).map(({ node }) => node);
  const { candidates, failed } = prepared
    ? dryRun(prepared, { nodes: promising, prng, args })
    : { candidates: [], failed: [] };
  if (candidates.length > 0) return { candidates, isEligible: true };
  const total = snapshot.nodes.length;
  return { candidates, message: explain({ total, rejections: failed, others: notHelpful }), isEligible: true };
}

function whyIneligible({ pod, snapshot, rejected }: PreemptionContext): string | undefined {
  if (pod.spec.preemptionPolicy === 'Never') return 'not eligible due to preemptionPolicy=Never.';
  const nominated = snapshot.nominationOf(pod);
  if (!nominated) return undefined;
  if (rejected.find(({ node }) => node.name === nominated)?.rejection.unresolvable) return undefined;
  const isLeaving = snapshot.node(nominated)?.pods.some((one) => isBelow(one, pod) && isBeingPreempted(one));
  return isLeaving ? 'not eligible due to a terminating pod on the nominated node.' : undefined;
}

function isBelow(one: Pod, pod: Pod): boolean {
  return priorityOf(one) < priorityOf(pod);
}

function isBeingPreempted({ metadata, status }: Pod): boolean {
  if (!metadata.deletionTimestamp) return false;
  const disrupted = status?.conditions?.find(({ type }) => type === 'DisruptionTarget');
  return disrupted?.status === 'True' && disrupted.reason === 'PreemptionByScheduler';
}

/** Begins anywhere, so that not the same nodes suffer each time, and ends when there are candidates enough. */
function dryRun(
  prepared: Prepared,
  { nodes, prng, args }: { nodes: readonly NodeInfo[]; prng: Prng; args: PreemptionArgs },
): { candidates: Candidate[]; failed: Rejection[] } {
  const candidates: Candidate[] = [];
  const failed: Rejection[] = [];
  if (nodes.length === 0) return { candidates, failed };
  const budgets = prepared.snapshot.budgets();
  const { minCandidateNodesAbsolute: absolute = 100, minCandidateNodesPercentage: percentage = 10 } = args;
  const enough = Math.max(absolute, Math.floor((nodes.length * percentage) / 100));
  const offset = below(prng, nodes.length);
  let harmless = 0;
  for (let index = 0; index < nodes.length && !(harmless > 0 && candidates.length >= enough); index++) {
    const node = nodes[(offset + index) % nodes.length]!;
    const result = attempt(prepared, { node, budgets });
    if ('reasons' in result) failed.push(result);
    else {
      candidates.push(result);
      if (result.violations === 0) harmless++;
    }
  }
  return { candidates, failed };
}

/** As it came out for a like pod, where nothing but the node counts. */
function attempt(
  prepared: Prepared,
  { node, budgets }: { node: NodeInfo; budgets: readonly PodDisruptionBudget[] },
): Attempt {
  const { memo, pod, snapshot, filters } = prepared;
  const guests = snapshot.nominated(node.name);
  if (!memo || filters.length > 0 || budgets.length > 0) return victimsOn(prepared, { node, budgets });
  const { crowded, counted } = crowd(pod, { node, guests });
  if (counted.length < guests.length) return victimsOn(prepared, { node, budgets });
  const met = memo.of(crowded);
  // What is asked of nodes on trial, which are thrown away, is not worth keeping.
  met.attempt ??= victimsOn({ ...prepared, memo: undefined }, { node, budgets });
  return met.attempt;
}

/** All of lower priority go; then, from the most important down, those come back beside which the pod still fits. */
function victimsOn(
  prepared: Prepared,
  { node, budgets }: { node: NodeInfo; budgets: readonly PodDisruptionBudget[] },
): Attempt {
  const lower = node.pods.filter((one) => isBelow(one, prepared.pod)).sort(compareImportance);
  if (lower.length === 0) return { reasons: [noVictims], unresolvable: true };
  let trial = lower.reduce((left, other) => moved(left, { other, by: -1 }), { prepared, node });
  const rejection = reject(trial.prepared, trial.node);
  if (rejection) return rejection;
  const { violating, others } = byBudget(lower, budgets);
  const victims: Pod[] = [];
  let violations = 0;
  for (const other of [...violating, ...others]) {
    const back = moved(trial, { other, by: 1 });
    if (reject(back.prepared, back.node)) {
      victims.push(other);
      if (violating.includes(other)) violations++;
    } else trial = back;
  }
  // A filter that does not tell its state by the node's pods alone may find room where there was none.
  if (victims.length === 0) return { reasons: [`expected at least one victim pod on node "${node.name}"`] };
  return { node, victims: victims.sort(compareImportance), violations };
}

interface Trial {
  prepared: Prepared;
  node: NodeInfo;
}

function moved({ prepared, node }: Trial, { other, by }: { other: Pod; by: 1 | -1 }): Trial {
  const after = by === 1 ? node.withPod(other) : node.withoutPod(other.metadata.uid!);
  return { prepared: adjust(prepared, { other, node, by }), node: after };
}

/** Higher priority first, then the one that has run longer; one that has not started yet counts as youngest. */
function compareImportance(a: Pod, b: Pod): number {
  const byPriority = priorityOf(b) - priorityOf(a);
  return byPriority || startedMs(a) - startedMs(b);
}

function startedMs(pod: Pod): number {
  let ms = starts.get(pod);
  if (ms === undefined) {
    ms = pod.status?.startTime ? Date.parse(pod.status.startTime) : Number.MAX_SAFE_INTEGER;
    starts.set(pod, ms);
  }
  return ms;
}

const starts = new WeakMap<Pod, number>();

/** Those whose eviction would break a budget, when the pods before them in the list go too. */
function byBudget(pods: readonly Pod[], budgets: readonly PodDisruptionBudget[]): { violating: Pod[]; others: Pod[] } {
  const allowed = budgets.map(({ status }) => status?.disruptionsAllowed ?? 0);
  const violating: Pod[] = [];
  const others: Pod[] = [];
  for (const pod of pods) {
    let isViolating = false;
    for (const [at, budget] of budgets.entries()) {
      if (!covers(budget, pod)) continue;
      allowed[at]!--;
      if (allowed[at]! < 0) isViolating = true;
    }
    (isViolating ? violating : others).push(pod);
  }
  return { violating, others };
}

/** A pod that the budget has been told of already does not use it up again; an empty selector matches nothing here. */
function covers({ metadata, spec, status }: PodDisruptionBudget, pod: Pod): boolean {
  const { labels, name = '', namespace } = pod.metadata;
  if (metadata.namespace !== namespace || !labels || Object.keys(labels).length === 0) return false;
  if (status?.disruptedPods && name in status.disruptedPods) return false;
  const selector = labelSelectorFrom(spec?.selector);
  return !selector.isEverything && selector.matches(labels);
}

/** Fewest broken budgets, then the least priority of the first, of all; then fewest; then the latest started. */
export function bestCandidate(candidates: readonly Candidate[]): Candidate | undefined {
  const badness: ((candidate: Candidate) => number)[] = [
    ({ violations }) => violations,
    ({ victims }) => priorityOf(victims[0]!),
    // Shifted so that fewer pods of negative priority are not worse than more of them.
    ({ victims }) => victims.reduce((sum, pod) => sum + priorityOf(pod) + 2 ** 31, 0),
    ({ victims }) => victims.length,
    ({ victims }) => -earliestStart(victims),
  ];
  let left = candidates;
  for (const rule of badness) {
    if (left.length <= 1) break;
    const rated = left.map(rule);
    const least = Math.min(...rated);
    left = left.filter((_, at) => rated[at] === least);
  }
  return left[0];
}

/** Of the victims with the highest priority. */
function earliestStart(victims: readonly Pod[]): number {
  const highest = priorityOf(victims[0]!);
  return Math.min(...victims.filter((pod) => priorityOf(pod) === highest).map(startedMs));
}
