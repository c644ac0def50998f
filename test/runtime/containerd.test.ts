/** The containerd runtime with real containers: needs root, containerd, runc and the CNI plugins. */
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLog } from '#base/log.js';
import { startContainerd } from '#kubelet/runtime/containerd/daemon.js';
import { readImageArchive, writeImageArchive } from '#kubelet/runtime/images/archive.js';
import { pauseReference } from '#kubelet/runtime/images/pause.js';
import type { ContainerConfig, RuntimeEvent, SandboxConfig } from '#kubelet/runtime/runtime.js';
import { busyboxImage, busyboxReference, healthAppImage } from '../images/images.js';
import { clock, containerOf, sandboxNamed, startNode, type TestNode, until } from './node.js';

describe('the containerd runtime', () => {
  let node: TestNode;
  let busybox: string;
  const signal = new AbortController().signal;

  beforeAll(async () => {
    node = await startNode({ bridge: 't8stest0', podCidr: '10.251.7.0/24' });
    busybox = await node.runtime.importImage(await busyboxImage());
  });
  afterAll(() => node?.stop());

  async function start(name: string, change: Partial<ContainerConfig> = {}, sandbox: Partial<SandboxConfig> = {}) {
    const config = sandboxNamed(node, name, sandbox);
    const sandboxId = await node.runtime.runSandbox(config);
    const container = containerOf(busybox, { command: ['sh', '-c', 'sleep 1000 & wait'], ...change });
    await mkdir(path.join(config.logDirectory, 'main'), { recursive: true });
    const containerId = await node.runtime.createContainer(sandboxId, container, config);
    await node.runtime.startContainer(containerId);
    return { sandboxId, containerId, config };
  }

  async function exited(containerId: string) {
    await until('it has exited', async () => (await node.runtime.container(containerId))?.state === 'exited');
    return (await node.runtime.container(containerId))!;
  }

  it('runs a container with its own address, environment and log', async () => {
    const { runtime } = node;
    const command = ['sh', '-c', 'echo "$GREETING from $(hostname)"; echo trouble >&2; exit 7'];
    const env = [{ name: 'GREETING', value: 'héllo' }];
    const { sandboxId, containerId, config } = await start('first', { command, env });
    expect(await exited(containerId)).toMatchObject({
      sandboxId,
      name: 'main',
      exitCode: 7,
      reason: 'Error',
      image: busyboxReference,
      imageId: busybox,
      logPath: path.join(config.logDirectory, 'main/0.log'),
    });
    const sandbox = await runtime.sandbox(sandboxId);
    expect(sandbox).toMatchObject({ name: 'first', namespace: 'default', uid: 'uid-first', ready: true });
    expect(sandbox!.ips[0]).toMatch(/^10\.251\.7\.\d+$/);
    const log = await readFile(path.join(config.logDirectory, 'main/0.log'), 'utf8');
    expect(log).toMatch(/ stdout F héllo from first\n/);
    expect(log).toMatch(/ stderr F trouble\n/);
  });

  it('runs on the network of the host, with its name', async () => {
    const { sandboxId, containerId } = await start('hosted', {}, { hostNetwork: true });
    expect((await node.runtime.sandbox(sandboxId))?.ips).toEqual([]);
    const { stdout } = await node.runtime.exec(containerId, ['hostname'], { timeoutMs: 5000 });
    expect(Buffer.from(stdout).toString().trim()).toBe(hostname());
  });

  it('stops a container by SIGTERM, and by SIGKILL when that is not heard', async () => {
    const polite = await start('polite', { command: ['sh', '-c', 'trap "exit 3" TERM; while :; do sleep 0.1; done'] });
    await node.runtime.stopContainer(polite.containerId, { graceMs: 10_000 });
    expect(await node.runtime.container(polite.containerId)).toMatchObject({ state: 'exited', exitCode: 3 });
    const deaf = await start('deaf', { command: ['sh', '-c', 'trap "" TERM; while :; do sleep 0.1; done'] });
    await node.runtime.stopContainer(deaf.containerId, { graceMs: 1000 });
    expect(await node.runtime.container(deaf.containerId)).toMatchObject({ state: 'exited', exitCode: 137, signal: 9 });
    await node.runtime.stopContainer(deaf.containerId, { graceMs: 0 });
  });

  it('tells of starts and ends as they happen, an end only once it shows', async () => {
    const leave = new AbortController();
    const seen: (RuntimeEvent & { state?: string | undefined })[] = [];
    const reading = (async () => {
      for await (const event of node.runtime.events(leave.signal)) {
        seen.push({ ...event, state: (await node.runtime.container(event.id))?.state });
      }
    })();
    await clock.sleep(100);
    const { containerId, sandboxId } = await start('short', { command: ['sleep', '0.2'] });
    await until('it is told', async () => seen.some(({ id, type }) => id === containerId && type === 'exited'));
    await node.runtime.stopSandbox(sandboxId);
    await node.runtime.removeSandbox(sandboxId);
    await until('the end is told', async () => seen.some(({ id, type }) => id === sandboxId && type === 'deleted'));
    leave.abort();
    await reading;
    const ofContainer = seen.filter(({ id }) => id === containerId);
    expect(ofContainer.map(({ type }) => type)).toEqual(['started', 'exited', 'deleted']);
    expect(ofContainer[1]).toMatchObject({ state: 'exited' });
  });

  it('says when memory was the cause of the end', async () => {
    const resources = { cpuPeriodUs: 0, cpuQuotaUs: 0, cpuShares: 2, memoryLimitBytes: 16 << 20, oomScoreAdj: 1000 };
    const command = ['sh', '-c', 'tail /dev/zero'];
    const { containerId } = await start('greedy', { command, resources });
    expect(await exited(containerId)).toMatchObject({ exitCode: 137, reason: 'OOMKilled' });
  });

  it('runs commands in a container and collects what they say', async () => {
    const { containerId } = await start('exec');
    const result = await node.runtime.exec(containerId, ['sh', '-c', 'echo out; echo err >&2; exit 5'], {
      timeoutMs: 5000,
    });
    expect({
      ...result,
      stdout: String(Buffer.from(result.stdout)),
      stderr: String(Buffer.from(result.stderr)),
    }).toEqual({
      exitCode: 5,
      stdout: 'out\n',
      stderr: 'err\n',
    });
    await expect(node.runtime.exec(containerId, ['sleep', '30'], { timeoutMs: 1000 })).rejects.toMatchObject({
      reason: 'timeout',
    });
    await expect(node.runtime.exec(containerId, ['/no/such'], { timeoutMs: 1000 })).rejects.toMatchObject({
      reason: 'failed',
    });
    await expect(node.runtime.exec('nobody', ['true'], { timeoutMs: 1000 })).rejects.toMatchObject({
      reason: 'not found',
    });
  });

  it('streams input to its end, output complete, and the exit code', async () => {
    const { containerId } = await start('stream');
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    const size = 3_000_000;
    let bytes = 0;
    stdout.on('data', (chunk) => (bytes += chunk.length));
    const failed = once(stderr, 'data');
    const code = await node.runtime.execStream(containerId, {
      command: ['sh', '-c', 'cat; echo oops >&2; exit 42'],
      stdin: Readable.from([Buffer.alloc(size, 'x')], { objectMode: false }),
      stdout,
      stderr,
      tty: false,
      signal,
    });
    expect({ code, bytes, stderr: String(await failed) }).toEqual({ code: 42, bytes: size, stderr: 'oops\n' });
  });

  it('gives a terminal its size and its changes of size', async () => {
    const { containerId } = await start('tty');
    const stdout = new PassThrough();
    let text = '';
    stdout.on('data', (chunk) => (text += chunk));
    async function* sizes() {
      yield { width: 91, height: 27 };
      await until('the first size is shown', async () => text.includes('27 91'));
      yield { width: 120, height: 40 };
    }
    const command = ['sh', '-c', 'while :; do stty size; sleep 0.1; stty size | grep -q "40 120" && exit 9; done'];
    const stdin = new PassThrough();
    const code = await node.runtime.execStream(containerId, {
      command,
      stdin,
      stdout,
      tty: true,
      resize: sizes(),
      signal,
    });
    expect(code).toBe(9);
  });

  it('attaches to the main process', async () => {
    const { containerId } = await start('attach', {
      command: ['sh', '-c', 'while read line; do echo "got $line"; done; echo bye'],
      stdin: true,
      stdinOnce: true,
    });
    const stdout = new PassThrough();
    let text = '';
    stdout.on('data', (chunk) => (text += chunk));
    await node.runtime.attachStream(containerId, {
      stdin: Readable.from([Buffer.from('one\n'), Buffer.from('two\n')], { objectMode: false }),
      stdout,
      tty: false,
      signal,
    });
    expect(text).toBe('got one\ngot two\nbye\n');
    expect(await exited(containerId)).toMatchObject({ exitCode: 0, reason: 'Completed' });
  });

  it('ends a stream when its signal aborts', async () => {
    const { containerId } = await start('abort');
    const controller = new AbortController();
    const running = node.runtime.execStream(containerId, {
      command: ['sh', '-c', 'echo up; sleep 100'],
      stdout: new PassThrough().once('data', () => controller.abort(new Error('enough'))),
      tty: false,
      signal: controller.signal,
    });
    await expect(running).rejects.toThrow('enough');
  });

  it('forwards to what listens on the loopback of the sandbox', async () => {
    const { sandboxId, containerId } = await start('forward', {
      command: ['sh', '-c', 'echo hi there > /tmp/file; exec httpd -f -p 127.0.0.1:8099 -h /tmp'],
    });
    await until('it listens', async () => {
      const { stdout } = await node.runtime.exec(containerId, ['netstat', '-ltn'], { timeoutMs: 5000 });
      return Buffer.from(stdout).includes('127.0.0.1:8099');
    });
    const connection = await node.runtime.portForward(sandboxId, 8099);
    connection.write('GET /file HTTP/1.0\r\n\r\n');
    let text = '';
    for await (const chunk of connection) text += chunk;
    expect(text).toMatch(/^HTTP\/1\.[01] 200 OK\r\n[\s\S]*\r\n\r\nhi there\n$/);
    const refused = await node.runtime.portForward(sandboxId, 1);
    const [failure] = await once(refused, 'error');
    expect(String(failure)).toContain('connection refused');
  });

  it('ends the pause program by SIGTERM when processes are shared, and it reaps', async () => {
    const command = ['sh', '-c', '(sleep 0.2 &) ; sleep 1000'];
    const { containerId, sandboxId } = await start('shared', { command }, { shareProcessNamespace: true });
    await clock.sleep(600);
    const listed = await node.runtime.exec(containerId, ['ps', '-o', 'pid,stat,comm'], { timeoutMs: 5000 });
    const processes = Buffer.from(listed.stdout).toString();
    expect(processes).toMatch(/^\s+1 S.*pause$/m);
    expect(processes).not.toMatch(/ Z/);
    await node.runtime.exec(containerId, ['kill', '-TERM', '1'], { timeoutMs: 5000 }).catch(() => {});
    await until('the sandbox has ended', async () => (await node.runtime.sandbox(sandboxId))?.ready === false);
  });

  it('imports an archive, runs what is in it, and removes it', async () => {
    const { runtime, dataDirectory } = node;
    const name = 'docker.io/library/app:latest';
    const file = path.join(dataDirectory, 'image.tar');
    await writeImageArchive(file, [await healthAppImage({ names: [name] })]);
    const [image] = await readImageArchive(file, { directory: dataDirectory });
    const imageId = await runtime.importImage(image!);
    expect(await runtime.image('app')).toMatchObject({ id: imageId, tags: [name] });
    const { sandboxId, containerId } = await start('app', { imageId, command: [] });
    const [address] = (await runtime.sandbox(sandboxId))!.ips;
    const answer = () => fetch(`http://${address}:3000/ready`).catch(() => undefined);
    await until('it is ready', async () => (await answer())?.status === 200);
    expect(await (await fetch(`http://${address}:3000/api/data`)).json()).toMatchObject({
      pod: 'app',
      version: '1.0.0',
    });
    await runtime.stopContainer(containerId, { graceMs: 10_000 });
    expect(await runtime.container(containerId)).toMatchObject({ exitCode: 0 });
    await runtime.removeSandbox(sandboxId);
    await runtime.removeImage(name);
    expect(await runtime.image('app')).toBeUndefined();
    expect((await runtime.images()).flatMap(({ tags }) => tags).sort()).toEqual([busyboxReference, pauseReference]);
  });

  it('says what is wrong with an image that cannot be pulled', async () => {
    await expect(node.runtime.pullImage({ reference: '127.0.0.1:1/none:1' })).rejects.toMatchObject({
      reason: 'failed',
      message: expect.stringContaining('rpc error: code = Unknown desc = failed to pull and unpack image'),
    });
  });

  it('lists everything with its state and measures what runs', async () => {
    const { containerId, sandboxId } = await start('listed');
    const { sandboxes, containers } = await node.runtime.list();
    expect(sandboxes.find(({ id }) => id === sandboxId)).toEqual(await node.runtime.sandbox(sandboxId));
    expect(containers.find(({ id }) => id === containerId)).toMatchObject({ state: 'running', sandboxId });
    const usage = (await node.runtime.stats()).find((each) => each.containerId === containerId);
    expect(usage).toMatchObject({ sandboxId, name: 'main' });
    expect(usage!.cpuUsageNanos).toBeGreaterThan(0n);
    expect(usage!.memoryWorkingSetBytes).toBeGreaterThan(0);
  });

  it('is taken over by the next start, containers untouched', async () => {
    const { containerId } = await start('survivor');
    const before = await node.runtime.container(containerId);
    const options = { dataDirectory: node.dataDirectory, sandboxImage: pauseReference, clock, log: silentLog };
    expect(await startContainerd(options)).toMatchObject({ takenOver: true, socketPath: node.daemon.socketPath });
    // A changed configuration restarts the daemon, and still no container.
    expect(await startContainerd({ ...options, cniPluginDirectory: '/usr/lib/cni/.' })).toMatchObject({
      takenOver: false,
    });
    expect(await node.runtime.container(containerId)).toEqual(before);
  });
});
