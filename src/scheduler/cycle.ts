/** The decision: where should this pod go? A pure function of the pod, the snapshot and the plugins. */
import type { Pod } from '#api/gen/core-v1.js';
import type { Prng } from '#base/prng.js';
import { explain, noNodes } from './diagnosis.js';
import { findFeasible, type Prepared, prepare, type RejectedNode, reject, stateOf } from './filtering.js';
import type { Rejection, Remedy, Snapshot } from './framework.js';
import type { NodeInfo } from './node-info.js';
import type { Candidate } from './node-memo.js';
import { bestCandidate, type Preemption, type PreemptionContext, tryPreemption } from './preemption.js';
import { type Profile, preemptionName } from './profile.js';
import { best } from './scoring.js';

export interface CycleOptions {
  profile: Profile;
  prng: Prng;
  /** Where in the node list to begin, so that large clusters are looked at in turn. */
  startIndex: number;
}

export type Outcome =
  | { node: NodeInfo; evaluated: number; nextIndex: number }
  | { failure: Failure; evaluated: number; nextIndex: number };

export interface Failure {
  /** As `kubectl describe pod` shows it: `0/3 nodes are available: 3 Insufficient cpu.` */
  message: string;
  /** The plugins that rejected nodes; events that concern none of them do not requeue the pod. */
  rejectedBy: ReadonlySet<string>;
  /** Pods to evict so that this one fits; or the pod's nomination, where it has one, is void. */
  preemption?: Preemption;
  /** What else plugins do about it. */
  effects: readonly NonNullable<Remedy['effect']>[];
}

const nodesAlwaysScored = 100;

/** What extenders are asked in the middle of a decision. */
export type Question =
  | { ask: 'filter' | 'prioritize'; nodes: readonly NodeInfo[] }
  | { ask: 'preempt'; candidates: readonly Candidate[] };

export type Answer = Screening | ReadonlyMap<string, number> | readonly Candidate[];

export interface Screening {
  nodes: NodeInfo[];
  rejected: readonly RejectedNode[];
}

/** Throws SchedulerError when a plugin cannot decide. */
export function schedulePod(pod: Pod, snapshot: Snapshot, options: CycleOptions): Outcome {
  const step = decide(pod, snapshot, { ...options, isExtended: false }).next();
  if (!step.done) throw new TypeError('a decision without extenders asked one');
  return step.value;
}

/** The decision about a pod that extenders take part in, which goes on with each answer. */
export function* decide(
  pod: Pod,
  snapshot: Snapshot,
  options: CycleOptions & { isExtended: boolean },
): Generator<Question, Outcome, Answer> {
  const { startIndex, profile, prng, isExtended } = options;
  const { plugins, memos } = profile;
  const total = snapshot.nodes.length;
  if (total === 0)
    return { failure: { message: noNodes, rejectedBy: new Set(), effects: [] }, evaluated: 0, nextIndex: 0 };
  const prepared = prepare(pod, { snapshot, plugins, memos });
  const failing = { prng, profile, isExtended };
  if ('refused' in prepared) {
    const { plugins: refusing, reasons, reached } = prepared.refused;
    const { after, ...remedy } = yield* remedyFor(undefined, { pod, snapshot, rejected: [], reached, ...failing });
    const message = explain({ total, refusal: reasons, after });
    return { failure: { message, rejectedBy: new Set(refusing), ...remedy }, evaluated: 0, nextIndex: startIndex };
  }
  const promised = isExtended ? undefined : promisedNode(prepared);
  if (promised) return { node: promised, evaluated: 1, nextIndex: startIndex };
  const wanted = (nodes: number) => feasibleWanted(nodes, profile.percentageOfNodesToScore);
  const found = findFeasible(prepared, { startIndex, wanted });
  const nextIndex = (startIndex + found.evaluated) % total;
  const { evaluated } = found;
  let { nodes, rejected } = found;
  if (isExtended && nodes.length > 0) {
    const screened = (yield { ask: 'filter', nodes }) as Screening;
    nodes = screened.nodes;
    rejected = [...rejected, ...screened.rejected];
  }
  if (nodes.length === 0) {
    const failure = yield* failureOf(prepared, { rejected, ...failing });
    return { failure, evaluated, nextIndex };
  }
  const isAsked = isExtended && nodes.length > 1;
  const extra = isAsked ? ((yield { ask: 'prioritize', nodes }) as ReadonlyMap<string, number>) : undefined;
  return { node: best(pod, nodes, { snapshot, plugins, prng, extra, memo: prepared.memo }), evaluated, nextIndex };
}

