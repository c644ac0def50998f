/** What the kubelet counts of its own work: GET /metrics and /metrics/probes, under upstream's names. */
import type { ContainerStatus, PodStatus } from '#api/gen/core-v1.js';
import type { Clock } from '#base/clock.js';
import { type Histogram, MetricRegistry } from '#base/metrics.js';
import { addProcessMetrics } from '#base/process-metrics.js';
import type { ProbeTarget } from './probes/probe.js';
import type { ProbeResult } from './probes/probe-result.js';
import type { Runtime } from './runtime/runtime.js';

/** Prometheus' own default. */
const usualBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** From 5 ms, each two and a half times the last. */
const operationBounds = Array.from({ length: 14 }, (_, power) => 0.005 * 2.5 ** power);
const probeLabels = ['probe_type', 'result', 'container', 'pod', 'namespace', 'pod_uid'];
const requestLabels = ['method', 'path', 'server_type', 'long_running'];

/** What each call of the contract is to CRI. */
const operations: Partial<Record<keyof Runtime, string>> = {
  status: 'status',
  runSandbox: 'run_podsandbox',
  stopSandbox: 'stop_podsandbox',
  removeSandbox: 'remove_podsandbox',
  createContainer: 'create_container',
  startContainer: 'start_container',
  stopContainer: 'stop_container',
  removeContainer: 'remove_container',
  updateContainerResources: 'update_container',
  reopenLog: 'reopen_container_log',
  list: 'list_containers',
  sandbox: 'podsandbox_status',
  container: 'container_status',
  exec: 'exec_sync',
  execStream: 'exec',
  attachStream: 'attach',
  portForward: 'port_forward',
  pullImage: 'pull_image',
  image: 'image_status',
  images: 'list_images',
  removeImage: 'remove_image',
  stats: 'list_container_stats',
  imageFilesystem: 'image_fs_info',
};

export interface NodeCounts {
  desiredPods: number;
  runningPods: number;
  /** By state: `running`, `exited`, ... */
  containers: ReadonlyMap<string, number>;
}

