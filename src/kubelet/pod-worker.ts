/**
 * Brings one pod to what its spec says: woken by changes of the pod, of its containers and of its probes, it looks at
 * the whole, decides by `computePodActions`, and starts the work; the work runs beside it and wakes it when done.
 */
import pods from '#api/core/pod/index.js';
import type { Pod, PodStatus } from '#api/gen/core-v1.js';
import { isReason } from '#apimachinery/errors.js';
import type { Timer } from '#base/clock.js';
import { equal } from '#base/json.js';
import { refuse } from './admission/refuse.js';
import { ContainerStarts } from './container-starts.js';
import { resetContainers, type StopInput, stopContainer } from './container-stop.js';
import { textOf } from './kubelet-error.js';
import type { NodeContext } from './node-context.js';
import { type ContainerToKill, computePodActions, type PodActions } from './pod-actions.js';
import { podEvents } from './pod-events.js';
import { removeFromRuntime } from './pod-sandbox.js';
import { findContainer, isTerminalPhase, podText } from './pod-state.js';
import type { Verdict } from './pod-status.js';
import { hurry, releaseResources, stopPod } from './pod-termination.js';
import { PodView } from './pod-view.js';
import { Resizing } from './resize/resizing.js';
import type { ContainerState } from './runtime/runtime.js';
import { VolumeFailure } from './volumes/volumes.js';

/** After an operation of the runtime or the API failed. */
const retryMs = 1000;
const retryMsMax = 15_000;

export interface PodWorkerOptions {
  context: NodeContext;
  pod: Pod;
  /** When the kubelet started: containers older than that were taken over. */
  takenOverBeforeMs: number;
}

export class PodWorker {
  readonly #context: NodeContext;
  readonly #view: PodView;
  readonly #starts: ContainerStarts;
  readonly #killing = new Set<string>();
  readonly #replaced = new Set<string>();
  #resetting?: Promise<void>;
  readonly #resizing: Resizing;
  /** As the API shows it. */
  #wanted: Pod;
  /** The same with the resources that it was granted: what is done here goes by that. */
  #pod: Pod;
  #stage: 'arriving' | 'running' | 'ending' | 'ended' = 'arriving';
  #verdict?: Verdict;
  #dirty = false;
  #loop?: Promise<void>;
  #timer?: Timer;
  #wakeAtMs = Number.POSITIVE_INFINITY;
  /** Ends the wait before a refusal is told. */
  #pause?: AbortController;
  #ending?: Promise<void>;
  /** What was said of it last. */
  #told?: PodStatus;
  /** How it ended is decided, and what is still taken away changes nothing of it. */
  #endIsTold = false;
  /** The API object is gone. */
  #gone = false;
  #stopped = false;

  constructor({ context, pod, takenOverBeforeMs }: PodWorkerOptions) {
    this.#context = context;
    this.#wanted = pod;
    const wake = () => this.wake();
    this.#view = new PodView({ context, takenOverBeforeMs, wake });
    this.#starts = new ContainerStarts({ context, wake });
    const startedWith = (name: string) => this.#starts.resources.get(name);
    this.#resizing = new Resizing({ context, pod, startedWith, wake });
    this.#pod = this.#resizing.granted(pod);
  }

  get pod(): Pod {
    return this.#pod;
  }

  /**
   * It was let in, and takes its share of the node until it has ended, or until nobody else counts it any more: the
   * scheduler gives the room of a pod that is deleted without grace to the next one at once.
   */
  get isAdmitted(): boolean {
    return (
      !this.#gone && this.#stage !== 'arriving' && this.#stage !== 'ended' && !isTerminalPhase(this.#pod.status?.phase)
    );
  }

