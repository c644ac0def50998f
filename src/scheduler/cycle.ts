/** The decision: where should this pod go? A pure function of the pod, the snapshot and the plugins. */
import type { Pod } from '#api/gen/core-v1.js';
import type { Prng } from '#base/prng.js';
import { explain, noNodes } from './diagnosis.js';
import {
  type Feasible,
  findFeasible,
  type Prepared,
  prepare,
  type RejectedNode,
  reject,
  stateOf,
} from './filtering.js';
import type { Rejection, Remedy, Snapshot } from './framework.js';
import type { NodeInfo } from './node-info.js';
import { type Preemption, type PreemptionContext, preempt } from './preemption.js';
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

export function schedulePod(pod: Pod, snapshot: Snapshot, options: CycleOptions): Outcome {
  const { startIndex, profile, prng } = options;
  const { plugins, memos } = profile;
  const total = snapshot.nodes.length;
  if (total === 0)
    return { failure: { message: noNodes, rejectedBy: new Set(), effects: [] }, evaluated: 0, nextIndex: 0 };
  const prepared = prepare(pod, { snapshot, plugins, memos });
  if ('refused' in prepared) {
    const { plugins: refusing, reasons } = prepared.refused;
    const { after, ...remedy } = remedyFor(undefined, { pod, snapshot, rejected: [], prng, profile });
    const message = explain({ total, refusal: reasons, after });
    return { failure: { message, rejectedBy: new Set(refusing), ...remedy }, evaluated: 0, nextIndex: startIndex };
  }
  const promised = promisedNode(prepared);
  if (promised) return { node: promised, evaluated: 1, nextIndex: startIndex };
  const wanted = (nodes: number) => feasibleWanted(nodes, profile.percentageOfNodesToScore);
  const found = findFeasible(prepared, { startIndex, wanted });
  const nextIndex = (startIndex + found.evaluated) % total;
  const { evaluated } = found;
  if (found.nodes.length > 0) {
    return { node: best(pod, found.nodes, { snapshot, plugins, prng }), evaluated, nextIndex };
  }
  return { failure: failureOf(prepared, { found, prng, profile }), evaluated, nextIndex };
}

/** The node that victims were evicted from for this pod, when it takes the pod by now. */
function promisedNode(prepared: Prepared): NodeInfo | undefined {
  const { pod, snapshot, only } = prepared;
  const name = snapshot.nominationOf(pod);
  const node = name && (!only || only.nodes.has(name)) ? snapshot.node(name) : undefined;
  return node && !reject(prepared, node) ? node : undefined;
}

function failureOf(
  prepared: Prepared,
  { found, prng, profile }: { found: Feasible; prng: Prng; profile: Profile },
): Failure {
  const { pod, snapshot, only } = prepared;
  const { rejected } = found;
  const { after, ...remedy } = remedyFor(prepared, { pod, snapshot, rejected, prng, profile });
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
function remedyFor(
  prepared: Prepared | undefined,
  { profile, ...context }: Omit<PreemptionContext, 'args'> & { profile: Profile },
): Pick<Failure, 'preemption' | 'effects'> & { after?: string } {
  const messages: string[] = [];
  const effects: NonNullable<Remedy['effect']>[] = [];
  let preemption: Preemption | undefined;
  for (const one of profile.postFilters) {
    if (one === preemptionName) {
      const tried = preempt(prepared, { ...context, args: profile.preemption });
      preemption = tried.preemption;
      if (preemption && preemption !== 'hopeless') return { preemption, effects };
      if (tried.message) messages.push(tried.message);
    } else {
      const { message, effect } = one.postFilter!({ ...context, state: stateOf(prepared, one.name) });
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
