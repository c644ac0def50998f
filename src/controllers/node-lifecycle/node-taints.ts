/**
 * The taints that a node's conditions ask for.
 * https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/#taint-nodes-by-condition
 */
import type { Node, Taint } from '#api/gen/core-v1.js';
import { formatTime } from '#apimachinery/object.js';
import { notReadyTaint, sameTaint, unreachableTaint, unschedulableTaint } from '../taints.js';
import { readyOf } from './health.js';

const byCondition: Record<string, Record<string, string>> = {
  Ready: { False: notReadyTaint, Unknown: unreachableTaint },
  MemoryPressure: { True: 'node.kubernetes.io/memory-pressure' },
  DiskPressure: { True: 'node.kubernetes.io/disk-pressure' },
  NetworkUnavailable: { True: 'node.kubernetes.io/network-unavailable' },
  PIDPressure: { True: 'node.kubernetes.io/pid-pressure' },
};

const managedKeys = new Set([...Object.values(byCondition).flatMap(Object.values), unschedulableTaint]);

/** All taints that the node should have; those that are not ours to manage stay. */
export function wantedTaints(node: Node, { mayExecute, nowMs }: { mayExecute: boolean; nowMs: number }): Taint[] {
  const before = node.spec.taints ?? [];
  const wanted = [...schedulingTaints(node), ...executingTaints(node, { mayExecute })];
  const isManaged = ({ key, effect }: Taint) =>
    (effect === 'NoSchedule' && managedKeys.has(key)) ||
    (effect === 'NoExecute' && (key === notReadyTaint || key === unreachableTaint));
  const kept = before.filter((taint) => !isManaged(taint) || wanted.some((one) => sameTaint(one, taint)));
  const added = wanted.filter((taint) => !before.some((one) => sameTaint(one, taint)));
  return [...kept, ...added.map((taint) => ({ ...taint, timeAdded: formatTime(nowMs) }))];
}

/** The NoExecute taint that the node's state asks for; it is rationed, for it moves pods. */
export function executingTaintFor(node: Node): string | undefined {
  return byCondition['Ready']![readyOf(node)?.status ?? ''];
}

export function hasExecutingTaint({ spec }: Node): boolean {
  return (spec.taints ?? []).some(
    ({ key, effect }) => effect === 'NoExecute' && (key === notReadyTaint || key === unreachableTaint),
  );
}

function schedulingTaints({ spec, status }: Node): Taint[] {
  const keys = (status?.conditions ?? []).flatMap((condition) => byCondition[condition.type]?.[condition.status] ?? []);
  if (spec.unschedulable) keys.push(unschedulableTaint);
  return keys.map((key) => ({ key, effect: 'NoSchedule' }));
}

function executingTaints(node: Node, { mayExecute }: { mayExecute: boolean }): Taint[] {
  const key = executingTaintFor(node);
  return key && mayExecute ? [{ key, effect: 'NoExecute' }] : [];
}
