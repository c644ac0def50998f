/** Which checks hold at a level and version, and what they find in a pod. */
import { baselineChecks } from './baseline.js';
import type { Check, CheckedPod, CheckPod, Violation } from './check.js';
import type { LevelVersion } from './policy.js';
import { restrictedChecks } from './restricted.js';

/** The last minor version in which a check changed; `latest` is the same as it. */
const newest = Math.max(...[...baselineChecks, ...restrictedChecks].map(({ revisions }) => revisions.at(-1)!.since));

const known = new Map<string, CheckPod[]>();

/** In the order of their ids, those of the baseline first. */
export function evaluate({ level, version }: LevelVersion, pod: CheckedPod): Violation[] {
  if (level === 'privileged') return [];
  const minor = Math.min(version, newest);
  const key = `${level}:${minor}`;
  let checks = known.get(key);
  if (!checks) known.set(key, (checks = checksAt(level, minor)));
  return checks.flatMap((check) => check(pod) ?? []);
}

function checksAt(level: 'baseline' | 'restricted', minor: number): CheckPod[] {
  const at = (check: Check) => check.revisions.findLast(({ since }) => since <= minor)?.check;
  const byId = (a: Check, b: Check) => (a.id < b.id ? -1 : 1);
  const stricter = level === 'restricted' ? restrictedChecks.filter(at).sort(byId) : [];
  const overridden = stricter.map(({ overrides }) => overrides);
  const baseline = baselineChecks.filter(({ id }) => !overridden.includes(id)).sort(byId);
  return [...baseline, ...stricter].flatMap((check) => at(check) ?? []);
}

export function reasonsOf(violations: readonly Violation[]): string {
  return violations.map(({ reason }) => reason).join(', ');
}

export function detailsOf(violations: readonly Violation[]): string {
  return violations.map(({ reason, detail }) => (detail ? `${reason} (${detail})` : reason)).join(', ');
}
