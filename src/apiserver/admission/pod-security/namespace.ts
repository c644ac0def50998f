/** What is told of the pods that a namespace has, when it comes to enforce more than before. */
import type { Pod } from '#api/gen/core-v1.js';
import { controllerOf } from '#apimachinery/object.js';
import type { Clock } from '#base/clock.js';
import { evaluate, reasonsOf } from './evaluate.js';
import { formatLevel, type LevelVersion } from './policy.js';

const podsCheckedMax = 3000;
const timeMaxMs = 1000;
/** Pods checked before other requests get a turn. */
const checkedInARow = 100;

interface Affected {
  /** The first by name. */
  name: string;
  count: number;
}

export async function warningsOfNamespace(
  pods: readonly Pod[],
  { name, enforced, clock }: { name: string; enforced: LevelVersion; clock: Clock },
): Promise<string[]> {
  const deadlineMs = clock.monotonic() + timeMaxMs;
  const affected = new Map<string, Affected>();
  let checked = 0;
  for (const pod of oneOfEachFirst(pods).slice(0, podsCheckedMax)) {
    checked++;
    note(affected, pod, reasonsOf(evaluate(enforced, pod)));
    if (checked % checkedInARow !== 0) continue;
    await new Promise<void>((resolve) => setImmediate(resolve));
    if (clock.monotonic() >= deadlineMs) break;
  }
  const warnings: string[] = [];
  if (checked < pods.length)
    warnings.push(
      `new PodSecurity enforce level only checked against the first ${checked} of ${pods.length} existing pods`,
    );
  if (affected.size > 0)
    warnings.push(
      `existing pods in namespace ${JSON.stringify(name)} violate the new PodSecurity enforce level "${formatLevel(enforced)}"`,
    );
  const lines = [...affected].map(([reasons, { name, count }]) => {
    const others = count === 1 ? '' : ` (and ${count - 1} other ${count === 2 ? 'pod' : 'pods'})`;
    return `${name}${others}: ${reasons}`;
  });
  return [...warnings, ...lines.sort()];
}

function note(affected: Map<string, Affected>, { metadata: { name = '' } }: Pod, reasons: string): void {
  if (!reasons) return;
  const known = affected.get(reasons);
  if (!known) affected.set(reasons, { name, count: 1 });
  else {
    known.count++;
    if (name < known.name) known.name = name;
  }
}

/** The pods of one controller are alike, so those of other controllers are looked at before its second one. */
function oneOfEachFirst(pods: readonly Pod[]): Pod[] {
  const seen = new Set<string>();
  const first: Pod[] = [];
  const rest: Pod[] = [];
  for (const pod of pods) {
    const uid = controllerOf(pod)?.uid;
    if (uid !== undefined && seen.has(uid)) rest.push(pod);
    else first.push(pod);
    if (uid !== undefined) seen.add(uid);
  }
  return [...first, ...rest];
}
