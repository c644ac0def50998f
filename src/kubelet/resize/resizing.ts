/**
 * The resize of one pod in place: what it asks for is granted when the node has room, and brought to its containers
 * while they run. https://kubernetes.io/docs/tasks/configure-pod-container/resize-container-resources/ and KEP-1287;
 * conditions, reasons and messages are upstream's.
 */
import type { Pod, PodCondition, ResourceRequirements } from '#api/gen/core-v1.js';
import { formatTime } from '#apimachinery/object.js';
import type { Timer } from '#base/clock.js';
import { equal } from '#base/json.js';
import { containerResources } from '../cgroups.js';
import { textOf } from '../kubelet-error.js';
import type { NodeContext } from '../node-context.js';
import type { ContainerToKill } from '../pod-actions.js';
import { podEvents } from '../pod-events.js';
import { latestContainer, type PodState, podText } from '../pod-state.js';
import { type Change, changesOf, increases, type Running, summaryOf } from './changes.js';
import { enlarge } from './enlarge.js';
import { grantedByStatus, isSame, type PodResources, resizable, resourcesOf, withResources } from './resources.js';

/** After the runtime or the kernel refused one. */
const retryMs = 10_000;

export interface ResizingOptions {
  context: NodeContext;
  pod: Pod;
  /** With what the newest container of a name was started; undefined: it was found here. */
  startedWith: (name: string) => Running | undefined;
  wake: () => void;
}

export class Resizing {
  readonly #options: ResizingOptions;
  #granted: PodResources;
  /** What runs, by container id. */
  readonly #actual = new Map<string, Running>();
  /** The containers that end to start anew with what was granted: their ids by name. */
  readonly #restarting = new Map<string, string>();
  /** What the pod has as a whole. */
  #whole: ResourceRequirements | undefined;
  #pending?: PodCondition;
  #progress?: PodCondition;
  /** The generation for which the node was asked last, and whether to ask again. */
  #askedFor?: number;
  #updating?: Promise<void>;
  /** The generation for which the pod has room for what it is to have. */
  #enlargedFor?: number;
  #retryAtMs = 0;
  #retry?: Timer;

  constructor(options: ResizingOptions) {
    this.#options = options;
    this.#granted = grantedByStatus(options.pod);
    this.#whole = this.#granted.whole;
  }

