/**
 * Garbage collection: deletes objects whose owners are all gone, before or after their owners as the deletion asks.
 * https://kubernetes.io/docs/concepts/architecture/garbage-collection/
 */
import { StatusError } from '#apimachinery/errors.js';
import { parseApiVersion } from '#apimachinery/object.js';
import { type DiscoveredResource, discover } from '#client/discovery.js';
import { TransportError } from '#client/transport.js';
import { WorkQueue } from '#client/workqueue.js';
import { type ControllerContext, defineController } from '../runtime.js';
import { Collector } from './collector.js';
import { type Affected, OwnershipGraph } from './graph.js';

/** How often to ask whether resources came or went, */
const discoverMs = 30_000;
/** and how long after a change of what defines them, of which there may be many at once. */
const settleMs = 1000;
/** How long to wait for the first lists. */
const syncMsMax = 30_000;
const workersMax = 20;

export default defineController({
  name: 'generic-garbage-collector',
  eventSource: 'garbage-collector-controller',
  run,
});

/** What defines other kinds. */
const definitions = 'apiextensions.k8s.io/customresourcedefinitions';

/** Never collected: they are many, refer to their objects by another field, and go by themselves. */
const ignored = new Set(['/events', 'events.k8s.io/events']);

async function run(context: ControllerContext<undefined>, signal: AbortSignal): Promise<void> {
  const { clock, log } = context;
  const graph = new OwnershipGraph();
  const checks = new WorkQueue({ clock, name: 'garbage_collector_attempt_to_delete' });
  const orphanings = new WorkQueue({ clock, name: 'garbage_collector_attempt_to_orphan' });
  const apply = ({ check, orphan }: Affected) => {
    for (const uid of check) checks.add(uid);
    for (const uid of orphan) orphanings.add(uid);
  };
  const monitors = new Monitors({ context, graph, apply });
  const collector = new Collector({ context, graph, apply, resourceOf: (kind) => monitors.resourceOf(kind) });
  const workers: Promise<void>[] = [];
  await monitors.keepInStep(signal, () => {
    for (const uid of graph.withDoubtfulOwners()) checks.add(uid);
    for (let worker = 0; worker < workersMax; worker++) {
      workers.push(work({ queue: checks, log, signal, call: (uid) => collector.check(uid) }));
      workers.push(work({ queue: orphanings, log, signal, call: (uid) => collector.orphanDependents(uid) }));
    }
  });
  checks.close();
  orphanings.close();
  await Promise.all(workers);
}

interface Work {
  queue: WorkQueue;
  log: ControllerContext['log'];
  signal: AbortSignal;
  call: (uid: string) => Promise<void>;
}

async function work({ queue, log, signal, call }: Work): Promise<void> {
  for (let uid = await queue.next(); uid !== undefined; uid = await queue.next()) {
    try {
      await call(uid);
      queue.forget(uid);
    } catch (error) {
      const isOperating = error instanceof StatusError || error instanceof TransportError;
      if (isOperating) log.debug('collection failed, trying again', { uid, err: error });
      else if (!signal.aborted) log.error('collection failed unexpectedly', { uid, err: error });
      queue.addRateLimited(uid);
    } finally {
      queue.done(uid);
    }
  }
}

interface MonitorsOptions {
  context: ControllerContext<undefined>;
  graph: OwnershipGraph;
  apply: (affected: Affected) => void;
}

/** Feeds the graph from a watch of every resource that can be listed, watched and deleted. */
class Monitors {
  readonly #options: MonitorsOptions;
  readonly #watched = new Map<string, { resource: DiscoveredResource; stop: () => void }>();
  /** By `group/Kind`, of all that the server serves. */
  #kinds = new Map<string, DiscoveredResource>();
  /** False while the graph fills: its first contents come in any order, dependents before owners. */
  #isFilled = false;
  #mayHaveChanged = false;
  #wake: (() => void) | undefined;

