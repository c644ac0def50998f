/** What a pod worker sees: the runtime's state, messages of the dead, probes; and the status made of it. */
import type { Container, Pod, PodStatus } from '#api/gen/core-v1.js';
import { type ContainerStatusInput, containerStatuses, findStatus, type WaitingReason } from './container-status.js';
import type { NodeContext } from './node-context.js';
import { podLogDirectory } from './paths.js';
import type { ProbeLookup } from './pod-actions.js';
import { containerEvents } from './pod-events.js';
import { containersOf, isRestartableInit, latestContainer, type PodState } from './pod-state.js';
import { podStatus, type Verdict } from './pod-status.js';
import { PodProbes } from './probes/pod-probes.js';
import type { Resizing } from './resize/resizing.js';
import type { ContainerState } from './runtime/runtime.js';
import { terminationMessage } from './termination-message.js';

export interface PodViewOptions {
  context: NodeContext;
  takenOverBeforeMs: number;
  wake: () => void;
}

export interface StatusInput {
  waiting: ReadonlyMap<string, WaitingReason>;
  /** Attempt numbers by name of containers whose start is under way. */
  starting: ReadonlyMap<string, number>;
  terminated: boolean;
  verdict?: Verdict;
  resizing: Resizing;
}

export class PodView {
  readonly #context: NodeContext;
  readonly #takenOverBeforeMs: number;
  readonly #probes: PodProbes;
  /** By container id; only of containers that the runtime still has. */
  readonly #messages = new Map<string, string>();
  #pod?: Pod;
  #quiet = false;

  constructor({ context, takenOverBeforeMs, wake }: PodViewOptions) {
    this.#context = context;
    this.#takenOverBeforeMs = takenOverBeforeMs;
    const { clock, prng, prober, events, metrics } = context;
    this.#probes = new PodProbes({
      clock,
      prng,
      prober,
      events: (name) => containerEvents(events, this.#pod!, name),
      changed: wake,
      counts: metrics,
    });
  }

  /** Takes in what changed since the last look. */
  async refresh(pod: Pod): Promise<void> {
    this.#pod = pod;
    const state = this.state(pod);
    await this.#readMessages(pod, state);
    this.#probe(pod, state);
  }

  state({ metadata }: Pod): PodState {
    return this.#context.states.of(metadata.uid!);
  }

  verdictOf(kind: 'liveness' | 'startup'): ProbeLookup {
    return (id) => this.#probes.verdict(kind, id);
  }

  unwatch(containerId: string): void {
    this.#probes.unwatch(containerId);
  }

  quieten(): void {
    this.#quiet = true;
    this.#probes.quieten();
  }

  stop(): void {
    this.#quiet = true;
    this.#probes.stop();
  }

  status(pod: Pod, { waiting, starting, terminated, verdict, resizing }: StatusInput): PodStatus {
    const { statuses: manager, clock, runtimeName, hostIPs } = this.#context;
    const seen: Pod = { ...pod, status: manager.current(pod) };
    const whole = this.state(pod);
    const underWay = ({ name, attempt }: ContainerState) => starting.get(name) === attempt;
    const state = { ...whole, containers: whole.containers.filter((one) => !underWay(one)) };
    const input: ContainerStatusInput = {
      pod: seen,
      state,
      waiting,
      terminationMessages: this.#messages,
      ready: (id) => this.#isReady(seen, whole, id),
      started: (id) => this.#hasStarted(seen, whole, id),
      actual: (id) => resizing.actual(id),
      runtimeName,
      terminated,
    };
    const statuses = containerStatuses(input);
    const actual = resizing.actualWhole(seen);
    const said = { terminated, verdict, hostIPs, actual, resizing: resizing.conditions() };
    return podStatus({ pod: seen, state: whole, statuses, ...said, nowMs: clock.now() });
  }

  async #readMessages(pod: Pod, { containers }: PodState): Promise<void> {
    if (!this.#context.isMachine) return;
    const logDirectory = podLogDirectory(this.#context.paths, pod);
    const unread = containers.filter(({ state, id }) => state === 'exited' && !this.#messages.has(id));
    await Promise.all(
      unread.map(async (container) => {
        const text = await terminationMessage(this.#context.paths, { container, logDirectory });
        this.#messages.set(container.id, text);
      }),
    );
    if (this.#messages.size <= containers.length) return;
    const known = new Set(containers.map(({ id }) => id));
    for (const id of this.#messages.keys()) if (!known.has(id)) this.#messages.delete(id);
  }

  #probe(pod: Pod, state: PodState): void {
    if (this.#quiet) return;
    const podIP = (pod.spec.hostNetwork ? this.#context.hostIPs : state.sandboxes[0]?.ips)?.[0] ?? '';
    for (const { kind, container } of containersOf(pod)) {
      if (kind === 'ephemeral' || (kind === 'init' && !isRestartableInit(container as Container))) continue;
      const last = latestContainer(state, container.name);
      if (last?.state !== 'running') continue;
      const before = this.#before(pod, last);
      this.#probes.watch({ pod, podIP, container: container as Container, state: last, ...(before && { before }) });
    }
  }

  #before(pod: Pod, { id, name, startedAtMs }: ContainerState) {
    if (startedAtMs >= this.#takenOverBeforeMs) return undefined;
    const status = findStatus(pod.status, name);
    if (!status?.containerID?.endsWith(`//${id}`)) return undefined;
    return { ready: status.ready, started: status.started === true };
  }

  #isReady(pod: Pod, state: PodState, id: string): boolean {
    return !this.#specOf(pod, state, id)?.readinessProbe || this.#probes.verdict('readiness', id) === 'success';
  }

  #hasStarted(pod: Pod, state: PodState, id: string): boolean {
    return !this.#specOf(pod, state, id)?.startupProbe || this.#probes.verdict('startup', id) === 'success';
  }

  #specOf(pod: Pod, { containers }: PodState, id: string): Container | undefined {
    const name = containers.find((one) => one.id === id)?.name;
    for (const { container } of containersOf(pod)) if (container.name === name) return container as Container;
    return undefined;
  }
}
