/**
 * What the kubelet asks of a container runtime, in our words: sandboxes (one per pod: the network and the cgroup),
 * containers in them, images. `containerd.ts` speaks CRI; `simulated.ts` keeps it all in memory on the given clock.
 * Names follow CRI v1. All times are milliseconds since the epoch.
 */

export interface Runtime {
  /** Resolves when the runtime and its network answer; throws RuntimeError `not ready` with the runtime's own reason. */
  status(): Promise<RuntimeStatus>;

  runSandbox(config: SandboxConfig): Promise<string>;
  /** Kills what runs in it and takes its network down. Idempotent. */
  stopSandbox(sandboxId: string): Promise<void>;
  removeSandbox(sandboxId: string): Promise<void>;

  createContainer(sandboxId: string, config: ContainerConfig, sandbox: SandboxConfig): Promise<string>;
  startContainer(containerId: string): Promise<void>;
  /** SIGTERM (or the image's stop signal), then SIGKILL after `graceMs`. Idempotent; resolves when it has exited. */
  stopContainer(containerId: string, options: { graceMs: number }): Promise<void>;
  removeContainer(containerId: string): Promise<void>;
  updateContainerResources(containerId: string, resources: LinuxResources): Promise<void>;
  /** After rotation: the runtime opens the log path anew. */
  reopenLog(containerId: string): Promise<void>;

  /** All sandboxes and containers with our labels, dead ones included: how the kubelet learns what is there after a restart. */
  list(): Promise<{ sandboxes: SandboxState[]; containers: ContainerState[] }>;
  sandbox(sandboxId: string): Promise<SandboxState | undefined>;
  container(containerId: string): Promise<ContainerState | undefined>;

  /** Runs to the end and collects output (bounded by `execOutputBytesMax`); for probes and lifecycle hooks. */
  exec(containerId: string, command: readonly string[], options: { timeoutMs: number }): Promise<ExecResult>;
  /** Streaming: resolves with the exit code once the process has ended and its output is flushed. */
  execStream(containerId: string, options: ExecStreamOptions): Promise<number>;
  /** Streams of the container's main process, until it ends or the signal aborts. */
  attachStream(containerId: string, options: StreamOptions): Promise<void>;
  /** A byte stream to a TCP port inside the sandbox's network. */
  portForward(sandboxId: string, port: number): Promise<NodeJS.ReadWriteStream>;

  pullImage(request: PullRequest): Promise<string>;
  image(reference: string): Promise<ImageInfo | undefined>;
  images(): Promise<ImageInfo[]>;
  removeImage(reference: string): Promise<void>;

  /** What containers that run have used. */
  stats(): Promise<ContainerStats[]>;
  /** Where images are kept; undefined where nobody knows. */
  imageFilesystem(): Promise<ImageFilesystem | undefined>;

  /**
   * A sandbox or container changed (started, exited, was killed for memory, was deleted). Events may be missed: the
   * kubelet also relists slowly. Ends when the signal aborts.
   */
  events(signal: AbortSignal): AsyncIterable<RuntimeEvent>;

  close(): Promise<void>;
}

/** What the kubelet's server asks of a runtime. */
export type ServedRuntime = Pick<Runtime, 'exec' | 'execStream' | 'attachStream' | 'portForward'>;

export interface RuntimeStatus {
  name: string;
  version: string;
  /** `containerd://1.6.20`, as the node shows it. */
  versionText: string;
  networkReady: boolean;
  reason?: string;
  message?: string;
}

export interface SandboxConfig {
  name: string;
  namespace: string;
  uid: string;
  /** Counts sandboxes made for the same pod. */
  attempt: number;
  hostname: string;
  /** Holds the pod's log files: `<container name>/<attempt>.log` below it. */
  logDirectory: string;
  dns?: { servers: string[]; searches: string[]; options: string[] };
  portMappings: { protocol: 'TCP' | 'UDP' | 'SCTP'; containerPort: number; hostPort: number; hostIP?: string }[];
  labels: Record<string, string>;
  annotations: Record<string, string>;
  hostNetwork: boolean;
  hostPid: boolean;
  hostIpc: boolean;
  shareProcessNamespace: boolean;
  /** Of the pod; containers' cgroups are made below it. */
  cgroupParent: string;
  sysctls: Record<string, string>;
  /** Of the pod's RuntimeClass. Default: the runtime's own. */
  runtimeHandler?: string;
  security: SandboxSecurity;
}

export interface SandboxSecurity {
  privileged: boolean;
  runAsUser?: number;
  runAsGroup?: number;
  supplementalGroups: number[];
  seccomp: 'RuntimeDefault' | 'Unconfined' | { localhost: string };
}

