/** A containerd of a test's own, with a network, cleaned away at the end whatever happened. */
import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { SystemClock } from '#base/clock.js';
import { silentLog } from '#base/log.js';
import { SystemPrng } from '#base/prng.js';
import { writeNetworkConfig } from '#kubelet/runtime/cni.js';
import { ContainerdRuntime } from '#kubelet/runtime/containerd/containerd.js';
import { type Containerd, purgeContainerd, startContainerd } from '#kubelet/runtime/containerd/daemon.js';
import { pauseImage, pauseReference } from '#kubelet/runtime/images/pause.js';
import type { ContainerConfig, SandboxConfig } from '#kubelet/runtime/runtime.js';

const run = promisify(execFile);
export const clock = new SystemClock();

export interface TestNode {
  dataDirectory: string;
  daemon: Containerd;
  runtime: ContainerdRuntime;
  stop(): Promise<void>;
}

/** Why the real runtime cannot run here, or undefined. */
export function obstacle(): string | undefined {
  if (process.platform !== 'linux') return 'this is not Linux';
  if (process.getuid?.() !== 0) return 'containers need root';
  const places = (process.env['PATH'] ?? '').split(':');
  for (const program of ['containerd', 'runc']) {
    if (!places.some((place) => executable(path.join(place, program)))) return `${program} is not installed`;
  }
  return executable('/usr/lib/cni/bridge') ? undefined : 'the CNI plugins are not installed';
}

function executable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export async function startNode(options: { bridge: string; podCidr: string }): Promise<TestNode> {
  const dataDirectory = await mkdtemp(path.join(tmpdir(), 't8s-runtime-'));
  const settings = { dataDirectory, clock, log: silentLog };
  const stop = async () => {
    await purgeContainerd(settings);
    await run('ip', ['link', 'delete', options.bridge]).catch(() => {});
    await removeCgroups(cgroupParentOf(dataDirectory));
    await rm(dataDirectory, { recursive: true, force: true });
  };
  try {
    const daemon = await startContainerd({ ...settings, sandboxImage: pauseReference });
    const runtime = new ContainerdRuntime({ ...settings, prng: new SystemPrng(), socketPath: daemon.socketPath });
    await runtime.importImage(await pauseImage());
    await writeNetworkConfig(daemon.paths.cniConfigDirectory, {
      bridge: options.bridge,
      podCidrs: [options.podCidr],
      addressDirectory: path.join(dataDirectory, 'addresses'),
    });
    await mkdir(path.join(dataDirectory, 'logs'));
    await until('the network is ready', async () => (await runtime.status()).networkReady);
    return { dataDirectory, daemon, runtime, stop: () => runtime.close().then(stop) };
  } catch (failure) {
    await stop();
    throw failure;
  }
}

function cgroupParentOf(dataDirectory: string): string {
  return `t8s-test-${path.basename(dataDirectory)}`;
}

/** The runtime removes what it made below the parent; the parent, in each hierarchy, is ours. */
async function removeCgroups(parent: string): Promise<void> {
  const hierarchies = ['', ...(await readdir('/sys/fs/cgroup'))].map((name) =>
    path.join('/sys/fs/cgroup', name, parent),
  );
  for (const directory of hierarchies) if (existsSync(directory)) await rmdir(directory);
}

/** Asks every 20 ms; throws after 10 s. */
export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (await holds()) return;
    await clock.sleep(20);
  }
  throw new Error(`waited in vain until ${what}`);
}

export function sandboxNamed(
  node: Pick<TestNode, 'dataDirectory'>,
  name: string,
  change: Partial<SandboxConfig> = {},
): SandboxConfig {
  return {
    name,
    namespace: 'default',
    uid: `uid-${name}`,
    attempt: 0,
    hostname: name,
    logDirectory: path.join(node.dataDirectory, 'logs', name),
    portMappings: [],
    labels: { 'io.kubernetes.pod.name': name },
    annotations: {},
    hostNetwork: false,
    hostPid: false,
    hostIpc: false,
    shareProcessNamespace: false,
    cgroupParent: `/${cgroupParentOf(node.dataDirectory)}`,
    sysctls: {},
    security: { privileged: false, supplementalGroups: [], seccomp: 'RuntimeDefault' },
    ...change,
  };
}

export function containerOf(imageId: string, change: Partial<ContainerConfig> = {}): ContainerConfig {
  return {
    name: 'main',
    attempt: 0,
    imageId,
    image: imageId,
    command: [],
    args: [],
    workingDir: '',
    env: [],
    mounts: [],
    devices: [],
    labels: {},
    annotations: {},
    logPath: 'main/0.log',
    stdin: false,
    stdinOnce: false,
    tty: false,
    resources: { cpuPeriodUs: 100_000, cpuQuotaUs: 0, cpuShares: 2, memoryLimitBytes: 0, oomScoreAdj: 1000 },
    security: {
      privileged: false,
      supplementalGroups: [],
      seccomp: 'RuntimeDefault',
      readOnlyRootFilesystem: false,
      allowPrivilegeEscalation: true,
      addCapabilities: [],
      dropCapabilities: [],
      procMount: 'Default',
    },
    ...change,
  };
}
