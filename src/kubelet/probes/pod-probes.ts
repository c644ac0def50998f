/** The probes of one pod: a timer each, thresholds, and what they say of each container. */
import type { Container, Pod, Probe } from '#api/gen/core-v1.js';
import type { Clock, Timer } from '#base/clock.js';
import { fraction, type Prng } from '#base/prng.js';
import type { ContainerEvents } from '../pod-events.js';
import type { ContainerState } from '../runtime/runtime.js';
import type { Prober, ProbeTarget } from './probe.js';
import type { ProbeResult } from './probe-result.js';

export type ProbeKind = 'startup' | 'liveness' | 'readiness';

const kinds = [
  { kind: 'startup', field: 'startupProbe', title: 'Startup' },
  { kind: 'liveness', field: 'livenessProbe', title: 'Liveness' },
  { kind: 'readiness', field: 'readinessProbe', title: 'Readiness' },
] as const;

export interface PodProbesOptions {
  clock: Clock;
  prng: Prng;
  prober: Prober;
  events: (container: string) => ContainerEvents;
  /** A verdict changed. */
  changed: () => void;
  counts: ProbeCounts;
}

/** Who counts what was probed. */
export interface ProbeCounts {
  countProbe(target: ProbeTarget, result: ProbeResult, tookMs: number): void;
  forgetProbe(target: Pick<ProbeTarget, 'type' | 'pod' | 'container'>): void;
}

export interface Subject {
  pod: Pod;
  podIP: string;
  container: Container;
  state: ContainerState;
  /** As the API showed it before the kubelet started: what ran then is not taken for unready now. */
  before?: { ready: boolean; started: boolean };
}

interface Verdict {
  containerId: string;
  result: 'success' | 'failure' | undefined;
}

interface Watch {
  subject: Subject;
  probe: Probe;
  kind: ProbeKind;
  title: ProbeTarget['type'];
  verdict: Verdict;
  timer?: Timer;
  lastResult?: 'success' | 'failure';
  run: number;
  /** Failed for good: quiet until there is a new container. */
  held: boolean;
  stopped: boolean;
}

export class PodProbes {
  readonly #options: PodProbesOptions;
  /** By kind and container name; at most three for each container. */
  readonly #watches = new Map<string, Watch>();

  constructor(options: PodProbesOptions) {
    this.#options = options;
  }

  /** Watches a running container from now on; again with the same container it only takes over the new pod. */
  watch(subject: Subject): void {
    for (const { kind, field, title } of kinds) {
      const probe = subject.container[field];
      if (!probe) continue;
      const key = `${kind}/${subject.container.name}`;
      const known = this.#watches.get(key);
      if (known?.verdict.containerId === subject.state.id) {
        known.subject = { ...subject, before: known.subject.before };
        continue;
      }
      if (known) stop(known);
      const verdict = { containerId: subject.state.id, result: initialResult(kind, subject) };
      const watch: Watch = { subject, probe, kind, title, verdict, run: 0, held: false, stopped: false };
      this.#watches.set(key, watch);
      this.#schedule(watch, this.#firstDelayMs(watch));
    }
  }

  /** The container with this id has ended, or is about to be ended. */
  unwatch(containerId: string): void {
    for (const watch of this.#watches.values()) if (watch.verdict.containerId === containerId) stop(watch);
  }

  /** A pod that is going is no longer judged, only no longer ready when it says so itself. */
  stop(): void {
    for (const watch of this.#watches.values()) {
      stop(watch);
      const { pod, container } = watch.subject;
      this.#options.counts.forgetProbe({ type: watch.title, pod, container: container.name });
    }
    this.#watches.clear();
  }

  /** Only readiness goes on, so that endpoints drop a container that has begun to shut down. */
  quieten(): void {
    for (const watch of this.#watches.values()) if (watch.kind !== 'readiness') stop(watch);
  }

  verdict(kind: ProbeKind, containerId: string): 'success' | 'failure' | undefined {
    for (const watch of this.#watches.values()) {
      if (watch.kind === kind && watch.verdict.containerId === containerId) return watch.verdict.result;
    }
    return undefined;
  }

  #started({ subject, verdict }: Watch): boolean {
    return !subject.container.startupProbe || this.verdict('startup', verdict.containerId) === 'success';
  }

  #firstDelayMs({ subject, probe }: Watch): number {
    const { clock, prng } = this.#options;
    const dueAtMs = subject.state.startedAtMs + (probe.initialDelaySeconds ?? 0) * 1000;
    // After a restart of the kubelet all probes would come due at once.
    const spread = subject.before ? fraction(prng) * periodMs(probe) : 0;
    return Math.max(dueAtMs - clock.now(), 0) + spread;
  }

