/**
 * What every controller is made of: watches turn changes into keys, a queue holds the keys, workers reconcile them.
 * A controller is a file whose default export is `defineController(...)`; the list is generated from the folder.
 */
import type { KeyObject } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { ResourceRef } from '#api/resource.js';
import { isReason, StatusError } from '#apimachinery/errors.js';
import { controllerOf, type KubeObject, parseApiVersion } from '#apimachinery/object.js';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import type { Prng } from '#base/prng.js';
import type { Issuer } from '#base/x509.js';
import type { Client } from '#client/client.js';
import { EventRecorder } from '#client/events.js';
import { type InformerFactory, keyOf, splitKey } from '#client/informer.js';
import { TransportError } from '#client/transport.js';
import { WorkQueue, type WorkQueueMetrics, type WorkQueueOptions } from '#client/workqueue.js';
import { type ControllerMetrics, unwatched } from './metrics.js';
import { type ControllerSettings, defaultSettings } from './settings.js';

export interface ControllerContext<S = unknown> {
  /** Acts as the controller's own service account. */
  client: Client;
  /** Shared by all controllers; objects from it are frozen, and may lag behind. */
  informers: InformerFactory;
  clock: Clock;
  prng: Prng;
  log: Log;
  recorder: EventRecorder;
  /** The certificates, PEM, by which pods know the API server. */
  rootCa: string;
  /** The authority behind `rootCa`, where this process may sign as it. */
  issuer?: Issuer;
  /** Signs tokens of service accounts, where this process may. */
  serviceAccountKey?: KeyObject;
  settings: ControllerSettings;
  metrics: ControllerMetrics;
  /** Asks for work on a key, now or later, beside what the watches ask for. */
  enqueue(key: string, delayMs?: number): void;
  /** What the controller's `state` made. */
  state: S;
}

/** What to reconcile. It carries a name and never an event: whatever happened, look at how things are now. */
export interface Target {
  /** `namespace/name`, or the name alone. */
  key: string;
  namespace: string;
  name: string;
}

/** When to look again though nothing changes. */
export interface Requeue {
  afterMs: number;
}

export interface Watch<T extends KubeObject = KubeObject> {
  resource: ResourceRef<T>;
  /** The keys that may need work. Called with the object now (or last), and before if it was changed. */
  keys(object: T, change: { type: 'added' | 'updated' | 'deleted'; old?: T }): Iterable<string>;
}

export interface ControllerSpec<T extends KubeObject, S> {
  /** As upstream, `deployment-controller`: names its service account in kube-system, queue, logs and events. */
  name: string;
  /** The service account, where it is another's. */
  account?: string;
  /** The component shown on events. Default: the name. */
  eventSource?: string;
  /** How many keys are worked on at a time. Default: 5. */
  workers?: number;
  /** Every change of one of these asks for work on its key. */
  for: ResourceRef<T>;
  /** Which of them, or of their changes, are worth a look. Default: all. */
  concerns?: (object: T, old: T | undefined) => boolean;
  /** Every change of one of these asks for work on its controlling owner, where that is of kind `for`. */
  owns?: readonly ResourceRef[];
  /** How long such changes are gathered before the owner is looked at, where it may own many. Default: 0. */
  gatherMs?: number | ((owner: T | undefined) => number);
  /** How long a key waits after its first failure, and at most, where that is not as usual. */
  backoff?: Required<Pick<WorkQueueOptions, 'backoffMsMin' | 'backoffMsMax'>>;
  /** Made once, when the controller starts; lost when it stops, so it may hold only what can be found out again. */
  state?: (context: Omit<ControllerContext, 'state'>) => S;
  watches?: (context: ControllerContext<S>) => readonly Watch[];
  /** Must be safe to run twice. Operating errors (StatusError, TransportError) lead to another try, later each time. */
  reconcile(target: Target, context: ControllerContext<S>, signal: AbortSignal): Promise<Requeue | undefined>;
}

/** A controller that does not fit the pattern (the garbage collector watches everything) and brings its own loop. */
export interface LoopSpec {
  name: string;
  account?: string;
  eventSource?: string;
  /** Runs until the signal aborts. */
  run(context: ControllerContext<undefined>, signal: AbortSignal): Promise<void>;
}

export interface Controller {
  name: string;
  run(environment: ControllerEnvironment, signal: AbortSignal): Promise<void>;
}

export interface ControllerEnvironment {
  /** A client that acts as kube-system's service account of this name. */
  clientFor: (name: string) => Client;
  informers: InformerFactory;
  clock: Clock;
  prng: Prng;
  log: Log;
  rootCa: string;
  issuer?: Issuer;
  serviceAccountKey?: KeyObject;
  /** Default: upstream's. */
  settings?: ControllerSettings;
  metrics?: WorkQueueMetrics;
  /** Default: nobody looks at them. */
  counts?: ControllerMetrics;
}

/** Keeps the types of what the watch gives and takes in step, in lists of watches of different kinds. */
export function watch<T extends KubeObject>(resource: ResourceRef<T>, keys: Watch<T>['keys']): Watch {
  return { resource, keys } as unknown as Watch;
}

