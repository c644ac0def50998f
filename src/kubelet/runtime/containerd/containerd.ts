/** The runtime that speaks CRI to containerd. Construct it with the socket of our own containerd, or of a given one. */
import type { Clock } from '#base/clock.js';
import { type CallOptions, Channel, type GrpcCode, type Method } from '#base/grpc/channel.js';
import type { Decoded, Encodable, Fields, Message } from '#base/grpc/message.js';
import type { Log } from '#base/log.js';
import type { Prng } from '#base/prng.js';
import type { Image } from '../images/oci.js';
import {
  type ContainerConfig,
  type ContainerState,
  type ContainerStats,
  type ExecResult,
  type ExecStreamOptions,
  execOutputBytesMax,
  type ImageFilesystem,
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
  type StreamOptions,
} from '../runtime.js';
import {
  containerFromCri,
  containerToCri,
  imageFromCri,
  layerFromCri,
  milliseconds,
  resourcesToCri,
  sandboxFromCri,
  sandboxToCri,
} from './convert.js';
import { type containerMessage, containerStates, imageService, runtimeService, sandboxReady } from './cri.js';
import { containerdEvents } from './events.js';
import { asRuntimeError, unlessNotFound } from './failure.js';

export interface ContainerdRuntimeOptions {
  socketPath: string;
  clock: Clock;
  prng: Prng;
  log: Log;
}

/** Upstream's `--runtime-request-timeout`. */
const requestTimeoutMs = 2 * 60_000;
/** How many statuses a list asks for at once. */
const statusesAtOnce = 16;

type Listed = Decoded<typeof containerMessage>;

export class ContainerdRuntime implements Runtime {
  /** The bare client, for what CRI can do and the contract does not ask for. */
  readonly channel: Channel;
  readonly #options: ContainerdRuntimeOptions;
  /** The last known status of each id: it can only change together with the state, which a list shows. */
  #containers = new Map<string, ContainerState>();
  #sandboxes = new Map<string, SandboxState>();

  constructor(options: ContainerdRuntimeOptions) {
    this.#options = options;
    this.channel = new Channel({ socketPath: options.socketPath, clock: options.clock });
  }

  async status(): Promise<RuntimeStatus> {
    const [version, { status }] = await Promise.all([
      this.#call(runtimeService.version, {}),
      this.#call(runtimeService.status, {}),
    ]);
    const condition = (type: string) => status?.conditions.find((each) => each.type === type);
    const runtime = condition('RuntimeReady');
    if (!runtime?.status) {
      throw new RuntimeError('not ready', runtime ? `${runtime.reason}: ${runtime.message}` : 'no RuntimeReady');
    }
    const network = condition('NetworkReady');
    const trouble = network?.status ? {} : { reason: network?.reason ?? '', message: network?.message ?? '' };
    return {
      name: version.runtimeName,
      version: version.runtimeVersion,
      versionText: `${version.runtimeName}://${version.runtimeVersion}`,
      networkReady: network?.status === true,
      ...trouble,
    };
  }