  constructor(options: MonitorsOptions) {
    this.#options = options;
  }

  resourceOf({ group, kind }: { group: string; kind: string }): DiscoveredResource | undefined {
    return this.#kinds.get(`${group}/${kind}`);
  }

  /** Runs until the signal aborts; `filled` is called once, when the lists of all resources are in. */
  async keepInStep(signal: AbortSignal, filled: () => void): Promise<void> {
    const { clock, log } = this.#options.context;
    while (!signal.aborted) {
      this.#mayHaveChanged = false;
      try {
        await this.#sync(signal);
        if (!this.#isFilled && !signal.aborted) {
          this.#isFilled = true;
          filled();
        }
      } catch (error) {
        if (!(error instanceof StatusError) && !(error instanceof TransportError)) throw error;
        log.warn('discovery failed', { err: error });
      }
      // Before the first success there is nothing to collect with, so that one is not waited for long.
      await clock.sleep(settleMs, signal).catch(() => {});
      if (this.#isFilled && !this.#mayHaveChanged) await this.#untilChanged(signal);
    }
    for (const { stop } of this.#watched.values()) stop();
  }

  async #untilChanged(signal: AbortSignal): Promise<void> {
    const change = new AbortController();
    this.#wake = () => change.abort();
    await this.#options.context.clock
      .sleep(discoverMs - settleMs, AbortSignal.any([signal, change.signal]))
      .catch(() => {});
    if (change.signal.aborted) await this.#options.context.clock.sleep(settleMs, signal).catch(() => {});
    this.#wake = undefined;
  }

  async #sync(signal: AbortSignal): Promise<void> {
    const { client, informers, clock } = this.#options.context;
    const { resources, failures } = await discover(client.transport, signal);
    // A group that does not answer is not gone, and its kinds are what they were.
    const failed = new Set(failures.map(({ groupVersion }) => parseApiVersion(groupVersion).group));
    const kept = [...this.#kinds.values()].filter(({ group }) => failed.has(group));
    this.#kinds = new Map([...kept, ...resources].map((one) => [`${one.group}/${one.kind}`, one]));
    const wanted = new Map<string, DiscoveredResource>();
    for (const one of resources) {
      const key = `${one.group}/${one.plural}`;
      const isCollectable = (['list', 'watch', 'delete'] as const).every((verb) => one.verbs.includes(verb));
      if (isCollectable && !ignored.has(key)) wanted.set(key, one);
    }
    for (const [key, { resource, stop }] of this.#watched) {
      if (wanted.has(key) || failed.has(resource.group)) continue;
      stop();
      informers.drop(resource);
      this.#watched.delete(key);
    }
    const started = [...wanted].filter(([key]) => !this.#watched.has(key)).map(([key, one]) => this.#watch(key, one));
    if (started.length === 0) return;
    // One resource that cannot be listed must not keep all others from being collected.
    const enough = new AbortController();
    const wait = clock.sleep(syncMsMax, AbortSignal.any([signal, enough.signal])).catch(() => {});
    await Promise.race([Promise.all(started), wait]);
    enough.abort();
  }

  #changed(): void {
    this.#mayHaveChanged = true;
    this.#wake?.();
  }

  #watch(key: string, resource: DiscoveredResource): Promise<void> {
    const { context, graph, apply } = this.#options;
    const informer = context.informers.of(resource);
    const use = (affected: Affected) => {
      if (key === definitions) this.#changed();
      // What the graph's first contents lack is looked for once it is full.
      apply(
        this.#isFilled
          ? affected
          : { ...affected, check: affected.check.filter((uid) => graph.get(uid)?.awaitsDependents) },
      );
    };
    const stop = informer.onEvent({
      added: (object) => use(graph.observe(resource, object)),
      updated: (object) => use(graph.observe(resource, object)),
      deleted: (object) => use(graph.remove(object.metadata.uid ?? '')),
    });
    this.#watched.set(key, { resource, stop });
    return informer.synced;
  }
}
