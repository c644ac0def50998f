/** One cluster of one test: started ready, moved through time, stopped without a trace. */
import { isReason } from '#apimachinery/errors.js';
import { type Clock, SystemClock, VirtualClock } from '#base/clock.js';
import { type Log, silentLog } from '#base/log.js';
import { SeededPrng } from '#base/prng.js';
import { withoutTurns } from '#base/turns.js';
import { Client } from '#client/client.js';
import type { Transport } from '#client/transport.js';
import type { ApiServerSettings } from '#cluster/api-server/settings.js';
import { EphemeralCluster, type EphemeralClusterOptions } from '#cluster/ephemeral-cluster.js';
import type { SchedulerSettings } from '#cluster/scheduler-configuration.js';
import type { SimulatedNode } from '#cluster/simulated-nodes.js';
import { ComponentCopy } from './component-copy.js';
import { type DoneRequest, type FaultPlan, Faults } from './faults.js';

/** A simulated node. Its name defaults to `node-<n>`, counted from 0. */
export type TestNode = Partial<SimulatedNode>;

export interface TestClusterOptions {
  /**
   * Default: a VirtualClock, which stands still until `advance` or `until` moves it; it starts at 2026-01-01, or, where
   * the cluster listens, now, since TLS clients hold certificates against their own clock. Give a SystemClock where
   * programs outside this process take part, since they cannot wait in virtual time.
   */
  clock?: Clock;
  /** Of names, uids and jitter: with the same seed and a VirtualClock a run makes the same choices. Default: 1. */
  seed?: number;
  /** Simulated nodes, or how many plain ones. They are Ready when the start resolves. Default: 1. */
  nodes?: number | readonly TestNode[];
  /** Names of those that run, such as `deployment-controller`. Default: all. */
  controllers?: readonly string[];
  /**
   * Default: true. Without it, pods stay where they are put, and pending where they are not. A configuration is
   * upstream's KubeSchedulerConfiguration; its profiles enable plugins that are given here by their names.
   */
  scheduler?: boolean | SchedulerSettings;
  /** What goes wrong between controllers and scheduler and the API server, from the start on. Default: nothing. */
  faults?: FaultPlan;
  /** How many copies there are of controllers and scheduler, of which one at a time leads and works. Default: 1. */
  copies?: number;
  /** Told of each request that controllers and scheduler had carried out, where there are `faults`. */
  onDone?: (done: DoneRequest) => void;
  /** Also serve HTTPS on a free port of 127.0.0.1; `url` and `kubeconfig` lead there. Default: false. */
  listen?: boolean;
  /** `lmdb` is the store of real clusters, in a temporary directory; its commits take real time. Default: memory. */
  store?: 'memory' | 'lmdb';
  /** Settings of the API server, by the names of `t8s up`'s flags (`auditPolicyFile`), where they are not the defaults. */
  apiServer?: Partial<ApiServerSettings>;
  /** Settings of the controllers, where they are not the defaults. */
  controllerSettings?: EphemeralClusterOptions['controllerSettings'];
  /** Default: silent. Errors are also collected in `errors`. */
  log?: Log;
}

export interface TestUser {
  name: string;
  /** `system:authenticated` is added, as the API server does for whoever has proved a name. */
  groups?: readonly string[];
}

export interface UntilOptions {
  /** Of the cluster's time. Default: 60 000. */
  limitMs?: number;
  /** How far time moves between looks at the condition. Default: 100. */
  stepMs?: number;
}

/** What a component logged as an error: a bug of the product, or a fault that the test asked for. */
export interface LoggedError {
  message: string;
  err: unknown;
}

/** How far virtual time moves at once while something waits for it. */
const driveStepMs = 50;
/** What has not come after so many turns of the event loop waits for time, or for the world outside. */
const turnsMax = 10;

/** Resolves when the API server is ready, controllers and scheduler run, and all nodes are Ready. */
export async function startTestCluster(options: TestClusterOptions = {}): Promise<TestCluster> {
  return TestCluster.start(options);
}

export class TestCluster {
  readonly clock: Clock;
  /** Where it listens: `https://127.0.0.1:40123`. */
  readonly url: string | undefined;
  /** For kubectl and other clients, as the administrator; its text. undefined when the cluster does not listen. */
  readonly kubeconfig: string | undefined;
  /** What components have logged as errors. */
  readonly errors: readonly LoggedError[];
  /** Where the cluster was started with faults: the way to end them. */
  readonly faults: Faults | undefined;
  /** Of controllers and scheduler, where several were asked for; each can be put to sleep, past its lease. */
  readonly copies: readonly ComponentCopy[];
  readonly #cluster: EphemeralCluster;
  readonly #resumeTurns: () => void;
  #nodesMade = 0;

