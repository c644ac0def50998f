/**
 * A runtime that runs nothing: it remembers what it was told, on the given clock, so that one process can hold
 * thousands of nodes. Containers run as soon as they are started; what should end or fail is said in the options.
 */
import type { Clock, Timer } from '#base/clock.js';
import type { Prng } from '#base/prng.js';
import { EventQueue } from './event-queue.js';
import {
  type ContainerConfig,
  type ContainerState,
  type ContainerStats,
  type ExecResult,
  type ExecStreamOptions,
  type ImageInfo,
  type LinuxResources,
  type PullRequest,
  type Runtime,
  RuntimeError,
  type RuntimeErrorReason,
  type RuntimeEvent,
  type RuntimeStatus,
  type SandboxConfig,
  type SandboxState,
} from './runtime.js';
import type { SimulatedLife, SimulatedUsage } from './simulated-life.js';

export interface SimulatedRuntimeOptions {
  clock: Clock;
  prng: Prng;
  /** The address of a new sandbox; not asked for those on the host's network. */
  allocateAddress(config: SandboxConfig): string | Promise<string>;
  /** The sandbox that had the address is gone. */
  releaseAddress?(address: string): void;
  /** When given, only these are present; others must be pulled. */
  images?: Iterable<string>;
  /** When a container ends by itself, counted from its start. Default: never. */
  lifetime?(config: ContainerConfig): SimulatedLife | undefined;
  /** What commands of probes and hooks end with. Default: 0, as all else goes well too. */
  exitCodeOf?(command: readonly string[], config: ContainerConfig): number;
  faults?: SimulatedFaults;
  /** What a running container uses just now. Default: nothing. */
  usage?(config: ContainerConfig): SimulatedUsage;
}

/** Each is asked before the action, which fails with the given reason and message. */
export interface SimulatedFaults {
  runSandbox?(config: SandboxConfig): Fault | undefined;
  startContainer?(config: ContainerConfig): Fault | undefined;
  pullImage?(reference: string): Fault | undefined;
  updateContainerResources?(containerId: string): Fault | undefined;
  status?(): Fault | undefined;
}

export interface Fault {
  reason: RuntimeErrorReason;
  message: string;
}

const nothingRuns = 'simulated containers run nothing';
/** What a shell answers for a command that cannot be executed. */
const cannotExecute = 126;
const startErrorCode = 128;
const killedBySigkill = 137;
const endedBySigterm = 143;

interface Container {
  state: ContainerState;
  config: ContainerConfig;
  resources: LinuxResources;
  timer: Timer | undefined;
  cpu?: { atMs: number; nanos: bigint };
}

/** That of the user `nonroot` in images without a distribution. */
const nonRootUid = 65_532;

export class SimulatedRuntime implements Runtime {
  readonly #options: SimulatedRuntimeOptions;
  readonly #sandboxes = new Map<string, SandboxState>();
  readonly #containers = new Map<string, Container>();
  readonly #images: Set<string> | undefined;
  readonly #readers = new Set<EventQueue>();

  constructor(options: SimulatedRuntimeOptions) {
    this.#options = options;
    this.#images = options.images && new Set(options.images);
  }

