/**
 * Our own containerd: started apart from this process, so that containers and the daemon outlive us, and taken over by
 * the next start. Everything it keeps is under one data directory.
 */
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Clock } from '#base/clock.js';
import { Channel, GrpcError } from '#base/grpc/channel.js';
import type { Log } from '#base/log.js';
import { RuntimeError } from '../runtime.js';
import { type ContainerdPaths, containerdConfig } from './config.js';
import { runtimeService } from './cri.js';
import { isErrno, mayLowerOomScore, overlayWorks } from './host.js';
import { endProcess, isAlive, nameProcess, type ProcessName, processesWithArgument } from './processes.js';

export interface ContainerdOptions {
  /** The cluster's data directory; containerd's files go below `containerd` in it. */
  dataDirectory: string;
  sandboxImage: string;
  clock: Clock;
  log: Log;
  /** Default: `containerd`, found on PATH. */
  binary?: string;
  /** Default: where Debian and most others install them. */
  cniPluginDirectory?: string;
  /** Default 20 s. */
  readyTimeoutMs?: number;
}

export interface Containerd {
  socketPath: string;
  paths: ContainerdPaths;
  snapshotter: 'overlayfs' | 'native';
  /** Whether one from an earlier start went on running. */
  takenOver: boolean;
}

/** sun_path holds 108 bytes with its final zero, and containerd appends `.ttrpc` for a second socket. */
const socketPathBytesMax = 107 - '.ttrpc'.length;
const stopGraceMs = 10_000;

export function containerdPaths(
  dataDirectory: string,
  cniPluginDirectory = '/usr/lib/cni',
): ContainerdPaths & { directory: string } {
  const directory = path.resolve(dataDirectory, 'containerd');
  let run = directory;
  if (Buffer.byteLength(path.join(run, 'containerd.sock')) > socketPathBytesMax) {
    run = `/run/t8s-${createHash('sha256').update(directory).digest('hex').slice(0, 12)}`;
  }
  return {
    directory,
    root: path.join(directory, 'root'),
    state: path.join(run, 'state'),
    socket: path.join(run, 'containerd.sock'),
    cniConfigDirectory: path.join(directory, 'cni'),
    cniPluginDirectory,
  };
}

/**
 * Starts containerd, or takes over the one that an earlier start left. Resolves when CRI answers (which does not need a
 * network configuration yet). Throws RuntimeError `not ready` with the end of containerd's log.
 */
export async function startContainerd(options: ContainerdOptions): Promise<Containerd> {
  const { clock, log } = options;
  const paths = containerdPaths(options.dataDirectory, options.cniPluginDirectory);
  for (const each of [paths.root, paths.state, paths.cniConfigDirectory]) await mkdir(each, { recursive: true });
  const snapshotter = await chooseSnapshotter(paths.directory, log);
  const config = containerdConfig({
    paths,
    snapshotter,
    sandboxImage: options.sandboxImage,
    restrictOomScoreAdj: !(await mayLowerOomScore()),
  });
  const configFile = path.join(paths.directory, 'config.toml');
  const running = await runningDaemon(paths.directory);
  const takenOver = running !== undefined && (await readIfThere(configFile)) === config;
  const found = { socketPath: paths.socket, paths, snapshotter };
  if (takenOver) {
    log.info('Taking over the containerd that is running', { pid: running.pid });
    await untilReady(paths.socket, running, options);
    return { ...found, takenOver };
  }
  if (running) {
    log.info('Restarting containerd: its configuration changed', { pid: running.pid });
    await endProcess(running, { graceMs: stopGraceMs, clock });
  }
  await writeFile(configFile, config);
  const daemon = await launch(paths.directory, options.binary ?? 'containerd');
  await untilReady(paths.socket, daemon, options);
  return { ...found, takenOver };
}

/** Stops the daemon and leaves its containers running. Does nothing when it does not run. */
export async function stopContainerd(options: { dataDirectory: string; clock: Clock }): Promise<void> {
  const { directory } = containerdPaths(options.dataDirectory);
  const running = await runningDaemon(directory);
  if (running) await endProcess(running, { graceMs: stopGraceMs, clock: options.clock });
  await rm(path.join(directory, 'containerd.pid'), { force: true });
}

/**
 * Removes every trace: containers and sandboxes with their networks (by CRI, when the daemon can still be asked), then
 * the daemon, leftover shims and mounts, and the files. Safe to repeat.
 */