  async runSandbox(config: SandboxConfig): Promise<string> {
    // Upstream gives sandboxes twice the time: the image may have to come and networks are slow.
    const options = { timeoutMs: 2 * requestTimeoutMs };
    const request = { config: sandboxToCri(config), runtimeHandler: config.runtimeHandler ?? '' };
    return (await this.#call(runtimeService.runPodSandbox, request, options)).podSandboxId;
  }

  async stopSandbox(sandboxId: string): Promise<void> {
    await unlessNotFound(() => this.#call(runtimeService.stopPodSandbox, { podSandboxId: sandboxId }));
  }

  async removeSandbox(sandboxId: string): Promise<void> {
    await unlessNotFound(() => this.#call(runtimeService.removePodSandbox, { podSandboxId: sandboxId }));
    this.#sandboxes.delete(sandboxId);
  }

  async createContainer(sandboxId: string, config: ContainerConfig, sandbox: SandboxConfig): Promise<string> {
    const request = {
      podSandboxId: sandboxId,
      config: containerToCri(config, sandbox),
      sandboxConfig: sandboxToCri(sandbox),
    };
    return (await this.#call(runtimeService.createContainer, request)).containerId;
  }

  async startContainer(containerId: string): Promise<void> {
    await this.#call(runtimeService.startContainer, { containerId });
  }

  async stopContainer(containerId: string, { graceMs }: { graceMs: number }): Promise<void> {
    const timeout = Math.ceil(graceMs / 1000);
    await unlessNotFound(() =>
      this.#call(
        runtimeService.stopContainer,
        { containerId, timeout },
        { timeoutMs: timeout * 1000 + requestTimeoutMs },
      ),
    );
  }

  async removeContainer(containerId: string): Promise<void> {
    await unlessNotFound(() => this.#call(runtimeService.removeContainer, { containerId }));
    this.#containers.delete(containerId);
  }

  async updateContainerResources(containerId: string, resources: LinuxResources): Promise<void> {
    await this.#call(runtimeService.updateContainerResources, { containerId, linux: resourcesToCri(resources) });
  }

  async reopenLog(containerId: string): Promise<void> {
    await this.#call(runtimeService.reopenContainerLog, { containerId });
  }

  async list(): Promise<{ sandboxes: SandboxState[]; containers: ContainerState[] }> {
    const [{ items }, { containers: listed }] = await Promise.all([
      this.#call(runtimeService.listPodSandbox, {}),
      this.#call(runtimeService.listContainers, {}),
    ]);
    const sandboxes = await inBatches(items, ({ id, state }) => {
      const known = this.#sandboxes.get(id);
      return known && known.ready === (state === sandboxReady) ? known : this.sandbox(id);
    });
    const containers = await inBatches(listed, (each) => {
      const known = this.#containers.get(each.id);
      return known?.state === containerStates[each.state] ? known : this.#containerOf(each);
    });
    forgetAllBut(this.#sandboxes, sandboxes);
    forgetAllBut(this.#containers, containers);
    return { sandboxes, containers };
  }

  async sandbox(sandboxId: string): Promise<SandboxState | undefined> {
    const found = await unlessNotFound(() => this.#call(runtimeService.podSandboxStatus, { podSandboxId: sandboxId }));
    if (!found?.status) return undefined;
    const state = sandboxFromCri(found.status);
    this.#sandboxes.set(sandboxId, state);
    return state;
  }

  async container(containerId: string): Promise<ContainerState | undefined> {
    const known = this.#containers.get(containerId);
    if (known) return this.#containerOf({ id: containerId, podSandboxId: known.sandboxId, imageRef: known.imageId });
    const { containers } = await this.#call(runtimeService.listContainers, { filter: { id: containerId } });
    const listed = containers.find(({ id }) => id === containerId);
    return listed && this.#containerOf(listed);
  }

  async #containerOf(listed: Pick<Listed, 'id' | 'podSandboxId' | 'imageRef'>): Promise<ContainerState | undefined> {
    const found = await unlessNotFound(() => this.#call(runtimeService.containerStatus, { containerId: listed.id }));
    if (!found?.status) {
      this.#containers.delete(listed.id);
      return undefined;
    }
    const state = containerFromCri(found.status, { sandboxId: listed.podSandboxId, imageId: listed.imageRef });
    this.#containers.set(state.id, state);
    return state;
  }

  async exec(
    containerId: string,
    command: readonly string[],
    { timeoutMs }: { timeoutMs: number },
  ): Promise<ExecResult> {
    // CRI counts whole seconds, 0 for no limit; ours is a little later, should the runtime not keep its own.
    const timeout = Math.ceil(timeoutMs / 1000);
    const limit = timeout > 0 ? { timeoutMs: (timeout + 5) * 1000 } : { timeoutMs: undefined };
    const result = await this.#call(runtimeService.execSync, { containerId, cmd: command, timeout }, limit);
    const kept = (output: Buffer) => Uint8Array.from(output.subarray(0, execOutputBytesMax));
    return { exitCode: result.exitCode, stdout: kept(result.stdout), stderr: kept(result.stderr) };
  }

  async execStream(containerId: string, options: ExecStreamOptions): Promise<number> {
    const { url } = await this.#call(runtimeService.exec, {
      containerId,
      cmd: options.command,
      ...wantedStreams(options),
    });
    return (await import('./streaming.js')).runStreams(url, options);
  }

  async attachStream(containerId: string, options: StreamOptions): Promise<void> {
    const { url } = await this.#call(runtimeService.attach, { containerId, ...wantedStreams(options) });
    await (await import('./streaming.js')).runStreams(url, options);
  }

  async portForward(sandboxId: string, port: number): Promise<NodeJS.ReadWriteStream> {
    const { url } = await this.#call(runtimeService.portForward, { podSandboxId: sandboxId, port: [port] });
    return (await import('./streaming.js')).openPort(url, port);
  }

  async pullImage({ reference, credentials, signal }: PullRequest): Promise<string> {
    const auth = credentials && {
      username: credentials.username,
      password: credentials.password,
      serverAddress: credentials.registry,
    };
    const { imageRef } = await this.#call(
      imageService.pullImage,
      { image: { image: reference }, auth },
      { signal, timeoutMs: undefined },
      { NotFound: 'image not found', InvalidArgument: 'invalid image name' },
    );
    return imageRef;
  }

  async image(reference: string): Promise<ImageInfo | undefined> {
    const { image } = await this.#call(imageService.imageStatus, { image: { image: reference } });
    return image && imageFromCri(image);
  }

  async images(): Promise<ImageInfo[]> {
    return (await this.#call(imageService.listImages, {})).images.map(imageFromCri);
  }

  async removeImage(reference: string): Promise<void> {
    await unlessNotFound(() => this.#call(imageService.removeImage, { image: { image: reference } }));
  }

  /** Puts an image that we have into the runtime's store under its names; gives its id. */
  async importImage(image: Image): Promise<string> {
    const { importImage } = await import('./import.js');
    return asRuntimeError(() => importImage(image, { ...this.#options, channel: this.channel }));
  }

  async stats(): Promise<ContainerStats[]> {
    const [{ stats }, { containers }] = await Promise.all([
      this.#call(runtimeService.listContainerStats, {}),
      this.#call(runtimeService.listContainers, {}),
    ]);
    const sandboxOf = new Map(containers.map(({ id, podSandboxId }) => [id, podSandboxId]));
    return stats.flatMap(({ attributes, cpu, memory, writableLayer }) => {
      if (!attributes || !cpu) return [];
      return {
        containerId: attributes.id,
        sandboxId: sandboxOf.get(attributes.id) ?? '',
        name: attributes.metadata?.name ?? '',
        atMs: milliseconds(cpu.timestamp),
        cpuUsageNanos: cpu.usageCoreNanoSeconds?.value ?? 0n,
        memoryWorkingSetBytes: Number(memory?.workingSetBytes?.value ?? 0n),
        ...(writableLayer && { layer: layerFromCri(writableLayer) }),
      };
    });
  }

  async imageFilesystem(): Promise<ImageFilesystem | undefined> {
    const [first] = (await this.#call(imageService.imageFsInfo, {})).imageFilesystems;
    return first?.fsId && { mountpoint: first.fsId.mountpoint, ...layerFromCri(first) };
  }

  events(signal: AbortSignal): AsyncIterable<RuntimeEvent> {
    const { clock, log } = this.#options;
    const isRunning = async (id: string) => {
      const container = await this.container(id);
      return container ? container.state === 'running' : ((await this.sandbox(id))?.ready ?? false);
    };
    return containerdEvents({ channel: this.channel, clock, log, isRunning }, signal);
  }

  async close(): Promise<void> {
    this.channel.close();
  }

  #call<In extends Fields, Out extends Fields>(
    method: Method<In, Out>,
    request: Encodable<Message<In>>,
    options: CallOptions = {},
    overrides: Partial<Record<GrpcCode, RuntimeErrorReason>> = {},
  ): Promise<Decoded<Message<Out>>> {
    return asRuntimeError(
      () => this.channel.unary(method, request, { timeoutMs: requestTimeoutMs, ...options }),
      overrides,
    );
  }
}

function wantedStreams({ stdin, stdout, stderr, tty }: StreamOptions) {
  return { tty, stdin: stdin !== undefined, stdout: stdout !== undefined, stderr: stderr !== undefined && !tty };
}

/** Leaves out what has gone in the meantime. */
async function inBatches<T, R>(items: readonly T[], one: (item: T) => R | undefined | Promise<R | undefined>) {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += statusesAtOnce) {
    const batch = await Promise.all(items.slice(at, at + statusesAtOnce).map(one));
    for (const result of batch) if (result !== undefined) results.push(result);
  }
  return results;
}

function forgetAllBut<T extends { id: string }>(cache: Map<string, T>, kept: readonly T[]): void {
  const ids = new Set(kept.map(({ id }) => id));
  for (const id of cache.keys()) if (!ids.has(id)) cache.delete(id);
}