  async status(): Promise<RuntimeStatus> {
    throwFault(this.#options.faults?.status?.());
    return { name: 'simulated', version: '1.0.0', versionText: 'simulated://1.0.0', networkReady: true };
  }

  async runSandbox(config: SandboxConfig): Promise<string> {
    throwFault(this.#options.faults?.runSandbox?.(config));
    const ips = config.hostNetwork ? [] : [await this.#options.allocateAddress(config)];
    const id = this.#newId();
    this.#sandboxes.set(id, {
      id,
      name: config.name,
      namespace: config.namespace,
      uid: config.uid,
      attempt: config.attempt,
      ready: true,
      createdAtMs: this.#options.clock.now(),
      ips,
      labels: config.labels,
      annotations: config.annotations,
    });
    this.#tell({ type: 'started', id });
    return id;
  }

  async stopSandbox(sandboxId: string): Promise<void> {
    const sandbox = this.#sandboxes.get(sandboxId);
    if (!sandbox?.ready) return;
    for (const container of this.#containers.values()) {
      if (container.state.sandboxId === sandboxId) this.#end(container, { exitCode: killedBySigkill });
    }
    for (const address of sandbox.ips) this.#options.releaseAddress?.(address);
    this.#sandboxes.set(sandboxId, { ...sandbox, ready: false, ips: [] });
    this.#tell({ type: 'exited', id: sandboxId });
  }

  async removeSandbox(sandboxId: string): Promise<void> {
    await this.stopSandbox(sandboxId);
    for (const { state } of [...this.#containers.values()]) {
      if (state.sandboxId === sandboxId) await this.removeContainer(state.id);
    }
    if (this.#sandboxes.delete(sandboxId)) this.#tell({ type: 'deleted', id: sandboxId });
  }

  async createContainer(sandboxId: string, config: ContainerConfig, sandbox: SandboxConfig): Promise<string> {
    if (!this.#sandboxes.get(sandboxId)?.ready) throw new RuntimeError('not found', `no sandbox ${sandboxId} runs`);
    if (!this.#present(config.image)) throw new RuntimeError('image not found', `no image ${config.image}`);
    const id = this.#newId();
    const state: ContainerState = {
      id,
      sandboxId,
      name: config.name,
      attempt: config.attempt,
      state: 'created',
      createdAtMs: this.#options.clock.now(),
      startedAtMs: 0,
      finishedAtMs: 0,
      exitCode: 0,
      signal: 0,
      reason: '',
      message: '',
      image: config.image,
      imageRef: config.imageId,
      imageId: config.imageId,
      logPath: `${sandbox.logDirectory}/${config.logPath}`,
      labels: config.labels,
      annotations: config.annotations,
    };
    this.#containers.set(id, { state, config, resources: config.resources, timer: undefined });
    return id;
  }

  async startContainer(containerId: string): Promise<void> {
    const container = this.#container(containerId);
    if (container.state.state !== 'created') {
      throw new RuntimeError('failed', `container ${containerId} is ${container.state.state}, not created`);
    }
    const life = this.#begin(container);
    container.state = { ...container.state, state: 'running', startedAtMs: this.#options.clock.now() };
    if (life) container.timer = this.#options.clock.setTimer(life.ms, () => this.#end(container, life));
    this.#tell({ type: 'started', id: containerId });
  }

  /** What cannot start has ended, in containerd's words. */
  #begin(container: Container): SimulatedLife | undefined {
    try {
      throwFault(this.#options.faults?.startContainer?.(container.config));
      return this.#options.lifetime?.(container.config);
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      const ending = { exitCode: startErrorCode, reason: 'StartError', message: error.message };
      container.state = { ...container.state, ...ending, state: 'exited', finishedAtMs: this.#options.clock.now() };
      throw error;
    }
  }

  /** Ends at once: what runs nothing has nothing to finish. */
  async stopContainer(containerId: string, { graceMs }: { graceMs: number }): Promise<void> {
    const container = this.#containers.get(containerId);
    if (container) this.#end(container, { exitCode: graceMs > 0 ? endedBySigterm : killedBySigkill });
  }

  async removeContainer(containerId: string): Promise<void> {
    const container = this.#containers.get(containerId);
    if (!container) return;
    this.#end(container, { exitCode: killedBySigkill });
    this.#containers.delete(containerId);
    this.#tell({ type: 'deleted', id: containerId });
  }

  async updateContainerResources(containerId: string, resources: LinuxResources): Promise<void> {
    throwFault(this.#options.faults?.updateContainerResources?.(containerId));
    this.#container(containerId).resources = resources;
  }

  /** What a container may use now. Throws RuntimeError. */
  resourcesOf(containerId: string): LinuxResources {
    return this.#container(containerId).resources;
  }

  async reopenLog(containerId: string): Promise<void> {
    this.#container(containerId);
  }

  async list(): Promise<{ sandboxes: SandboxState[]; containers: ContainerState[] }> {
    return {
      sandboxes: [...this.#sandboxes.values()],
      containers: [...this.#containers.values()].map(({ state }) => state),
    };
  }

  async sandbox(sandboxId: string): Promise<SandboxState | undefined> {
    return this.#sandboxes.get(sandboxId);
  }

  async container(containerId: string): Promise<ContainerState | undefined> {
    return this.#containers.get(containerId)?.state;
  }

  /** Ends a running container, as if its process had. */
  endContainer(containerId: string, ending: { exitCode: number; oomKilled?: boolean }): void {
    const container = this.#container(containerId);
    if (ending.oomKilled) this.#tell({ type: 'oom', id: containerId });
    this.#end(container, ending);
  }

  async exec(containerId: string, command: readonly string[]): Promise<ExecResult> {
    const { config } = this.#container(containerId);
    const exitCode = this.#options.exitCodeOf?.(command, config) ?? 0;
    return { exitCode, stdout: new Uint8Array(), stderr: new Uint8Array() };
  }

  async execStream(containerId: string, options: ExecStreamOptions): Promise<number> {
    this.#container(containerId);
    const out = options.tty ? options.stdout : (options.stderr ?? options.stdout);
    await new Promise<void>((resolve) => (out ? out.write(`${nothingRuns}\n`, () => resolve()) : resolve()));
    return cannotExecute;
  }

  /** Refused, so that `kubectl run -i` goes on with the log instead of waiting for words that never come. */
  async attachStream(containerId: string): Promise<void> {
    this.#container(containerId);
    throw new RuntimeError('failed', nothingRuns);
  }

  async portForward(sandboxId: string, port: number): Promise<NodeJS.ReadWriteStream> {
    if (!this.#sandboxes.get(sandboxId)?.ready) throw new RuntimeError('not found', `no sandbox ${sandboxId} runs`);
    throw new RuntimeError('failed', `nothing listens on port ${port}: ${nothingRuns}`);
  }

  async pullImage({ reference }: PullRequest): Promise<string> {
    throwFault(this.#options.faults?.pullImage?.(reference));
    this.#images?.add(reference);
    return reference;
  }

  async image(reference: string): Promise<ImageInfo | undefined> {
    return this.#present(reference) ? imageNamed(reference) : undefined;
  }

  async images(): Promise<ImageInfo[]> {
    return [...(this.#images ?? [])].map(imageNamed);
  }

  async removeImage(reference: string): Promise<void> {
    this.#images?.delete(reference);
  }

  /** Processor time adds up from look to look, at the pace that holds at each. */
  async stats(): Promise<ContainerStats[]> {
    const atMs = this.#options.clock.now();
    const running = [...this.#containers.values()].filter(({ state }) => state.state === 'running');
    return running.map((container) => {
      const { id, sandboxId, name, startedAtMs } = container.state;
      const { milliCpu, memoryBytes } = this.#options.usage?.(container.config) ?? { milliCpu: 0, memoryBytes: 0 };
      const { atMs: before, nanos } = container.cpu ?? { atMs: startedAtMs, nanos: 0n };
      container.cpu = { atMs, nanos: nanos + BigInt(Math.round((atMs - before) * milliCpu * 1000)) };
      const { nanos: cpuUsageNanos } = container.cpu;
      return { containerId: id, sandboxId, name, atMs, cpuUsageNanos, memoryWorkingSetBytes: memoryBytes };
    });
  }

  async imageFilesystem(): Promise<undefined> {
    return undefined;
  }

  async *events(signal: AbortSignal): AsyncIterable<RuntimeEvent> {
    const queue = new EventQueue();
    this.#readers.add(queue);
    try {
      yield* queue.read(signal);
    } finally {
      this.#readers.delete(queue);
    }
  }

  async close(): Promise<void> {
    for (const { timer } of this.#containers.values()) timer?.cancel();
  }

  #container(containerId: string): Container {
    const container = this.#containers.get(containerId);
    if (!container) throw new RuntimeError('not found', `no container ${containerId}`);
    return container;
  }

  #end(container: Container, { exitCode, oomKilled }: { exitCode: number; oomKilled?: boolean }): void {
    container.timer?.cancel();
    if (container.state.state !== 'running') return;
    container.state = {
      ...container.state,
      state: 'exited',
      finishedAtMs: this.#options.clock.now(),
      exitCode,
      signal: exitCode > 128 ? exitCode - 128 : 0,
      reason: oomKilled ? 'OOMKilled' : exitCode === 0 ? 'Completed' : 'Error',
    };
    this.#tell({ type: 'exited', id: container.state.id });
  }

  #present(reference: string): boolean {
    return this.#images?.has(reference) ?? true;
  }

  #tell(event: RuntimeEvent): void {
    for (const queue of this.#readers) queue.push(event);
  }

  #newId(): string {
    const words = Array.from({ length: 8 }, () => this.#options.prng.uint32().toString(16).padStart(8, '0'));
    return words.join('');
  }
}

/** Whatever it is, it runs as somebody: a pod that asks for `runAsNonRoot` starts, as it does with the image itself. */
function imageNamed(reference: string): ImageInfo {
  return { id: reference, tags: [reference], digests: [], sizeBytes: 0, uid: nonRootUid };
}

function throwFault(fault: Fault | undefined): void {
  if (fault) throw new RuntimeError(fault.reason, fault.message);
}
