/** The starts of a pod's containers that are under way, in their order, with back-off and what they failed by. */
import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Container, Pod } from '#api/gen/core-v1.js';
import type { Timer } from '#base/clock.js';
import { BackOff } from './back-off.js';
import { type ReadySandbox, StartFailure, startContainer } from './container-start.js';
import { findStatus, type WaitingReason } from './container-status.js';
import { formatDuration } from './go-text.js';
import type { NodeContext } from './node-context.js';
import { podLogDirectory } from './paths.js';
import type { PodActions } from './pod-actions.js';
import { containerEvents, podEvents } from './pod-events.js';
import { makeSandbox } from './pod-sandbox.js';
import { type AnyContainer, findContainer, latestContainer, podText, restartCountOf } from './pod-state.js';
import type { Running } from './resize/changes.js';
import type { ContainerState } from './runtime/runtime.js';
import { sandboxConfig } from './sandbox-config.js';
import { VolumeFailure } from './volumes/volumes.js';

const restartInitialMs = 10_000;
const restartMaximumMs = 300_000;
const sandboxRetryMs = { first: 1000, most: 15_000 };
const volumeRetryMs = { first: 500, most: 122_000 };
/** After a start that failed without a container to show for it. */
const startRetryMs = 10_000;
/** From a pull that failed to saying that we back off from it. */
const pullRetryMs = 2000;
/** Dead instances of a container that are kept, for their logs. */
const deadKept = 1;

export class ContainerStarts {
  readonly #context: NodeContext;
  readonly #wake: () => void;
  readonly #restarts: BackOff;
  readonly #jobs = new Map<string, Promise<void>>();
  readonly #retryAtMs = new Map<string, number>();
  /** The end for which a back-off was announced, by container name. */
  readonly #announced = new Map<string, number>();
  readonly inProgress = new Map<string, number>();
  readonly waiting = new Map<string, WaitingReason>();
  /** By container name, as it was last started. */
  readonly resources = new Map<string, Running>();
  #abort = new AbortController();
  #sandbox?: Promise<ReadySandbox>;
  #sandboxFailures = 0;
  #volumes?: Promise<void>;
  #volumeFailures = 0;
  #refresh?: Timer;
  /** Resolves when the container whose turn it is has started. */
  #turn: Promise<void> = Promise.resolve();

  constructor({ context, wake }: { context: NodeContext; wake: () => void }) {
    this.#context = context;
    this.#wake = wake;
    this.#restarts = new BackOff({ clock: context.clock, initialMs: restartInitialMs, maximumMs: restartMaximumMs });
  }

  /** Starts what is to start and is not yet about to; gives when to look again. */
  begin(
    pod: Pod,
    actions: PodActions,
    { isBusy }: { isBusy: (containerId: string) => boolean },
  ): { wakeInMs?: number } {
    const names = [
      ...actions.ephemeralContainersToStart,
      ...actions.initContainersToStart,
      ...actions.containersToStart,
    ];
    let wakeInMs: number | undefined;
    const later = (ms: number) => {
      wakeInMs = Math.min(wakeInMs ?? ms, ms);
    };
    if (actions.createSandbox && !this.#sandbox) {
      const delayMs = this.#remainingMs('sandbox/');
      if (delayMs > 0) return { wakeInMs: delayMs };
      this.#makeSandbox(pod, actions.attempt);
    }
    for (const name of names) {
      const last = latestContainer(this.#context.states.of(pod.metadata.uid!), name);
      if (this.#jobs.has(name) || (last && isBusy(last.id))) continue;
      const delayMs = this.#delayMs(pod, { name, last });
      if (delayMs > 0) later(delayMs);
      else this.#start(pod, { name, last, actions });
    }
    return { wakeInMs };
  }

  /** The spec changed: what failed may succeed now. */
  retryNow(): void {
    this.#retryAtMs.clear();
  }

  /** Brings volumes up to date, if they were set up. Failures are told as events, and tried again. */
  refreshVolumes(pod: Pod): void {
    if (!this.#volumes || this.#abort.signal.aborted) return;
    this.#volumes = undefined;
    this.#setUpVolumes(pod).catch((error) => {
      if (this.#abort.signal.aborted) return;
      this.#noteVolumeFailure(pod, error);
      // The pod runs, so no start will ask again.
      this.#refresh = this.#context.clock.setTimer(this.#remainingMs('volumes/'), () => {
        this.#volumes ??= Promise.resolve();
        this.refreshVolumes(pod);
      });
    });
  }