export class KubeletMetrics {
  readonly probes = new MetricRegistry();
  readonly own = new MetricRegistry();
  readonly #clock: Clock;
  readonly #probeResults = this.probes.counter({
    name: 'prober_probe_total',
    help: '[BETA] Probes of a container that were made, by their result.',
    labels: probeLabels,
  });
  readonly #probeDurations = this.probes.histogram({
    name: 'prober_probe_duration_seconds',
    help: '[ALPHA] How long probes took, in seconds.',
    labels: ['probe_type', 'container', 'pod', 'namespace'],
    bounds: usualBounds,
  });
  readonly #operations = this.own.counter({
    name: 'kubelet_runtime_operations_total',
    help: '[ALPHA] Calls of the container runtime, by operation.',
    labels: ['operation_type'],
  });
  readonly #operationErrors = this.own.counter({
    name: 'kubelet_runtime_operations_errors_total',
    help: '[ALPHA] Calls of the container runtime that failed, by operation.',
    labels: ['operation_type'],
  });
  readonly #operationDurations: Histogram = this.own.histogram({
    name: 'kubelet_runtime_operations_duration_seconds',
    help: '[ALPHA] How long calls of the container runtime took, in seconds.',
    labels: ['operation_type'],
    bounds: operationBounds,
  });
  readonly #ended = this.own.counter({
    name: 'kubelet_terminated_containers_total',
    help: '[ALPHA] Containers that have ended, by kind, exit code and reason.',
    labels: ['container_type', 'exit_code', 'reason'],
  });
  readonly #relists = this.own.histogram({
    name: 'kubelet_pleg_relist_duration_seconds',
    help: '[ALPHA] How long it took to list all that the container runtime has, in seconds.',
    labels: [],
    bounds: usualBounds,
  });
  readonly #evictions = this.own.counter({
    name: 'kubelet_evictions',
    help: '[ALPHA] Pods that were ended because the node ran short of something, by what told of it.',
    labels: ['eviction_signal'],
  });
  readonly #removedImages = this.own.counter({
    name: 'kubelet_image_garbage_collected_total',
    help: '[ALPHA] Images that were removed because nobody used them, for want of space or for their age.',
    labels: ['reason'],
  });
  readonly #requests = this.own.counter({
    name: 'kubelet_http_requests_total',
    help: '[ALPHA] Requests that the server was sent.',
    labels: requestLabels,
  });
  readonly #requestDurations = this.own.histogram({
    name: 'kubelet_http_requests_duration_seconds',
    help: '[ALPHA] How long requests took to be served, in seconds.',
    labels: requestLabels,
    bounds: usualBounds,
  });

  constructor({ clock, nodeName, counts }: { clock: Clock; nodeName: string; counts: () => NodeCounts }) {
    this.#clock = clock;
    const gauge = (name: string, help: string, labels: string[], collect: () => [string[], number][]) =>
      this.own.collected({
        name: `kubelet_${name}`,
        type: 'gauge',
        help: `[ALPHA] ${help}`,
        labels,
        collect: () => collect().map(([values, value]) => ({ labels: values, value })),
      });
    gauge('node_name', 'Always 1; the label tells which node this is.', ['node'], () => [[[nodeName], 1]]);
    gauge('desired_pods', 'Pods that the kubelet is told to run.', ['static'], () => [[[''], counts().desiredPods]]);
    gauge('running_pods', 'Pods that have a sandbox that runs.', [], () => [[[], counts().runningPods]]);
    gauge('running_containers', 'Containers, by their state.', ['container_state'], () =>
      [...counts().containers].map(([state, count]) => [[state], count]),
    );
    addProcessMetrics(this.own, clock);
    addProcessMetrics(this.probes, clock);
  }

  countProbe({ type, pod, container }: ProbeTarget, { result }: ProbeResult, tookMs: number): void {
    const { name = '', namespace = '', uid = '' } = pod.metadata;
    this.#probeResults.with(type, resultNames[result], container, name, namespace, uid).add();
    // One that failed took as long as its timeout says, and tells nothing of the container.
    if (result !== 'failure') this.#probeDurations.with(type, container, name, namespace).observe(tookMs / 1000);
  }

  forgetProbe({ type, pod, container }: Pick<ProbeTarget, 'type' | 'pod' | 'container'>): void {
    const { name = '', namespace = '', uid = '' } = pod.metadata;
    for (const result of Object.values(resultNames))
      this.#probeResults.remove(type, result, container, name, namespace, uid);
    this.#probeDurations.remove(type, container, name, namespace);
  }

  /** Each end once: when the status of a container first tells of it. */
  countEnds(before: PodStatus | undefined, now: PodStatus): void {
    for (const [key, kind] of kindsOfContainers) {
      for (const { name, state } of now[key] ?? []) {
        if (state?.terminated && !isEnded(before?.[key], name))
          this.#ended.with(kind, String(state.terminated.exitCode), state.terminated.reason ?? '').add();
      }
    }
  }

  countRelist(tookMs: number): void {
    this.#relists.with().observe(tookMs / 1000);
  }

  countEviction(signal: string): void {
    this.#evictions.with(signal).add();
  }

  countRemovedImage(reason: 'age' | 'space'): void {
    this.#removedImages.with(reason).add();
  }

  countRequest({ method, path, tookMs }: { method: string; path: string; tookMs: number }): void {
    const labels = [method, path, 'readwrite', String(longRunning.has(path))];
    this.#requests.with(...labels).add();
    this.#requestDurations.with(...labels).observe(tookMs / 1000);
  }

  /** The same runtime, with every call counted. */
  counted(runtime: Runtime): Runtime {
    return new Proxy(runtime, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== 'function') return value;
        const operation = operations[key as keyof Runtime];
        const call = value.bind(target) as (...words: unknown[]) => Promise<unknown>;
        return operation ? (...words: unknown[]) => this.#timed(operation, () => call(...words)) : call;
      },
    });
  }

  async #timed<T>(operation: string, work: () => Promise<T>): Promise<T> {
    const beganMs = this.#clock.monotonic();
    this.#operations.with(operation).add();
    try {
      return await work();
    } catch (error) {
      this.#operationErrors.with(operation).add();
      throw error;
    } finally {
      this.#operationDurations.with(operation).observe((this.#clock.monotonic() - beganMs) / 1000);
    }
  }
}

const kindsOfContainers = [
  ['initContainerStatuses', 'init_container'],
  ['containerStatuses', 'container'],
  ['ephemeralContainerStatuses', 'ephemeral_container'],
] as const;

function isEnded(statuses: readonly ContainerStatus[] | undefined, name: string): boolean {
  return statuses?.find((status) => status.name === name)?.state?.terminated !== undefined;
}

const resultNames: Record<ProbeResult['result'], string> = {
  success: 'successful',
  failure: 'failed',
  unknown: 'unknown',
};

/** Requests that last as long as their streams do. */
const longRunning = new Set(['exec', 'attach', 'debug']);
const paths = new Set(
  'healthz pods stats metrics metrics/cadvisor metrics/probes metrics/resource run exec attach portForward containerLogs configz runningpods logs debug statusz flagz'.split(
    ' ',
  ),
);
const methods = new Set(['OPTIONS', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'TRACE', 'CONNECT']);

/** What a request is counted as: whatever anybody may write in a path must not become a label. */
export function requestKind({ method = '', url = '' }: { method?: string; url?: string }) {
  const [first = '', second = ''] = url.split('?', 1)[0]!.split('/').slice(1);
  const path = first === 'metrics' && second !== '' ? `${first}/${second}` : first;
  return { method: methods.has(method) ? method : 'other', path: paths.has(path) ? path : 'other' };
}
