/** `t8s up`: starts a cluster, in the foreground or, with `--detach`, behind it. */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { type Clock, SystemClock } from '#base/clock.js';
import { SystemPrng } from '#base/prng.js';
import { Cluster } from '../cluster.js';
import { type Config, resolveConfig } from '../config.js';
import { type ClusterStatus, inUse, openControl, readStatus } from '../control.js';
import { layoutOf, userKubeconfig } from '../layout.js';
import { type LogLevel, openLog } from '../logging.js';
import { thisMachine } from '../machine/this-machine.js';
import { type Step, Steps } from '../steps.js';
import { productVersion } from '../version.js';
import { CommandError } from './failure.js';
import { StepPrinter, seconds } from './terminal.js';

/** Installing packages by a slow network is the longest that a start may take. */
const detachTimeoutMs = 10 * 60_000;

export async function up(flags: Record<string, unknown>): Promise<void> {
  const machine = thisMachine();
  const config = resolveConfig({ flags, env: process.env, ...machine });
  const clock = new SystemClock();
  if (flags.runtime === undefined && config.runtime === 'simulated') {
    const why = machine.linux ? 'not root' : 'not Linux';
    process.stdout.write(`Nodes are simulated and run no containers: this is ${why}.\n`);
  }
  await assertFree(config);
  if (flags.detach) await detach(config, clock);
  else await foreground(config, clock);
}

/** Looked at before anything is made, so that a start that cannot be leaves nothing behind. */
async function assertFree({ dataDir, bind, port }: Config): Promise<void> {
  const running = await readStatus(dataDir);
  if (running) throw inUse(dataDir, running.pid);
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EADDRINUSE'
          ? new CommandError(`port ${port} is in use: stop what uses it, or choose another with --port`)
          : error,
      ),
    );
    probe.listen(port, bind, () => probe.close(() => resolve()));
  });
}

async function foreground(config: Config, clock: Clock): Promise<void> {
  const startedMs = clock.monotonic();
  const printer = new StepPrinter({ output: process.stdout, clock });
  const steps = new Steps({ clock, onChange: printer.show });
  const layout = layoutOf(config.dataDir);
  let state: ClusterStatus['state'] = 'starting';
  const cluster: { current?: Cluster } = {};
  const stop = new AbortController();
  const control = await openControl({
    dataDir: config.dataDir,
    stop: () => stop.abort(),
    status: () => ({
      pid: process.pid,
      version: productVersion,
      dataDir: config.dataDir,
      runtime: config.runtime,
      endpoint: cluster.current?.endpoint,
      steps: steps.list.map(({ name, state: stepState, ms, detail }) => ({ name, state: stepState, ms, detail })),
      state,
    }),
  });
  const logLevel = config.logLevel as LogLevel;
  const log = openLog({ file: layout.log, level: logLevel });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());
  process.stdout.write(`Typernetes ${productVersion}\n`);
  try {
    // At 4 and above upstream's components tell what only those who look for a fault want to know.
    const setVerbosity = (level: number) => log.setLevel(level >= 4 ? 'debug' : logLevel);
    const current = new Cluster({ config, clock, prng: new SystemPrng(), log, setVerbosity, steps });
    cluster.current = current;
    const stopped = new Promise<void>((resolve) =>
      stop.signal.addEventListener('abort', () => resolve(), { once: true }),
    );
    await Promise.race([current.start(), stopped]);
    if (!stop.signal.aborted) {
      state = 'ready';
      printer.stop();
      process.stdout.write(
        readyText(config, { endpoint: current.endpoint!, ms: clock.monotonic() - startedMs, steps: steps.list }),
      );
    }
    await stopped;
    process.stdout.write('\nstopping\n');
  } catch (error) {
    state = 'failed';
    log.error('the cluster did not start', { err: error });
    throw error;
  } finally {
    printer.stop();
    if (state !== 'failed') state = 'stopping';
    await cluster.current?.stop();
    await control.close();
  }
  // What is left are idle sockets of libraries; nothing that must be waited for.
  process.exit(0);
}

function readyText(config: Config, { endpoint, ms, steps }: { endpoint: string; ms: number; steps: Step[] }): string {
  const layout = layoutOf(config.dataDir);
  const node = steps.find(({ name }) => name.startsWith('node'));
  const rows = [
    ['API server', endpoint],
    ['nodes', node?.detail ?? 'none'],
    ['kubectl', config.kubeconfig ? `kubectl --context t8s get nodes   (${userKubeconfig()})` : ''],
    [config.kubeconfig ? '' : 'kubectl', `export KUBECONFIG=${layout.kubeconfig}`],
    ['logs', layout.log],
  ].filter(([, text]) => text);
  const lines = rows.map(([name, text]) => `  ${name!.padEnd(12)}${text}`);
  const end =
    config.runtime === 'containerd'
      ? 'Ctrl-C stops it; containers go on until `t8s down --purge`.'
      : 'Ctrl-C stops it.';
  return `\nReady in ${seconds(ms)}\n\n${lines.join('\n')}\n\n${end}\n`;
}

/** Starts the same command in the background, and shows its steps until it is ready or has failed. */
async function detach(config: Config, clock: Clock): Promise<void> {
  const { dataDir } = config;
  const layout = layoutOf(dataDir);
  mkdirSync(dirname(layout.log), { recursive: true });
  const output = openSync(`${layout.log}.start`, 'w');
  const words = process.argv.slice(2).filter((word) => word !== '--detach');
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, ...words], {
    detached: true,
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  let exitCode: number | null | undefined;
  child.on('exit', (code) => {
    exitCode = code;
  });
  const printer = new StepPrinter({ output: process.stdout, clock });
  const shown = new Map<string, Step>();
  const deadlineMs = clock.monotonic() + detachTimeoutMs;
  try {
    for (;;) {
      const status = await readStatus(dataDir);
      for (const step of status?.steps ?? []) show(step, { shown, printer, nowMs: clock.monotonic() });
      if (status?.state === 'ready') break;
      if (exitCode !== undefined) throw new CommandError(startFailure(`${layout.log}.start`, exitCode));
      if (clock.monotonic() > deadlineMs)
        throw new CommandError(`not ready after ${detachTimeoutMs / 60_000} minutes: see ${layout.log}`);
      await clock.sleep(20);
    }
  } finally {
    printer.stop();
  }
  child.unref();
  process.stdout.write(`ready: process ${child.pid}, kubeconfig ${layout.kubeconfig}\n`);
}

function show(
  { name, state, ms, detail }: ClusterStatus['steps'][number],
  { shown, printer, nowMs }: { shown: Map<string, Step>; printer: StepPrinter; nowMs: number },
): void {
  const known = shown.get(name);
  if (known && known.state !== 'running') return;
  const step = known ?? { name, state, startedMs: nowMs, ms, detail };
  Object.assign(step, { state, ms, detail });
  shown.set(name, step);
  printer.show(step);
}

/** The background process has said why, as its last line. */
function startFailure(file: string, exitCode: number | null): string {
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  const said = lines.findLast((line) => line.startsWith('t8s: '))?.slice('t8s: '.length);
  return said ?? `the cluster ended with exit code ${exitCode}: see ${file}`;
}