  /** Begins no more, and resolves when what was under way has ended. */
  async stop(): Promise<void> {
    this.#abort.abort(new Error('the pod is ending'));
    this.#refresh?.cancel();
    await Promise.all([...this.#jobs.values(), this.#sandbox?.catch(() => {}), this.#volumes?.catch(() => {})]);
  }

  #remainingMs(key: string): number {
    return Math.max((this.#retryAtMs.get(key) ?? 0) - this.#context.clock.now(), 0);
  }

  /** How long to hold the start back: a restart too soon, or a failure too fresh. */
  #delayMs(pod: Pod, { name, last }: { name: string; last: ContainerState | undefined }): number {
    if (last?.state !== 'exited') return this.#remainingMs(name);
    const key = restartKey(findContainer(pod, name)!);
    const restartMs = this.#restarts.remainingMs(key, last.finishedAtMs);
    if (restartMs === 0) return this.#remainingMs(name);
    if (this.#announced.get(name) !== last.finishedAtMs) {
      this.#announced.set(name, last.finishedAtMs);
      const text = `Back-off restarting failed container ${name} in pod ${podText(pod)}`;
      containerEvents(this.#context.events, pod, name).warning('BackOff', text);
    }
    const delay = formatDuration(this.#restarts.delayMs(key));
    const message = `back-off ${delay} restarting failed container=${name} pod=${podText(pod)}`;
    this.waiting.set(name, { reason: 'CrashLoopBackOff', message });
    return Math.max(restartMs, this.#remainingMs(name));
  }

  #makeSandbox(pod: Pod, attempt: number): void {
    const { clock } = this.#context;
    this.#sandbox = makeSandbox(this.#context, pod, attempt);
    this.#sandbox
      .then(
        () => {
          this.#sandboxFailures = 0;
        },
        () => {
          const { first, most } = sandboxRetryMs;
          this.#retryAtMs.set('sandbox/', clock.now() + Math.min(first * 2 ** this.#sandboxFailures++, most));
        },
      )
      .finally(() => {
        this.#sandbox = undefined;
        this.#wake();
      });
  }

  #start(
    pod: Pod,
    { name, last, actions }: { name: string; last: ContainerState | undefined; actions: PodActions },
  ): void {
    const container = findContainer(pod, name)!;
    const key = restartKey(container);
    this.resources.set(name, { own: (container as Container).resources ?? {}, whole: pod.spec.resources });
    const created = last?.state === 'created' && last.sandboxId === actions.sandboxId ? last : undefined;
    const attempt = created ? created.attempt : this.#nextAttempt(pod, { name, last });
    if (last?.state === 'exited') this.#restarts.increase(key, last.finishedAtMs);
    const turn = this.#turn;
    const sandbox = this.#sandbox ?? Promise.resolve(this.#readySandbox(pod, actions));
    const job = startContainer(this.#context, {
      pod,
      container,
      attempt,
      ...(created && { created }),
      volumes: this.#setUpVolumes(pod),
      sandbox,
      turn,
      signal: this.#abort.signal,
    })
      .then(() => {
        this.waiting.delete(name);
        this.#retryAtMs.delete(name);
        this.#removeOld(pod, name);
      })
      .catch((error) => this.#noteFailure(pod, { name, error }))
      .finally(() => {
        this.#jobs.delete(name);
        this.inProgress.delete(name);
        this.#wake();
      });
    this.inProgress.set(name, attempt);
    this.#jobs.set(name, job);
    this.#turn = job;
  }

  #readySandbox(pod: Pod, { sandboxId = '', attempt }: PodActions): ReadySandbox {
    const { paths, cluster, hostDns, states } = this.#context;
    const state = states.of(pod.metadata.uid!).sandboxes.find(({ id }) => id === sandboxId);
    return { id: sandboxId, config: sandboxConfig({ pod, attempt, paths, cluster, hostDns }), ips: state?.ips ?? [] };
  }

  #nextAttempt(pod: Pod, { name, last }: { name: string; last: ContainerState | undefined }): number {
    if (last) return restartCountOf(last) + 1;
    // The runtime has lost it, but the API remembers.
    const before = findStatus(pod.status, name);
    return before?.containerID ? before.restartCount + 1 : (before?.restartCount ?? 0);
  }

  #setUpVolumes(pod: Pod): Promise<void> {
    if (this.#volumes) return this.#volumes;
    const { volumes, config, states, hostIPs, allocatable, isMachine } = this.#context;
    const podIPs = states.of(pod.metadata.uid!).sandboxes[0]?.ips ?? [];
    if (isMachine) config.watch(pod, () => this.refreshVolumes(pod));
    const settingUp = volumes.setUp(pod, { pod, podIPs, hostIPs, allocatable });
    this.#volumes = settingUp;
    settingUp.then(
      () => {
        this.#volumeFailures = 0;
      },
      () => {
        if (this.#volumes === settingUp) this.#volumes = undefined;
      },
    );
    return settingUp;
  }

  #noteVolumeFailure(pod: Pod, error: unknown): void {
    const { first, most } = volumeRetryMs;
    const delayMs = Math.min(first * 2 ** this.#volumeFailures++, most);
    podEvents(this.#context.events, pod).warning('FailedMount', error instanceof Error ? error.message : String(error));
    this.#retryAtMs.set('volumes/', this.#context.clock.now() + delayMs);
  }

  #noteFailure(pod: Pod, { name, error }: { name: string; error: unknown }): void {
    if (this.#abort.signal.aborted) return;
    const { clock, images, log } = this.#context;
    const nowMs = clock.now();
    if (error instanceof VolumeFailure) {
      // All containers of the pod fail by it; one tells.
      if (this.#remainingMs('volumes/') === 0) this.#noteVolumeFailure(pod, error);
      this.#retryAtMs.set(name, nowMs + this.#remainingMs('volumes/'));
      return;
    }
    if (!(error instanceof StartFailure)) {
      log.warn('container could not be started', { pod: podText(pod), container: name, err: error });
      this.#retryAtMs.set(name, nowMs + this.#remainingMs('sandbox/'));
      return;
    }
    this.waiting.set(name, { reason: error.waiting, message: error.message });
    const isStart = error.waiting === 'RunContainerError' || error.waiting === 'PostStartHookError';
    // Once it has ended, the back-off of restarts holds it.
    if (isStart && latestContainer(this.#context.states.of(pod.metadata.uid!), name)?.state !== 'created') return;
    const container = findContainer(pod, name);
    const pullMs = container ? images.backOffMs(pod, container) : 0;
    const delayMs = error.waiting === 'ImagePullBackOff' ? pullMs : pullMs > 0 ? pullRetryMs : startRetryMs;
    this.#retryAtMs.set(name, nowMs + Math.max(delayMs, 1));
  }

  /** The newest dead instance stays, so that `logs --previous` has something to show. */
  #removeOld(pod: Pod, name: string): void {
    const { states, runtime, paths, isMachine, log } = this.#context;
    const dead = states.of(pod.metadata.uid!).containers.filter((one) => one.name === name && one.state === 'exited');
    for (const { id, logPath } of dead.slice(deadKept)) {
      runtime
        .removeContainer(id)
        .then(async () => {
          states.remove(id);
          if (isMachine) await rm(resolve(podLogDirectory(paths, pod), logPath), { force: true });
        })
        .catch((err) => log.warn('dead container could not be removed', { id, err }));
    }
  }
}

/** Another image may well do what the one before could not, and is tried at once. */
function restartKey({ name, image = '' }: AnyContainer): string {
  return `${name}/${image}`;
}
