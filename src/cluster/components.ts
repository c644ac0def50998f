/** Controllers and scheduler of one control plane: started, begun anew, and stopped together. */
import { componentUsers } from '#apiserver/authentication/component-users.js';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import { MetricRegistry } from '#base/metrics.js';
import type { Prng } from '#base/prng.js';
import { Client } from '#client/client.js';
import { EventRecorder } from '#client/events.js';
import { InformerFactory } from '#client/informer.js';
import { type LeadersWork, runWhileLeading } from '#client/leader-election.js';
import type { Transport } from '#client/transport.js';
import { workQueueMetrics } from '#client/workqueue-metrics.js';
import { type ControllerMetrics, controllerMetrics } from '#controllers/metrics.js';
import { type Controller, type ControllerEnvironment, runControllers } from '#controllers/runtime.js';
import type { SchedulerConfiguration } from '#scheduler/configuration.js';
import { SchedulerMetrics } from '#scheduler/metrics.js';
import { runScheduler } from '#scheduler/run.js';
import type { Election } from './controller-manager/election.js';

type User = ReturnType<typeof componentUsers.controller>;

export interface ComponentsOptions {
  clock: Clock;
  prng: Prng;
  log: Log;
  clientFor: (user: User) => Client;
  controllers: readonly Controller[];
  scheduler: boolean;
  schedulerConfiguration?: SchedulerConfiguration;
  metrics: MetricRegistry;
  /** They work only while they lead. Default: they are alone. */
  election?: Election;
  /** What controllers are given beside their clients. */
  given: () => Pick<ControllerEnvironment, 'rootCa' | 'issuer' | 'serviceAccountKey' | 'settings'>;
}

/** On a clock and behind a transport of its own. */
export interface ComponentsCopy extends Pick<ComponentsOptions, 'clock' | 'election'> {
  between: (transport: Transport) => Transport;
}

/** Those that are alone, or copies of which one leads. */
export function componentsOf(options: ComponentsOptions, copies: readonly ComponentsCopy[] = []): Components[] {
  if (copies.length === 0) return [new Components(options)];
  return copies.map(({ between, clock, election }, place) => {
    const clientFor = (user: User) => new Client(between(options.clientFor(user).transport));
    // They tell of the first.
    const metrics = place === 0 ? options.metrics : new MetricRegistry();
    return new Components({ ...options, clock, election, clientFor, metrics });
  });
}

/** Controllers that work as the manager itself say so by this name. */
const managerAccount = 'kube-controller-manager';

export class Components {
  /** By name, what runs; false once it has ended by a bug. */
  readonly healthy = { controllers: false, scheduler: false };
  readonly #options: ComponentsOptions;
  #stop = new AbortController();
  #running: Promise<void>[] = [];
  #metrics:
    | { queues: ReturnType<typeof workQueueMetrics>; scheduler: SchedulerMetrics; controllers: ControllerMetrics }
    | undefined;

  constructor(options: ComponentsOptions) {
    this.#options = options;
  }

  start(): void {
    const { metrics } = this.#options;
    this.#metrics ??= {
      queues: workQueueMetrics(metrics),
      scheduler: new SchedulerMetrics(metrics),
      controllers: controllerMetrics(metrics),
    };
    this.#stop = new AbortController();
    this.#startControllers();
    if (this.#options.scheduler) this.#startScheduler();
  }

  #startControllers(): void {
    const { clock, prng, log, clientFor, controllers, given, election } = this.#options;
    const client = clientFor(componentUsers.controllerManager);
    const clientOf = (name: string) =>
      clientFor(name === managerAccount ? componentUsers.controllerManager : componentUsers.controller(name));
    const environment = {
      clock,
      prng,
      log,
      ...given(),
      metrics: this.#metrics!.queues,
      counts: this.#metrics!.controllers,
    };
    const runAll: LeadersWork = async (until, fenced) => {
      const informers = new InformerFactory({ client, clock, prng, log });
      informers.start(until);
      const writing = { informers, clientFor: (name: string) => fenced(clientOf(name)) };
      await runControllers(controllers, { ...environment, ...writing }, until);
      await informers.stopped();
    };
    this.#run(
      'controllers',
      election ? this.#lead(election, client, runAll) : runAll(this.#stop.signal, (client) => client),
    );
  }

  /** Controllers of several control planes must not do the same work twice. */
  async #lead(election: Election, client: Client, work: LeadersWork): Promise<void> {
    const { clock, prng, log } = this.#options;
    const recorder = new EventRecorder({ client, component: managerAccount, clock, prng, log });
    const elector = { ...election, client, clock, prng, log, recorder };
    await runWhileLeading(elector, this.#stop.signal, work).finally(() => recorder.close());
  }

  #startScheduler(): void {
    const { clock, prng, log, clientFor, election, schedulerConfiguration: configuration } = this.#options;
    const asScheduler = {
      configuration,
      election,
      clock,
      prng,
      log: log.child({ component: 'scheduler' }),
      client: clientFor(componentUsers.scheduler),
      metrics: this.#metrics!.scheduler,
    };
    this.#run('scheduler', runScheduler(asScheduler, this.#stop.signal));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running.splice(0));
  }

  #run(name: 'controllers' | 'scheduler', work: Promise<void>): void {
    this.healthy[name] = true;
    const watched = work.catch((error) => {
      this.healthy[name] = false;
      this.#options.log.error(`${name} ended by a bug`, { err: error });
    });
    this.#running.push(watched);
  }
}
