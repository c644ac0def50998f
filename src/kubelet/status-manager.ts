/** Writes pod statuses to the API: at once, only what changed, one write per pod at a time, the latest wins. */
import pods from '#api/core/pod/index.js';
import type { Pod, PodCondition, PodStatus } from '#api/gen/core-v1.js';
import { isReason, StatusError } from '#apimachinery/errors.js';
import type { Clock } from '#base/clock.js';
import { equal } from '#base/json.js';
import type { Log } from '#base/log.js';
import type { Client } from '#client/client.js';
import { keyOf } from '#client/informer.js';
import { allRestartingCondition } from './restart-all.js';
import { isStatic } from './static-pods/origin.js';

const retryInitialMs = 200;
const retryMaximumMs = 10_000;
/** Those that are the kubelet's alone: what it no longer says of them, nobody does. */
const ownConditions = new Set([
  'PodReadyToStartContainers',
  'Initialized',
  'Ready',
  'ContainersReady',
  'PodScheduled',
  allRestartingCondition,
  'PodResizePending',
  'PodResizeInProgress',
]);

interface Slot {
  /** The object whose status is written; undefined: a static pod that has none yet. */
  target: Pod | undefined;
  /** As the API last showed or answered it. */
  base: PodStatus;
  baseVersion: string;
  wanted: PodStatus;
  writing: Promise<void> | undefined;
  gone: boolean;
}

export class StatusManager {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #signal: AbortSignal;
  /** By uid; bounded by the pods on the node. */
  readonly #slots = new Map<string, Slot>();
  /** By the uid of a static pod, the pod in the API that stands for it. */
  readonly #mirrors = new Map<string, Pod>();

  constructor({ client, clock, log, signal }: { client: Client; clock: Clock; log: Log; signal: AbortSignal }) {
    this.#client = client;
    this.#clock = clock;
    this.#log = log;
    this.#signal = signal;
  }

  /** The pod's status with what we have decided already, whether or not it is written yet. */
  current(pod: Pod): PodStatus | undefined {
    const slot = this.#slots.get(pod.metadata.uid!);
    return slot ? merged(newer(slot, pod) ? slot.base : pod.status, slot.wanted) : pod.status;
  }

  publish(pod: Pod, status: PodStatus): void {
    const slot = this.#slot(pod, status);
    slot.wanted = status;
    this.#write(slot);
  }

  /** The API shows this pod now; differences that others made to our fields are mended. */
  observe(pod: Pod): void {
    const slot = this.#slots.get(pod.metadata.uid!);
    if (!slot || newer(slot, pod)) return;
    show(slot, pod);
    this.#write(slot);
  }

  /** What the API shows in place of a static pod now; undefined: nothing. */
  mirror(uid: string, mirror: Pod | undefined): void {
    const slot = this.#slots.get(uid);
    if (mirror) this.#mirrors.set(uid, mirror);
    else this.#mirrors.delete(uid);
    if (!slot) return;
    if (!mirror) slot.target = undefined;
    else if (slot.target?.metadata.uid !== mirror.metadata.uid || !newer(slot, mirror)) show(slot, mirror);
    this.#write(slot);
  }

  /** Resolves when what was published is written, or the pod is gone. */
  async written(uid: string): Promise<void> {
    for (let slot = this.#slots.get(uid); slot?.writing; ) await slot.writing;
  }

  forget(uid: string): void {
    const slot = this.#slots.get(uid);
    if (slot) slot.gone = true;
    this.#slots.delete(uid);
  }

  #slot(pod: Pod, status: PodStatus): Slot {
    const uid = pod.metadata.uid!;
    const known = this.#slots.get(uid);
    if (known) return known;
    const target = isStatic(pod) ? this.#mirrors.get(uid) : pod;
    const base = target?.status ?? {};
    const baseVersion = target?.metadata.resourceVersion ?? '';
    const slot: Slot = { target, base, baseVersion, wanted: status, writing: undefined, gone: false };
    this.#slots.set(uid, slot);
    return slot;
  }

  #write(slot: Slot): void {
    if (slot.writing || slot.gone || !slot.target || this.#signal.aborted) return;
    const status = statusPatch(slot.base, slot.wanted);
    if (status) slot.writing = this.#writeAll(slot, status);
  }