  update(pod: Pod): void {
    const before = this.#pod;
    this.#wanted = pod;
    this.#pod = this.#resizing.granted(pod);
    const graceOf = ({ metadata }: Pod) => metadata.deletionGracePeriodSeconds ?? Number.POSITIVE_INFINITY;
    if (this.#stage === 'ending' && graceOf(pod) < graceOf(before)) {
      hurry(this.#context, pod).catch((err) => this.#log('cannot stop sooner', err));
    }
    if (pod.metadata.generation !== before.metadata.generation) this.#starts.retryNow();
    const { labels, annotations } = before.metadata;
    // The downward API may show them.
    if (!equal(labels, pod.metadata.labels) || !equal(annotations, pod.metadata.annotations)) this.refreshVolumes();
    this.wake();
  }

  /** What volumes show may have changed. */
  refreshVolumes(): void {
    if (this.#stage === 'running') this.#starts.refreshVolumes(this.#pod);
  }

  /** Ends the pod for a reason of the node's own; it is Failed then. Resolves when nothing of it runs any more. */
  async evict(verdict: Verdict): Promise<void> {
    this.#verdict ??= verdict;
    this.wake();
    await this.#loop;
    await this.#ending;
  }

  /** Resolves when all that the pod had here is taken away. */
  async remove(): Promise<void> {
    this.#gone = true;
    this.#pause?.abort();
    this.#context.statuses.forget(this.#pod.metadata.uid!);
    this.wake();
    await this.#loop;
    await this.#ending;
    if (!this.#stopped) await removeFromRuntime(this.#context, this.#pod.metadata.uid!);
  }

  /** The kubelet ends and the pod goes on: no more effects. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#pause?.abort();
    this.#view.stop();
    await Promise.all([this.#starts.stop(), this.#resizing.stop(), this.#resetting]);
    await this.#loop;
  }

  /** Looks at the pod again, soon. Cheap, and never too often: wakes during a look make one more look. */
  wake(): void {
    this.#dirty = true;
    this.#loop ??= this.#run().finally(() => {
      this.#loop = undefined;
      if (this.#dirty && !this.#stopped) this.wake();
    });
  }

  async #run(): Promise<void> {
    while (this.#dirty) {
      await this.#context.turn();
      if (this.#stopped) return;
      this.#dirty = false;
      try {
        await this.#look();
      } catch (err) {
        this.#log('pod sync failed', err);
        this.#wakeIn(retryMs);
      }
    }
  }

  async #look(): Promise<void> {
    if (this.#hasEnded) {
      if (this.#pod.metadata.deletionTimestamp && !this.#gone) await this.#delete();
      return;
    }
    if (this.#stage === 'arriving') await this.#arrive();
    if (this.#hasEnded) return;
    await this.#view.refresh(this.#pod);
    this.#checkDeadline();
    const { metadata, status } = this.#pod;
    if (metadata.deletionTimestamp || this.#gone || this.#verdict || isTerminalPhase(status?.phase)) {
      this.#end();
    } else {
      if (this.#resizing.ask(this.#wanted)) this.#pod = this.#wanted;
      const state = this.#view.state(this.#pod);
      const probes = { liveness: this.#view.verdictOf('liveness'), startup: this.#view.verdictOf('startup') };
      this.#act(computePodActions({ pod: this.#pod, state, probes, replaced: this.#replaced }));
      for (const kill of this.#resizing.begin(this.#pod, state)) this.#kill(kill);
    }
    this.#publish({ terminated: false });
  }

  /** Nothing of the pod runs here, nor will. */
  get #hasEnded(): boolean {
    return this.#stage === 'ended';
  }

  /** What an earlier kubelet has started, or what is to end, goes its way. */
  async #arrive(): Promise<void> {
    const { admission, clock } = this.#context;
    const { metadata, status } = this.#pod;
    const isNew = !status?.startTime && !metadata.deletionTimestamp && !isTerminalPhase(status?.phase) && !this.#gone;
    let refusal = isNew ? admission.refusal(this.#pod) : undefined;
    const node = refusal && (await admission.freshNodeFor(refusal));
    if (node) refusal = admission.refusal(this.#pod, node);
    if (refusal) refusal = await admission.makeRoom(this.#pod, refusal);
    if (refusal) {
      this.#pause = new AbortController();
      await clock.sleep(admission.refusalDelayMs(), this.#pause.signal).catch(() => {});
    }
    this.#stage = refusal ? 'ended' : 'running';
    if (refusal && !this.#gone && !this.#stopped) refuse(this.#context, this.#pod, refusal);
  }

  #act(actions: PodActions): void {
    if (actions.containersToReset.length > 0) {
      this.#reset(actions.containersToReset);
      return;
    }
    if (actions.killPod && !actions.createSandbox) {
      this.#end();
      return;
    }
    for (const kill of actions.containersToKill) this.#kill(kill);
    const { wakeInMs } = this.#starts.begin(this.#pod, actions, { isBusy: (id) => this.#killing.has(id) });
    if (wakeInMs !== undefined) this.#wakeIn(wakeInMs);
  }

  #kill({ id, name, message, reason }: ContainerToKill): void {
    if (this.#killing.has(id)) return;
    const container = this.#view.state(this.#pod).containers.find((one) => one.id === id);
    if (!container) return;
    this.#killing.add(id);
    if (reason === 'spec changed' || reason === 'resize') this.#replaced.add(id);
    const spec = findContainer(this.#pod, name);
    const probe =
      reason === 'liveness probe' ? spec?.livenessProbe : reason === 'startup probe' ? spec?.startupProbe : undefined;
    const seconds = probe?.terminationGracePeriodSeconds;
    const input: StopInput = {
      pod: this.#pod,
      container,
      message,
      ...(seconds !== undefined && { graceMs: seconds * 1000 }),
    };
    this.#view.unwatch(id);
    stopContainer(this.#context, input)
      .catch((err) => {
        this.#log('container could not be stopped', err);
        this.#wakeIn(retryMs);
      })
      .finally(() => {
        this.#killing.delete(id);
        this.wake();
      });
  }

  /** What is about to start is waited for: it would come to a pod that has begun anew. */
  #reset(containers: readonly ContainerState[]): void {
    if (this.#resetting || this.#starts.inProgress.size > 0 || this.#killing.size > 0) return;
    for (const { id } of containers) this.#view.unwatch(id);
    this.#resetting = resetContainers(this.#context, { pod: this.#pod, containers })
      .catch((err) => {
        this.#log('containers could not be reset', err);
        this.#wakeIn(retryMs);
      })
      .finally(() => {
        this.#resetting = undefined;
        this.wake();
      });
  }

  #checkDeadline(): void {
    const { activeDeadlineSeconds } = this.#pod.spec;
    if (activeDeadlineSeconds === undefined || this.#verdict) return;
    const startedAtMs = Date.parse(this.#pod.status?.startTime ?? '');
    const nowMs = this.#context.clock.now();
    const leftMs = (Number.isNaN(startedAtMs) ? nowMs : startedAtMs) + activeDeadlineSeconds * 1000 - nowMs;
    if (leftMs > 0) {
      this.#wakeIn(leftMs);
      return;
    }
    const message = 'Pod was active on the node longer than the specified deadline';
    this.#verdict = { reason: 'DeadlineExceeded', message };
    podEvents(this.#context.events, this.#pod).normal('DeadlineExceeded', message);
  }

  #end(): void {
    if (this.#stage !== 'running') return;
    this.#stage = 'ending';
    this.#view.quieten();
    this.#ending = this.#endAll();
    this.#ending.catch((err) => this.#log('pod could not be ended', err)).finally(() => this.wake());
  }

  async #endAll(): Promise<void> {
    const { clock } = this.#context;
    await Promise.all([this.#starts.stop(), this.#resizing.stop(), this.#resetting]);
    for (let delayMs = retryMs; ; delayMs = Math.min(delayMs * 2, retryMsMax)) {
      if (this.#stopped) return;
      try {
        const seconds = this.#verdict?.graceSeconds;
        await stopPod(this.#context, this.#pod, seconds === undefined ? undefined : seconds * 1000);
        await this.#view.refresh(this.#pod);
        if (!this.#gone) this.#publish({ terminated: true });
        this.#endIsTold = true;
        await releaseResources(this.#context, this.#pod);
        break;
      } catch (err) {
        this.#log('pod could not be stopped, trying again', err);
        podEvents(this.#context.events, this.#pod).warning('FailedKillPod', `error killing pod: ${textOf(err)}`);
        await clock.sleep(delayMs);
      }
    }
    this.#timer?.cancel();
    this.#view.stop();
    this.#stage = 'ended';
    this.#context.resizes.retry();
  }

  /** The last word: the API server removes the object only now, if nobody else holds it. */
  async #delete(): Promise<void> {
    const { name = '', namespace, uid } = this.#pod.metadata;
    await this.#context.statuses.written(uid!);
    try {
      const options = { namespace, gracePeriodSeconds: 0, preconditions: { uid } };
      await this.#context.client.of(pods).delete(name, options);
    } catch (error) {
      if (!isReason(error, 'NotFound', 'Conflict')) throw error;
    }
  }

  #publish({ terminated }: { terminated: boolean }): void {
    if (this.#gone || this.#stage === 'ended') return;
    if (this.#stage === 'ending' && !terminated && (this.#verdict || this.#endIsTold)) return;
    // What has ended stays as it ended.
    if (isTerminalPhase(this.#pod.status?.phase)) return;
    const waiting = this.#starts.waiting;
    const status = this.#view.status(this.#pod, {
      waiting,
      starting: this.#starts.inProgress,
      terminated,
      verdict: this.#verdict,
      resizing: this.#resizing,
    });
    this.#context.metrics.countEnds(this.#told ?? this.#pod.status, status);
    this.#told = status;
    this.#context.statuses.publish(this.#pod, status);
  }

  /** At the earliest of the times that were asked for; whoever still needs a later one asks again then. */
  #wakeIn(delayMs: number): void {
    const atMs = this.#context.clock.monotonic() + delayMs;
    if (atMs >= this.#wakeAtMs) return;
    this.#wakeAtMs = atMs;
    this.#timer?.cancel();
    this.#timer = this.#context.clock.setTimer(delayMs, () => {
      this.#wakeAtMs = Number.POSITIVE_INFINITY;
      this.wake();
    });
  }

  #log(message: string, err: unknown): void {
    const cause = err instanceof VolumeFailure ? err.cause : err;
    if (!this.#stopped) this.#context.log.warn(message, { pod: podText(this.#pod), err: cause });
  }
}