  /** As `startTestCluster`. */
  static async start(options: TestClusterOptions): Promise<TestCluster> {
    const { seed = 1, listen = false, store = 'memory', nodes = 1 } = options;
    const { controllers, controllerSettings, scheduler, apiServer } = options;
    const clock = options.clock ?? new VirtualClock(listen ? new SystemClock().now() : undefined);
    const errors: LoggedError[] = [];
    const log = collecting(options.log ?? silentLog, errors);
    const shared = { clock, prng: new SeededPrng(seed), log, store, listen };
    const faults = options.faults && new Faults({ plan: options.faults, clock, seed, onDone: options.onDone });
    const between = faults && ((name: string, transport: Transport) => faults.between(name, transport));
    const copies = Array.from({ length: options.copies ?? 0 }, () => new ComponentCopy(clock));
    const chosen = { controllers, controllerSettings, scheduler, apiServer, between, copies };
    const inner = await EphemeralCluster.prepare({ ...shared, ...chosen });
    const resumeTurns = clock instanceof VirtualClock ? withoutTurns() : () => {};
    await drive(clock, inner.start());
    const kubeconfig = listen ? await inner.kubeconfig() : undefined;
    const cluster = new TestCluster({ clock, errors, cluster: inner, kubeconfig, faults, copies, resumeTurns });
    const wanted = typeof nodes === 'number' ? Array.from({ length: nodes }, () => ({})) : nodes;
    await Promise.all(wanted.map((node) => cluster.addNode(node)));
    return cluster;
  }

  private constructor(parts: {
    clock: Clock;
    errors: readonly LoggedError[];
    cluster: EphemeralCluster;
    kubeconfig: string | undefined;
    resumeTurns: () => void;
    faults: Faults | undefined;
    copies: readonly ComponentCopy[];
  }) {
    this.clock = parts.clock;
    this.errors = parts.errors;
    this.url = parts.cluster.url;
    this.kubeconfig = parts.kubeconfig;
    this.faults = parts.faults;
    this.copies = parts.copies;
    this.#cluster = parts.cluster;
    this.#resumeTurns = parts.resumeTurns;
  }

  /**
   * Through authorization, admission and validation like any other, but through no socket. Default: the administrator.
   * A request that waits for the cluster's time, as the creation of a pod for its service account does, moves it.
   */
  client(user: TestUser = { name: 'kubernetes-admin', groups: ['system:masters'] }): Client {
    const groups = [...(user.groups ?? []), 'system:authenticated'];
    const { transport } = this.#cluster.controlPlane.client({ ...user, groups });
    return new Client({
      request: (request) => drive(this.clock, transport.request(request)),
      watch: (request) => transport.watch(request),
    });
  }

  /** Resolves with its name when it is Ready. */
  async addNode(node: TestNode = {}): Promise<string> {
    const name = node.name ?? `node-${this.#nodesMade}`;
    this.#nodesMade++;
    await drive(this.clock, this.#cluster.nodes.add({ ...node, name }));
    return name;
  }

  /** The node falls silent, as if its machine had lost power; controllers find out in their own time. */
  async cutNode(name: string): Promise<void> {
    await drive(this.clock, this.#cluster.nodes.cut(name));
  }

  /** Controllers and scheduler end, and begin anew, knowing only what the API tells them. */
  async restartControllers(): Promise<void> {
    this.#wakeAll();
    await drive(this.clock, this.#cluster.controlPlane.restartComponents());
  }

  /** Lets time pass: a VirtualClock at once, any other clock in its own time. */
  async advance(ms: number): Promise<void> {
    await (this.clock instanceof VirtualClock ? this.clock.advance(ms) : this.clock.sleep(ms));
  }

  /**
   * Lets time pass until the condition holds; one that throws NotFound does not hold yet. Throws Error, with the
   * condition's text, when it does not hold within the limit.
   */
  async until(
    condition: () => boolean | Promise<boolean>,
    { limitMs = 60_000, stepMs = 100 }: UntilOptions = {},
  ): Promise<void> {
    for (let spentMs = 0; ; spentMs += stepMs) {
      if (await holds(condition)) return;
      if (spentMs >= limitMs) throw new Error(`not so after ${limitMs} ms: ${condition}`);
      await this.advance(stepMs);
    }
  }

  /** Ends everything and removes its files. */
  async stop(): Promise<void> {
    this.#wakeAll();
    await drive(this.clock, this.#cluster.stop());
    this.#resumeTurns();
  }

  #wakeAll(): void {
    for (const copy of this.copies) copy.wake();
  }
}

/** Moves virtual time until the work, which may wait for timers, is done. */
async function drive<T>(clock: Clock, work: Promise<T>): Promise<T> {
  if (!(clock instanceof VirtualClock)) return work;
  let isDone = false;
  const done = () => {
    isDone = true;
  };
  work.then(done, done);
  for (let turn = 0; turn < turnsMax && !isDone; turn++) await clock.advance(0);
  while (!isDone) await clock.advance(driveStepMs);
  return work;
}

async function holds(condition: () => boolean | Promise<boolean>): Promise<boolean> {
  try {
    return await condition();
  } catch (error) {
    if (isReason(error, 'NotFound')) return false;
    throw error;
  }
}

function collecting(log: Log, errors: LoggedError[]): Log {
  return {
    debug: (message, fields) => log.debug(message, fields),
    info: (message, fields) => log.info(message, fields),
    warn: (message, fields) => log.warn(message, fields),
    error: (message, fields) => {
      errors.push({ message, err: fields?.err });
      log.error(message, fields);
    },
    child: (fields) => collecting(log.child(fields), errors),
  };
}