export function defineController<T extends KubeObject, S = undefined>(
  spec: ControllerSpec<T, S> | LoopSpec,
): Controller {
  const { name } = spec;
  return {
    name,
    run: async (environment, signal) => {
      const { clientFor, informers, clock, prng, rootCa, issuer, serviceAccountKey } = environment;
      const { settings = defaultSettings, counts: metrics = unwatched() } = environment;
      const log = environment.log.child({ component: name });
      const client = clientFor(spec.account ?? name);
      const recorder = new EventRecorder({ client, component: spec.eventSource ?? name, clock, prng, log });
      const shared = {
        client,
        informers,
        clock,
        prng,
        log,
        recorder,
        rootCa,
        issuer,
        serviceAccountKey,
        settings,
        metrics,
      };
      try {
        if ('run' in spec) await spec.run({ ...shared, enqueue: noQueue, state: undefined }, signal);
        else await runReconciler({ spec, shared, metrics: environment.metrics, signal });
      } catch (error) {
        // Whatever the end broke off has not failed.
        if (!signal.aborted || error !== signal.reason) throw error;
      } finally {
        await recorder.close();
      }
    },
  };
}

function noQueue(): never {
  throw new Error('a controller with its own loop has no queue');
}

/** Runs controllers until the signal aborts. Rejects if one fails in a way that it should not. */
export async function runControllers(
  controllers: readonly Controller[],
  environment: ControllerEnvironment,
  signal: AbortSignal,
): Promise<void> {
  // Each listens for the end; Node takes more than ten listeners for a leak.
  setMaxListeners(0, signal);
  // Each gets a signal of its own that follows the one: a controller listens many times, and Node warns of a leak when a
  // signal has more than ten listeners.
  await Promise.all(controllers.map((controller) => controller.run(environment, AbortSignal.any([signal]))));
}

interface Run<T extends KubeObject, S> {
  spec: ControllerSpec<T, S>;
  shared: Omit<ControllerContext, 'enqueue' | 'state'>;
  metrics?: WorkQueueMetrics;
  signal: AbortSignal;
}

async function runReconciler<T extends KubeObject, S>({ spec, shared, metrics, signal }: Run<T, S>): Promise<void> {
  const { clock, informers } = shared;
  const primary = informers.of(spec.for);
  const refill = () => {
    for (const key of primary.keys()) queue.add(key);
  };
  const queue = new WorkQueue({ clock, name: spec.name, metrics, refill, ...spec.backoff });
  const enqueue = (key: string, delayMs = 0) => queue.addAfter(key, delayMs);
  const stateless = { ...shared, enqueue };
  const context: ControllerContext<S> = { ...stateless, state: spec.state?.(stateless) as S };
  const watches = [
    watch(spec.for, (object, { old }) => (spec.concerns?.(object, old) === false ? [] : [keyOf(object)])),
    ...(spec.owns ?? []).map((owned) => watch(owned, (object, { old }) => ownersOf(spec.for, object, old))),
    ...(spec.watches?.(context) ?? []),
  ];
  const unhandle = watches.map(({ resource, keys }) => {
    const { gatherMs = 0 } = spec.owns?.includes(resource) ? spec : {};
    const delayMs = (key: string) => (typeof gatherMs === 'function' ? gatherMs(primary.get(key)) : gatherMs);
    const add = (all: Iterable<string>) => {
      for (const key of all) queue.addAfter(key, delayMs(key));
    };
    return informers.of(resource).onEvent({
      added: (object) => add(keys(object, { type: 'added' })),
      updated: (object, old) => add(keys(object, { type: 'updated', old })),
      deleted: (object) => add(keys(object, { type: 'deleted' })),
    });
  });
  const stopped = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  const synced = Promise.all(watches.map(({ resource }) => informers.of(resource).synced));
  await Promise.race([synced, stopped]);
  const work = () => workOn({ spec, context, queue, signal });
  const workers = signal.aborted ? [] : Array.from({ length: spec.workers ?? 5 }, work);
  await stopped;
  for (const stop of unhandle) stop();
  queue.close();
  await Promise.all(workers);
}

async function workOn<T extends KubeObject, S>({
  spec,
  context,
  queue,
  signal,
}: {
  spec: ControllerSpec<T, S>;
  context: ControllerContext<S>;
  queue: WorkQueue;
  signal: AbortSignal;
}): Promise<void> {
  for (let key = await queue.next(); key !== undefined; key = await queue.next()) {
    try {
      const requeue = await spec.reconcile({ key, ...splitKey(key) }, context, signal);
      queue.forget(key);
      if (requeue) queue.addAfter(key, requeue.afterMs);
    } catch (error) {
      if (!signal.aborted) logFailure(context.log, key, error);
      queue.addRateLimited(key);
    } finally {
      queue.done(key);
    }
  }
}

/** A lost race is daily business, a refusal worth a look, and all else a bug, which must not end the other keys' work. */
function logFailure(log: Log, key: string, error: unknown): void {
  if (isReason(error, 'Conflict', 'AlreadyExists', 'NotFound')) log.debug('trying again', { key, err: error });
  else if (error instanceof StatusError || error instanceof TransportError)
    log.warn('reconcile failed, trying again', { key, err: error });
  else log.error('reconcile failed unexpectedly', { key, err: error });
}

function ownersOf(owner: ResourceRef, object: KubeObject, old: KubeObject | undefined): Set<string> {
  const keys = new Set<string>();
  for (const one of old ? [object, old] : [object]) {
    const ref = controllerOf(one);
    if (!ref || ref.kind !== owner.kind || parseApiVersion(ref.apiVersion).group !== owner.group) continue;
    const { namespace } = one.metadata;
    keys.add(owner.namespaced && namespace ? `${namespace}/${ref.name}` : ref.name);
  }
  return keys;
}
