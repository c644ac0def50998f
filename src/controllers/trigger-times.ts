/** When what an Endpoints object or a slice shows began to be true, so that the way to it can be measured. */
import type { Pod, Service } from '#api/gen/core-v1.js';
import { keyOf } from '#client/informer.js';

export const triggerTimeAnnotation = 'endpoints.kubernetes.io/last-change-trigger-time';

interface Seen {
  service: string;
  pods: ReadonlyMap<string, string>;
}

/** Keeps what it saw of each service last; times are compared as the text that objects carry. */
export class TriggerTimes {
  readonly #seen = new Map<string, Seen>();

  /** Must be told of every look at the service. undefined: nothing that has a time of its own has changed since the last. */
  look(service: Service, pods: readonly Pod[]): string | undefined {
    const key = keyOf(service);
    const last = this.#seen.get(key);
    const now: Seen = { service: service.metadata.creationTimestamp ?? '', pods: timesOf(pods) };
    this.#seen.set(key, now);
    if (!last) return now.service || undefined;
    const changed = [...now.pods].filter(([name, time]) => time > (last.pods.get(name) ?? '')).map(([, time]) => time);
    if (now.service > last.service) changed.push(now.service);
    return changed.sort()[0];
  }

  forget(key: string): void {
    this.#seen.delete(key);
  }
}

function timesOf(pods: readonly Pod[]): Map<string, string> {
  const times = new Map<string, string>();
  for (const { metadata, status } of pods) {
    const time = status?.conditions?.find(({ type }) => type === 'Ready')?.lastTransitionTime;
    if (time) times.set(metadata.name ?? '', time);
  }
  return times;
}

/** What is written carries the time, or none. */
export function withTriggerTime(
  annotations: Record<string, string> | undefined,
  time: string | undefined,
): Record<string, string> {
  const { [triggerTimeAnnotation]: _, ...others } = annotations ?? {};
  return time ? { ...others, [triggerTimeAnnotation]: time } : others;
}