  async #writeAll(slot: Slot, first: Record<string, unknown>): Promise<void> {
    try {
      let status: Record<string, unknown> | undefined = first;
      for (let tries = 0; status && slot.target && !slot.gone && !this.#signal.aborted; ) {
        const { target, wanted } = slot;
        const end = await this.#writeOnce(slot, { status, tries });
        const left = statusPatch(slot.base, slot.wanted);
        const isIgnored = end === 'written' && equal(left, status);
        // The server does not take what we say; asking again would never end.
        if (isIgnored) this.#log.warn('pod status not taken as written', { pod: keyOf(target), status });
        if ((isIgnored || end === 'given up') && slot.wanted === wanted) return;
        tries = end === 'failed' ? tries + 1 : 0;
        status = left;
      }
    } finally {
      // No turn after the last comparison: what is published from now on begins another write.
      slot.writing = undefined;
    }
  }

  async #writeOnce(
    slot: Slot,
    { status, tries }: { status: Record<string, unknown>; tries: number },
  ): Promise<'written' | 'failed' | 'given up'> {
    const { name = '', namespace, uid } = slot.target!.metadata;
    try {
      const body = { metadata: { uid }, status };
      const options = { type: 'strategic', subresource: 'status', namespace, signal: this.#signal } as const;
      const pod = await this.#client.of(pods).patch(name, body, options);
      slot.base = pod.status ?? {};
      slot.baseVersion = pod.metadata.resourceVersion ?? '';
      return 'written';
    } catch (error) {
      if (this.#signal.aborted) return 'given up';
      // A conflict means the name is another pod's by now: the precondition is the uid. Another may stand for a static pod.
      if (isReason(error, 'NotFound', 'Conflict')) {
        if (slot.target?.metadata.uid !== uid) return 'failed';
        if (isStatic(slot.target!)) slot.target = undefined;
        else slot.gone = true;
        return 'given up';
      }
      if (error instanceof StatusError && error.code < 500 && error.code !== 429) {
        this.#log.error('pod status refused', { pod: `${namespace}/${name}`, err: error });
        return 'given up';
      }
      const delayMs = Math.min(retryInitialMs * 2 ** tries, retryMaximumMs);
      await this.#clock.sleep(delayMs, this.#signal).catch(() => {});
      return 'failed';
    }
  }
}

function show(slot: Slot, pod: Pod): void {
  slot.target = pod;
  slot.base = pod.status ?? {};
  slot.baseVersion = pod.metadata.resourceVersion ?? '';
}

function newer(slot: Slot, pod: Pod): boolean {
  const [a, b] = [slot.baseVersion, pod.metadata.resourceVersion ?? ''];
  return a.length === b.length ? a > b : a.length > b.length;
}

/** Ours over what the API shows; conditions of others stay. */
function merged(base: PodStatus | undefined, own: PodStatus): PodStatus {
  const ours = own.conditions ?? [];
  const others = (base?.conditions ?? []).filter(({ type }) => !ours.some((one) => one.type === type));
  return { ...base, ...own, conditions: [...ours, ...others] };
}

/** A strategic merge patch from `base` to `wanted`, of the fields in `wanted` alone; undefined when there is none. */
export function statusPatch(base: PodStatus, wanted: PodStatus): Record<string, unknown> | undefined {
  const patch: Record<string, unknown> = {};
  for (const key of Object.keys(wanted) as (keyof PodStatus)[]) {
    if (isSame(base[key], wanted[key])) continue;
    if (key === 'conditions') {
      const changed = changedConditions(base.conditions ?? [], wanted.conditions ?? []);
      if (changed.length > 0) patch[key] = changed;
    } else if (key === 'podIPs' || key === 'hostIPs') {
      // These merge by ip; an address that changed must not leave the old one behind.
      const replace = (base[key] ?? []).length > 0 ? [{ $patch: 'replace' }] : [];
      patch[key] = [...replace, ...(wanted[key] ?? [])];
    } else patch[key] = wanted[key];
  }
  return Object.keys(patch).length > 0 ? patch : undefined;
}

/** `equal`, but the API writes a time that was never set as null (lastProbeTime, startedAt), where we leave it out. */
function isSame(served: unknown, wanted: unknown): boolean {
  if ((served ?? undefined) === (wanted ?? undefined)) return true;
  if (typeof served !== 'object' || typeof wanted !== 'object' || !served || !wanted) return false;
  if (Array.isArray(served) || Array.isArray(wanted)) {
    if (!Array.isArray(served) || !Array.isArray(wanted) || served.length !== wanted.length) return false;
    return served.every((item, index) => isSame(item, wanted[index]));
  }
  const [left, right] = [served as Record<string, unknown>, wanted as Record<string, unknown>];
  for (const key in left) if (!isSame(left[key], right[key])) return false;
  for (const key in right) if (!(key in left) && !isSame(undefined, right[key])) return false;
  return true;
}

function changedConditions(base: readonly PodCondition[], wanted: readonly PodCondition[]): object[] {
  const dropped = base.filter(({ type }) => ownConditions.has(type) && !wanted.some((one) => one.type === type));
  const changed = wanted.flatMap((condition) => {
    const before = base.find(({ type }) => type === condition.type);
    if (isSame(before, condition)) return [];
    // A merge keeps what is not named: what no longer holds is taken away by null.
    const cleared: Record<string, null> = {};
    for (const field of ['reason', 'message'] as const) if (before?.[field] && !condition[field]) cleared[field] = null;
    return [{ ...condition, ...cleared }];
  });
  return [...dropped.map(({ type }) => ({ $patch: 'delete', type })), ...changed];
}