  /** The pod with what was granted in place of what it asks for. */
  granted(pod: Pod): Pod {
    return withResources(pod, this.#granted);
  }

  /** Asks the node for what the pod wants, if that is new. Gives whether it was granted. */
  ask(wanted: Pod): boolean {
    const { generation, uid = '' } = wanted.metadata;
    const { context } = this.#options;
    if (this.granted(wanted) === wanted) {
      this.#pending = undefined;
      context.resizes.remove(uid);
      return false;
    }
    if (this.#askedFor === generation) return false;
    this.#askedFor = generation;
    const refusal = context.admission.refusal(wanted);
    if (refusal) {
      this.#defer(wanted, refusal.message);
      return false;
    }
    context.resizes.remove(uid);
    this.#granted = resourcesOf(wanted);
    this.#pending = undefined;
    this.#progress = this.#condition('PodResizeInProgress', { pod: wanted });
    podEvents(context.events, wanted).normal('ResizeStarted', `Pod resize started: ${summaryOf(wanted, generation)}`);
    return true;
  }

  /** Takes note of what runs, and begins to change what is not as granted. Gives what has to start anew for it. */
  begin(pod: Pod, state: PodState): ContainerToKill[] {
    this.#note(pod, state);
    const actual = { whole: this.#whole, containers: this.#actual };
    const changes = changesOf(pod, state, actual);
    const isWhole = isSame(this.#whole ?? {}, pod.spec.resources ?? {});
    if (changes.length === 0 && isWhole) {
      if (this.#progress && !this.#updating && this.#restarting.size === 0) this.#complete(pod);
      return [];
    }
    const { context, wake } = this.#options;
    const [anew, running] = [changes.filter(({ restarts }) => restarts), changes.filter(({ restarts }) => !restarts)];
    const isToDo = running.length > 0 || !isWhole || this.#enlargedFor !== pod.metadata.generation;
    if (isToDo && !this.#updating && context.clock.monotonic() >= this.#retryAtMs) {
      this.#progress ??= this.#condition('PodResizeInProgress', { pod });
      this.#updating = this.#update(pod, running)
        .catch((error) => this.#fail(pod, error))
        .finally(() => {
          this.#updating = undefined;
          wake();
        });
    }
    return anew.map(({ id, container: { name } }) => {
      this.#restarting.set(name, id);
      return { id, name, message: `Container ${name} resize requires restart`, reason: 'resize' };
    });
  }

  /** What the status shows of a running container's resources, where that is known. */
  actual(containerId: string): ResourceRequirements | undefined {
    return this.#actual.get(containerId)?.own;
  }

  /** The same pod with what it has as a whole, while that is not yet what it was granted. */
  actualWhole(pod: Pod): Pod {
    return withResources(pod, { whole: this.#whole, containers: new Map() });
  }

  conditions(): PodCondition[] {
    return [this.#pending, this.#progress].filter((one) => one !== undefined);
  }

  /** The pod has ended, or the kubelet does. */
  async stop(): Promise<void> {
    this.#retry?.cancel();
    this.#options.context.resizes.remove(this.#options.pod.metadata.uid!);
    [this.#pending, this.#progress] = [undefined, undefined];
    await this.#updating;
  }

  #note(pod: Pod, { containers }: PodState): void {
    for (const { name } of resizable(pod)) {
      const last = latestContainer({ sandboxes: [], containers }, name);
      if (last?.id !== this.#restarting.get(name)) this.#restarting.delete(name);
      if (last?.state !== 'running' || this.#actual.has(last.id)) continue;
      this.#actual.set(last.id, this.#options.startedWith(name) ?? this.#found(name));
    }
    const there = new Set(containers.map(({ id }) => id));
    for (const id of this.#actual.keys()) if (!there.has(id)) this.#actual.delete(id);
  }

  /** What an earlier kubelet said of a container that it has started. */
  #found(name: string): Running {
    const { containers, whole } = grantedByStatus(this.#options.pod);
    return { own: containers.get(name) ?? {}, whole };
  }

  async #update(pod: Pod, changes: readonly Change[]): Promise<void> {
    const { context } = this.#options;
    await enlarge(context, pod, { changes, actual: { whole: this.#whole, containers: this.#actual } });
    this.#enlargedFor = pod.metadata.generation;
    for (const { id, container } of changes) {
      await context.runtime.updateContainerResources(id, containerResources(pod, container, context));
      this.#actual.set(id, { own: container.resources ?? {}, whole: pod.spec.resources });
    }
    this.#whole = pod.spec.resources;
  }

  #complete(pod: Pod): void {
    const { context } = this.#options;
    const generation = this.#progress?.observedGeneration;
    this.#progress = undefined;
    // Only now may the pod's own limits shrink.
    context.cgroups.ensure(pod).catch((err) => context.log.warn('cgroup not resized', { pod: podText(pod), err }));
    const message = `Pod resize completed: ${summaryOf(pod, generation)}`;
    podEvents(context.events, pod).normal('ResizeCompleted', message);
    context.resizes.retry();
  }

  #fail(pod: Pod, error: unknown): void {
    const { context, wake } = this.#options;
    const message = textOf(error);
    this.#retryAtMs = context.clock.monotonic() + retryMs;
    this.#retry?.cancel();
    this.#retry = context.clock.setTimer(retryMs, wake);
    const before = this.#progress;
    this.#progress = this.#condition('PodResizeInProgress', { pod, reason: 'Error', message, before });
    if (before?.message === message) return;
    const summary = summaryOf(pod, this.#progress.observedGeneration, message);
    podEvents(context.events, pod).warning('ResizeError', `Pod resize error: ${summary}`);
  }

  #defer(pod: Pod, message: string): void {
    const { context, wake } = this.#options;
    const { generation } = pod.metadata;
    const reason = 'Deferred';
    const before = this.#pending;
    this.#pending = this.#condition('PodResizePending', { pod, reason, message, before });
    context.resizes.put({
      pod,
      isMore: increases(this.granted(pod), pod),
      sinceMs: context.clock.monotonic(),
      retry: () => {
        this.#askedFor = undefined;
        wake();
      },
    });
    if (before?.reason === reason && before.observedGeneration === generation) return;
    const summary = summaryOf(pod, generation, message);
    podEvents(context.events, pod).warning('ResizeDeferred', `Pod resize Deferred: ${summary}`);
  }

  /** Its transition was when its reason changed; the generation of progress is that of what was granted. */
  #condition(
    type: string,
    { pod, reason, message, before }: { pod: Pod; reason?: string; message?: string; before?: PodCondition },
  ): PodCondition {
    const now = formatTime(this.#options.context.clock.now());
    const isProgress = type === 'PodResizeInProgress';
    const observedGeneration = (isProgress ? before?.observedGeneration : undefined) ?? pod.metadata.generation;
    const condition: PodCondition = {
      type,
      status: 'True',
      ...(observedGeneration !== undefined && { observedGeneration }),
      ...(reason && { reason }),
      ...(message && { message }),
      lastTransitionTime: before?.reason === reason && before?.lastTransitionTime ? before.lastTransitionTime : now,
    };
    const { lastProbeTime, ...old } = before ?? { lastProbeTime: undefined };
    return before && equal(old, condition) ? before : { ...condition, lastProbeTime: lastProbeTime ?? now };
  }
}