export async function purgeContainerd(options: { dataDirectory: string; clock: Clock; log: Log }): Promise<void> {
  const { clock, log } = options;
  const paths = containerdPaths(options.dataDirectory);
  if (await runningDaemon(paths.directory)) {
    const channel = new Channel({ socketPath: paths.socket, clock });
    try {
      const { items } = await channel.unary(runtimeService.listPodSandbox, {}, { timeoutMs: 10_000 });
      await Promise.all(
        items.map(async ({ id }) => {
          await channel.unary(runtimeService.stopPodSandbox, { podSandboxId: id }, { timeoutMs: 60_000 });
          await channel.unary(runtimeService.removePodSandbox, { podSandboxId: id }, { timeoutMs: 60_000 });
        }),
      );
    } catch (failure) {
      log.warn('Sandboxes could not be removed in order; removing what is left of them', { err: failure });
    } finally {
      channel.close();
    }
  }
  await stopContainerd(options);
  for (const shim of await processesWithArgument(paths.socket)) await endProcess(shim, { graceMs: 0, clock });
  for (const below of new Set([paths.root, paths.state])) await unmountBelow(below);
  await rm(paths.directory, { recursive: true, force: true });
  if (!paths.state.startsWith(paths.directory)) await rm(path.dirname(paths.state), { recursive: true, force: true });
}

/** The choice is kept: images unpacked with one snapshotter are of no use to the other. */
async function chooseSnapshotter(directory: string, log: Log): Promise<'overlayfs' | 'native'> {
  const file = path.join(directory, 'snapshotter');
  const kept = (await readIfThere(file))?.trim();
  if (kept === 'overlayfs' || kept === 'native') return kept;
  const chosen = (await overlayWorks(directory)) ? 'overlayfs' : 'native';
  if (chosen === 'native') {
    log.warn('Overlayfs does not work here; images are copied for each container instead, which takes time and disk', {
      directory,
    });
  }
  await writeFile(file, chosen);
  return chosen;
}

async function launch(directory: string, binary: string): Promise<ProcessName> {
  const output = await open(path.join(directory, 'containerd.log'), 'a');
  try {
    const child = spawn(binary, ['--config', path.join(directory, 'config.toml'), '--log-level', 'warn'], {
      cwd: directory,
      detached: true,
      stdio: ['ignore', output.fd, output.fd],
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    child.unref();
    const name = await nameProcess(child.pid!);
    if (!name) throw new RuntimeError('not ready', `${binary} ended at once: ${await logEnd(directory)}`);
    await writeFile(path.join(directory, 'containerd.pid'), `${name.pid} ${name.startTicks}\n`);
    return name;
  } catch (failure) {
    if (isErrno(failure, 'ENOENT')) {
      throw new RuntimeError('not ready', `${binary} was not found; install containerd`, { cause: failure });
    }
    throw failure;
  } finally {
    await output.close();
  }
}

async function runningDaemon(directory: string): Promise<ProcessName | undefined> {
  const [pid, startTicks] = ((await readIfThere(path.join(directory, 'containerd.pid'))) ?? '').trim().split(' ');
  if (!pid || !startTicks) return undefined;
  const name = { pid: Number(pid), startTicks };
  return (await isAlive(name)) ? name : undefined;
}

async function untilReady(socketPath: string, daemon: ProcessName, options: ContainerdOptions): Promise<void> {
  const { clock } = options;
  const deadlineMs = clock.monotonic() + (options.readyTimeoutMs ?? 20_000);
  const channel = new Channel({ socketPath, clock });
  const { directory } = containerdPaths(options.dataDirectory);
  try {
    for (;;) {
      try {
        await channel.unary(runtimeService.version, {}, { timeoutMs: 5_000 });
        return;
      } catch (failure) {
        const alive = await isAlive(daemon);
        // It serves only when all plugins are loaded, so a missing service will not come.
        const incomplete = failure instanceof GrpcError && failure.code === 'Unimplemented';
        if (alive && !incomplete && clock.monotonic() < deadlineMs) {
          await clock.sleep(10);
          continue;
        }
        const text = alive ? 'containerd does not answer' : 'containerd ended';
        throw new RuntimeError('not ready', `${text}: ${await logEnd(directory)}`, { cause: failure });
      }
    }
  } finally {
    channel.close();
  }
}

async function logEnd(directory: string): Promise<string> {
  const text = (await readIfThere(path.join(directory, 'containerd.log'))) ?? '';
  return text.trimEnd().split('\n').slice(-3).join('; ');
}

/** Takes away every mount below a directory, the last made first. */
export async function unmountBelow(directory: string): Promise<void> {
  const table = await readFile('/proc/self/mountinfo', 'utf8');
  const points = table
    .split('\n')
    .map((line) => decodeMountPoint(line.split(' ')[4] ?? ''))
    .filter((point) => point.startsWith(`${directory}/`));
  // Later mounts may lie on earlier ones.
  for (const point of points.reverse()) await promisify(execFile)('umount', ['-l', point]);
}

/** Space, tab, newline and backslash are written in octal: proc(5). */
function decodeMountPoint(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (failure) {
    if (isErrno(failure, 'ENOENT')) return undefined;
    throw failure;
  }
}
