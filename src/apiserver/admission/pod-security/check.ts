/** What a check of the Pod Security Standards is, and the words that all checks share. */
import type { Container, PodSpec } from '#api/gen/core-v1.js';
import type { ObjectMeta } from '#apimachinery/object.js';

/** The part of a pod, or of a pod template, that checks look at. */
export interface CheckedPod {
  metadata: Pick<ObjectMeta, 'annotations'>;
  spec: PodSpec;
}

export interface Violation {
  /** Short: what is told of each of many pods. */
  reason: string;
  /** What is told of the one pod that is checked. */
  detail: string;
}

/** Undefined: the pod keeps to it. */
export type CheckPod = (pod: CheckedPod) => Violation | undefined;

export interface Check {
  id: string;
  level: 'baseline' | 'restricted';
  /** In order; each holds from its minor version on, until the next. */
  revisions: readonly { since: number; check: CheckPod }[];
  /** Baseline checks that this one, being stricter, makes needless. */
  overrides?: string;
}

/** Every container, in the order in which upstream names them. */
export function containersOf({ spec }: CheckedPod): Container[] {
  return [...(spec.initContainers ?? []), ...(spec.containers ?? []), ...(spec.ephemeralContainers ?? [])];
}

export function namesOf(pod: CheckedPod, isBad: (container: Container) => boolean): string[] {
  return containersOf(pod)
    .filter(isBad)
    .map(({ name }) => name);
}

export function quoted(items: readonly string[]): string {
  return items.map((item) => `"${item}"`).join(', ');
}

export function sorted(items: Iterable<string>): string[] {
  return [...new Set(items)].sort();
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return count === 1 ? one : many;
}

/** `container "a"`, `containers "a", "b"`. */
export function containersNamed(names: readonly string[]): string {
  return `${plural(names.length, 'container')} ${quoted(names)}`;
}

/** Who has set it: `pod and container "a"`. */
export function setters({ pod, containers }: { pod: boolean; containers: readonly string[] }): string {
  return [...(pod ? ['pod'] : []), ...(containers.length > 0 ? [containersNamed(containers)] : [])].join(' and ');
}

/** Fields of Linux cannot be set in a pod for Windows, and need not be. */
export function unlessWindows(check: CheckPod): CheckPod {
  return (pod) => (pod.spec.os?.name === 'windows' ? undefined : check(pod));
}

/** KEP-127: root of a pod with users of its own is nobody on the node. */
export function unlessOwnUsers(check: CheckPod): CheckPod {
  return (pod) => (pod.spec.hostUsers === false ? undefined : check(pod));
}