/** The node that victims were evicted from for this pod, when it takes the pod by now. */
function promisedNode(prepared: Prepared): NodeInfo | undefined {
  const { pod, snapshot, only } = prepared;
  const name = snapshot.nominationOf(pod);
  const node = name && (!only || only.nodes.has(name)) ? snapshot.node(name) : undefined;
  return node && !reject(prepared, node) ? node : undefined;
}

interface Failing {
  prng: Prng;
  profile: Profile;
  isExtended: boolean;
}

function* failureOf(
  prepared: Prepared,
  { rejected, ...failing }: Failing & { rejected: readonly RejectedNode[] },
): Generator<Question, Failure, Answer> {
  const { pod, snapshot, only } = prepared;
  const { after, ...remedy } = yield* remedyFor(prepared, { pod, snapshot, rejected, ...failing });
  const message = explain({
    total: snapshot.nodes.length,
    rejections: rejectionsOf(rejected),
    others: only && `node(s) didn't satisfy plugin(s) [${only.plugins.join(' ')}]`,
    after,
  });
  const rejectedBy = new Set(only?.plugins);
  for (const { rejection } of rejected) rejectedBy.add(rejection.plugin);
  return { message, rejectedBy, ...remedy };
}

/** PostFilter: all say what they can do, until victims are found. */
function* remedyFor(
  prepared: Prepared | undefined,
  {
    profile,
    isExtended,
    reached,
    ...context
  }: Omit<PreemptionContext, 'args'> & Failing & { reached?: readonly string[] },
): Generator<Question, Pick<Failure, 'preemption' | 'effects'> & { after?: string }, Answer> {
  const messages: string[] = [];
  const effects: NonNullable<Remedy['effect']>[] = [];
  let preemption: Preemption | undefined;
  for (const one of profile.postFilters) {
    if (one === preemptionName) {
      const tried = tryPreemption(prepared, { ...context, args: profile.preemption });
      const { candidates } = tried;
      const isAsked = isExtended && candidates.length > 0;
      const left = isAsked ? ((yield { ask: 'preempt', candidates }) as readonly Candidate[]) : candidates;
      const chosen = bestCandidate(left);
      if (chosen) return { preemption: { nodeName: chosen.node.name, victims: chosen.victims }, effects };
      preemption = tried.isEligible ? 'hopeless' : undefined;
      messages.push(`preemption: ${tried.message ?? 'no candidate node for preemption'}`);
    } else {
      const isReached = reached?.includes(one.name) ?? true;
      const { message, effect, isFailed } = one.postFilter!({
        ...context,
        state: stateOf(prepared, one.name),
        isReached,
      });
      if (isFailed) return { effects, after: message };
      messages.push(message);
      if (effect) effects.push(effect);
    }
  }
  return { preemption, effects, after: messages.length > 0 ? messages.join(', ') : undefined };
}

function* rejectionsOf(rejected: readonly RejectedNode[]): Generator<Rejection> {
  for (const { rejection } of rejected) yield rejection;
}

/** Upstream's adaptive share: all of up to 100 nodes, then from 50 % falling by 1 % per 125 nodes to 5 %. */
function feasibleWanted(nodes: number, percentage: number): number {
  if (nodes < nodesAlwaysScored) return nodes;
  const percent = percentage || Math.max(5, 50 - Math.floor(nodes / 125));
  return Math.max(nodesAlwaysScored, Math.floor((nodes * percent) / 100));
}
