/** Why no node takes a pod, in the words that people and tools know. */
import type { Rejection } from './framework.js';

export const noNodes = 'no nodes available to schedule pods';

export interface Diagnosis {
  /** Of nodes there are. */
  total: number;
  /** What was said of all nodes at once. */
  refusal?: readonly string[];
  rejections?: Iterable<Rejection>;
  /** What holds for the nodes without a rejection. */
  others?: string;
  /** What became of the attempt to make room. */
  after?: string;
}

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.`, reasons in text order. */
export function explain({ total, refusal, rejections = [], others, after }: Diagnosis): string {
  let text = `0/${total} nodes are available:`;
  if (refusal) text += ` ${refusal.join(', ')}.`;
  else {
    const parts = countReasons(rejections, { total, others });
    if (parts.length > 0) text += ` ${parts.join(', ')}.`;
  }
  return after ? `${text} ${after}` : text;
}

function countReasons(
  rejections: Iterable<Rejection>,
  { total, others }: { total: number; others?: string },
): string[] {
  const counts = new Map<string, number>();
  const count = (reason: string, by: number) => counts.set(reason, (counts.get(reason) ?? 0) + by);
  let rejected = 0;
  // Thousands of nodes in a row say the same.
  let run = { reason: '', length: 0 };
  for (const { reasons } of rejections) {
    rejected++;
    for (const reason of reasons) {
      if (reason === run.reason) run.length++;
      else {
        if (run.length > 0) count(run.reason, run.length);
        run = { reason, length: 1 };
      }
    }
  }
  if (run.length > 0) count(run.reason, run.length);
  if (others && rejected < total) count(others, total - rejected);
  return [...counts].map(([reason, nodes]) => `${nodes} ${reason}`).sort();
}
