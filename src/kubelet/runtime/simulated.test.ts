import { PassThrough } from 'node:stream';
import { beforeEach, describe, expect, it } from 'vitest';
import { VirtualClock } from '#base/clock.js';
import { SeededPrng } from '#base/prng.js';
import type { ContainerConfig, RuntimeEvent, SandboxConfig } from './runtime.js';
import { SimulatedRuntime, type SimulatedRuntimeOptions } from './simulated.js';

const sandboxConfig: SandboxConfig = {
  name: 'web',
  namespace: 'default',
  uid: 'u1',
  attempt: 0,
  hostname: 'web',
  logDirectory: '/logs/web',
  portMappings: [],
  labels: { app: 'web' },
  annotations: {},
  hostNetwork: false,
  hostPid: false,
  hostIpc: false,
  shareProcessNamespace: false,
  cgroupParent: '/kubepods/u1',
  sysctls: {},
  security: { privileged: false, supplementalGroups: [], seccomp: 'RuntimeDefault' },
};
const containerConfig: ContainerConfig = {
  name: 'app',
  attempt: 0,
  imageId: 'nginx:1',
  image: 'nginx:1',
  command: [],
  args: [],
  workingDir: '',
  env: [],
  mounts: [],
  devices: [],
  labels: {},
  annotations: {},
  logPath: 'app/0.log',
  stdin: false,
  stdinOnce: false,
  tty: false,
  resources: { cpuPeriodUs: 0, cpuQuotaUs: 0, cpuShares: 2, memoryLimitBytes: 0, oomScoreAdj: 0 },
  security: {
    ...sandboxConfig.security,
    readOnlyRootFilesystem: false,
    allowPrivilegeEscalation: true,
    addCapabilities: [],
    dropCapabilities: [],
    procMount: 'Default',
  },
};

let clock: VirtualClock;
let released: string[];

function runtimeWith(options: Partial<SimulatedRuntimeOptions> = {}): SimulatedRuntime {
  let next = 1;
  return new SimulatedRuntime({
    clock,
    prng: new SeededPrng(1),
    allocateAddress: () => `10.0.0.${next++}`,
    releaseAddress: (address) => released.push(address),
    ...options,
  });
}

async function startOne(runtime: SimulatedRuntime) {
  const sandboxId = await runtime.runSandbox(sandboxConfig);
  const containerId = await runtime.createContainer(sandboxId, containerConfig, sandboxConfig);
  await runtime.startContainer(containerId);
  return { sandboxId, containerId };
}

beforeEach(() => {
  clock = new VirtualClock();
  released = [];
});

describe('the simulated runtime', () => {
  it('runs a container at once and ends it when told', async () => {
    const runtime = runtimeWith();
    const { sandboxId, containerId } = await startOne(runtime);
    expect(await runtime.sandbox(sandboxId)).toMatchObject({ ready: true, ips: ['10.0.0.1'] });
    expect(await runtime.container(containerId)).toMatchObject({ state: 'running', startedAtMs: clock.now() });
    await clock.advance(1000);
    await runtime.stopContainer(containerId, { graceMs: 30_000 });
    await runtime.stopContainer(containerId, { graceMs: 30_000 });
    expect(await runtime.container(containerId)).toMatchObject({
      state: 'exited',
      exitCode: 143,
      finishedAtMs: clock.now(),
    });
  });

  it('takes a sandbox down with its containers and gives the address back once', async () => {
    const runtime = runtimeWith();
    const { sandboxId, containerId } = await startOne(runtime);
    await runtime.stopSandbox(sandboxId);
    await runtime.stopSandbox(sandboxId);
    expect(await runtime.container(containerId)).toMatchObject({ state: 'exited', exitCode: 137 });
    expect(released).toEqual(['10.0.0.1']);
    await runtime.removeSandbox(sandboxId);
    expect(await runtime.list()).toEqual({ sandboxes: [], containers: [] });
  });

  it('tells what happens, to every reader, until it leaves', async () => {
    const runtime = runtimeWith();
    const leave = new AbortController();
    const seen: RuntimeEvent[] = [];
    const reading = (async () => {
      for await (const event of runtime.events(leave.signal)) seen.push(event);
    })();
    await clock.advance(0);
    const { sandboxId, containerId } = await startOne(runtime);
    runtime.endContainer(containerId, { exitCode: 137, oomKilled: true });
    await clock.advance(0);
    leave.abort();
    await reading;
    expect(seen).toEqual([
      { type: 'started', id: sandboxId },
      { type: 'started', id: containerId },
      { type: 'oom', id: containerId },
      { type: 'exited', id: containerId },
    ]);
    expect(await runtime.container(containerId)).toMatchObject({ reason: 'OOMKilled', signal: 9 });
  });

  it('ends containers whose life is limited', async () => {
    const runtime = runtimeWith({ lifetime: () => ({ ms: 5000, exitCode: 0 }) });
    const { containerId } = await startOne(runtime);
    await clock.advance(4999);
    expect(await runtime.container(containerId)).toMatchObject({ state: 'running' });
    await clock.advance(1);
    expect(await runtime.container(containerId)).toMatchObject({ state: 'exited', reason: 'Completed' });
  });

  it('fails where it is told to', async () => {
    const runtime = runtimeWith({
      images: [],
      faults: { pullImage: () => ({ reason: 'image not found', message: 'gone' }) },
    });
    expect(await runtime.image('nginx:1')).toBeUndefined();
    await expect(runtime.pullImage({ reference: 'nginx:1' })).rejects.toMatchObject({ reason: 'image not found' });
    const sandboxId = await runtime.runSandbox(sandboxConfig);
    await expect(runtime.createContainer(sandboxId, containerConfig, sandboxConfig)).rejects.toMatchObject({
      reason: 'image not found',
    });
  });

  it('shows a container that could not start as containerd does', async () => {
    const runtime = runtimeWith({ faults: { startContainer: () => ({ reason: 'failed', message: 'no such file' }) } });
    const sandboxId = await runtime.runSandbox(sandboxConfig);
    const containerId = await runtime.createContainer(sandboxId, containerConfig, sandboxConfig);
    await expect(runtime.startContainer(containerId)).rejects.toThrow('no such file');
    expect(await runtime.container(containerId)).toMatchObject({
      state: 'exited',
      exitCode: 128,
      reason: 'StartError',
      message: 'no such file',
      startedAtMs: 0,
      finishedAtMs: clock.now(),
    });
  });

  it('has commands of probes and hooks end well, or as it is told', async () => {
    const well = runtimeWith();
    expect(await well.exec((await startOne(well)).containerId, ['check'])).toMatchObject({ exitCode: 0 });
    const badly = runtimeWith({ exitCodeOf: ([name], config) => (name === 'check' && config.name === 'app' ? 2 : 0) });
    expect(await badly.exec((await startOne(badly)).containerId, ['check'])).toMatchObject({ exitCode: 2 });
  });

  it('says honestly that it runs nothing', async () => {
    const runtime = runtimeWith();
    const { sandboxId, containerId } = await startOne(runtime);
    const stderr = new PassThrough();
    const streams = { stderr, tty: false, signal: new AbortController().signal };
    expect(await runtime.execStream(containerId, { ...streams, command: ['ls'] })).toBe(126);
    expect(stderr.read()?.toString()).toBe('simulated containers run nothing\n');
    await expect(runtime.attachStream(containerId)).rejects.toThrow('simulated containers run nothing');
    await expect(runtime.portForward(sandboxId, 80)).rejects.toThrow('nothing listens on port 80');
  });
});