  #schedule(watch: Watch, delayMs: number): void {
    if (watch.stopped) return;
    watch.timer = this.#options.clock.setTimer(delayMs, () => void this.#tick(watch));
  }

  async #tick(watch: Watch): Promise<void> {
    const { clock } = this.#options;
    const beganAtMs = clock.monotonic();
    const due = !watch.held && (watch.kind === 'startup' ? !this.#started(watch) : this.#started(watch));
    if (due) await this.#probe(watch);
    if (watch.stopped || watch.held) return;
    // A startup probe that has succeeded has nothing more to say of this container.
    if (watch.kind === 'startup' && watch.verdict.result === 'success') return;
    const tookMs = clock.monotonic() - beganAtMs;
    const period = periodMs(watch.probe);
    this.#schedule(watch, period - (tookMs % period));
  }

  async #probe(watch: Watch): Promise<void> {
    const { subject, probe } = watch;
    const { pod, podIP, container, state } = subject;
    const { prober, clock, counts } = this.#options;
    const target = { type: watch.title, pod, podIP, container: container.name, containerId: state.id, probe };
    const beganMs = clock.monotonic();
    const answer = await prober(target);
    if (watch.stopped) return;
    counts.countProbe(target, answer, clock.monotonic() - beganMs);
    this.#report(watch, answer);
    if (answer.result === 'unknown') return;
    watch.run = watch.lastResult === answer.result ? watch.run + 1 : 1;
    watch.lastResult = answer.result;
    const { failureThreshold = 3, successThreshold = 1 } = probe;
    if (watch.run < (answer.result === 'failure' ? failureThreshold : successThreshold)) return;
    const changed = watch.verdict.result !== answer.result;
    watch.verdict.result = answer.result;
    if (answer.result === 'failure' && watch.kind !== 'readiness') watch.held = true;
    if (!changed) return;
    if (watch.kind === 'startup' && answer.result === 'success') this.#probeNow(state.id);
    this.#options.changed();
  }

  /** Once started, a container should not wait another period to be found ready. */
  #probeNow(containerId: string): void {
    for (const watch of this.#watches.values()) {
      if (watch.kind !== 'readiness' || watch.verdict.containerId !== containerId || watch.stopped) continue;
      watch.timer?.cancel();
      this.#schedule(watch, 0);
    }
  }

  #report({ title, subject }: Watch, { result, output, isWarning }: ProbeResult): void {
    const events = this.#options.events(subject.container.name);
    if (isWarning) events.warning('ProbeWarning', `${title} probe warning: ${output}`);
    if (result === 'failure') events.warning('Unhealthy', `${title} probe failed: ${output}`);
    if (result === 'unknown') {
      events.warning('Unhealthy', `${title} probe errored and resulted in unknown state: ${output}`);
    }
  }
}

function initialResult(kind: ProbeKind, { before }: Subject): Verdict['result'] {
  if (kind === 'liveness') return 'success';
  if (kind === 'readiness') return before?.ready ? 'success' : 'failure';
  return before?.started ? 'success' : undefined;
}

function periodMs({ periodSeconds = 10 }: Probe): number {
  return periodSeconds * 1000;
}

function stop(watch: Watch): void {
  watch.stopped = true;
  watch.timer?.cancel();
}