export interface ContainerConfig {
  name: string;
  attempt: number;
  /** The id that `pullImage` or `image` gave. */
  imageId: string;
  /** The reference as the user wrote it, for display. */
  image: string;
  command: string[];
  args: string[];
  workingDir: string;
  env: { name: string; value: string }[];
  mounts: Mount[];
  devices: { containerPath: string; hostPath: string; permissions: string }[];
  labels: Record<string, string>;
  annotations: Record<string, string>;
  /** Relative to the sandbox's log directory. */
  logPath: string;
  stdin: boolean;
  stdinOnce: boolean;
  tty: boolean;
  resources: LinuxResources;
  security: ContainerSecurity;
}

export interface Mount {
  containerPath: string;
  hostPath: string;
  readOnly: boolean;
  propagation: 'private' | 'host to container' | 'bidirectional';
}

export interface LinuxResources {
  cpuPeriodUs: number;
  /** 0: no limit. */
  cpuQuotaUs: number;
  cpuShares: number;
  memoryLimitBytes: number;
  oomScoreAdj: number;
}

export interface ContainerSecurity extends SandboxSecurity {
  runAsUserName?: string;
  readOnlyRootFilesystem: boolean;
  allowPrivilegeEscalation: boolean;
  addCapabilities: string[];
  dropCapabilities: string[];
  procMount: 'Default' | 'Unmasked';
}

export interface SandboxState {
  id: string;
  name: string;
  namespace: string;
  uid: string;
  attempt: number;
  ready: boolean;
  createdAtMs: number;
  /** Empty for host network, or while there is no network. The first is the primary. */
  ips: string[];
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

export interface ContainerState {
  id: string;
  sandboxId: string;
  name: string;
  attempt: number;
  state: 'created' | 'running' | 'exited' | 'unknown';
  createdAtMs: number;
  startedAtMs: number;
  finishedAtMs: number;
  exitCode: number;
  signal: number;
  /** `Completed`, `Error`, `OOMKilled`, ... as the runtime says. */
  reason: string;
  message: string;
  image: string;
  /** What the container status shows as imageID. */
  imageRef: string;
  imageId: string;
  logPath: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

/** How much output `exec` keeps; the rest is read and dropped. */
export const execOutputBytesMax = 16 * 1024;

export interface ExecResult {
  exitCode: number;
  stdout: Uint8Array;
  stderr: Uint8Array;
}

export interface StreamOptions {
  stdin?: NodeJS.ReadableStream;
  stdout?: NodeJS.WritableStream;
  /** Never with a tty: its output is one stream. */
  stderr?: NodeJS.WritableStream;
  tty: boolean;
  /** New terminal sizes, as they come. */
  resize?: AsyncIterable<{ width: number; height: number }>;
  signal: AbortSignal;
}

export interface ExecStreamOptions extends StreamOptions {
  command: readonly string[];
}

export interface PullRequest {
  reference: string;
  credentials?: { username: string; password: string; registry?: string };
  signal?: AbortSignal;
}

export interface ImageInfo {
  id: string;
  tags: string[];
  digests: string[];
  sizeBytes: number;
  /** The user the image runs as: a number, or a name. */
  uid?: number;
  username?: string;
  /** The runtime needs it itself. */
  isPinned?: boolean;
}

export interface ContainerStats {
  containerId: string;
  sandboxId: string;
  name: string;
  atMs: number;
  cpuUsageNanos: bigint;
  memoryWorkingSetBytes: number;
  /** What it wrote beside its image and its volumes. */
  layer?: LayerUsage;
}

export interface LayerUsage {
  atMs: number;
  usedBytes: number;
  inodesUsed: number;
}

export interface ImageFilesystem extends LayerUsage {
  mountpoint: string;
}

export interface RuntimeEvent {
  type: 'started' | 'exited' | 'oom' | 'deleted' | 'changed';
  /** A container's or a sandbox's. */
  id: string;
}

export class RuntimeError extends Error {
  override readonly name = 'RuntimeError';
  readonly reason: RuntimeErrorReason;
  /** The Status that the runtime has for the client of a stream, to be handed on as it is. */
  readonly answer: unknown;

  constructor(reason: RuntimeErrorReason, message: string, options?: ErrorOptions & { answer?: unknown }) {
    super(message, options);
    this.reason = reason;
    this.answer = options?.answer;
  }
}

export type RuntimeErrorReason =
  | 'not ready'
  | 'not found'
  | 'image not found' // the registry, or the local store, has no such image
  | 'registry unavailable'
  | 'invalid image name'
  | 'timeout'
  | 'failed';
