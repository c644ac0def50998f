/**
 * Serves what CustomResourceDefinitions define, from the first look at the store on: accepts names, makes definitions
 * for the scheme, follows their changes, and deletes the instances of those that are deleted. Upstream has a controller
 * for each condition; here one look at a definition decides all of them, so that it is established by one write.
 */
import crdResource from '#api/apiextensions/customresourcedefinition.js';
import { cleanupFinalizer, isTrue, setCondition, wantedStatus } from '#api/apiextensions/status.js';
import type { CustomResourceDefinition } from '#api/gen/apiextensions-v1.js';
import type { AnyResource } from '#api/resource.js';
import { isReason } from '#apimachinery/errors.js';
import { formatTime } from '#apimachinery/object.js';
import type { SchemaTable } from '#apimachinery/schema.js';
import type { Clock } from '#base/clock.js';
import { copy, equal } from '#base/json.js';
import type { Log } from '#base/log.js';
import type { Client } from '#client/client.js';
import type { Informer, InformerFactory } from '#client/informer.js';
import type { RuleObserver } from '../metrics/rule-metrics.js';
import type { Write } from '../registry/registry.js';
import { selectionOf } from '../registry/selection.js';
import type { ObjectRegistry } from '../registry/store.js';
import { type ConverterFactory, isWebhook } from './conversion.js';
import { definitionOf, isServed } from './definition.js';

export interface CustomResourcesOptions {
  registry: ObjectRegistry;
  schemas: SchemaTable;
  /** Of the API server itself. */
  client: Client;
  converters: ConverterFactory;
  /** Told how long rules take. */
  observer?: RuleObserver;
  clock: Clock;
  log: Log;
}

/** Watches of a definition that has changed end after this long, when clients have seen the last of it. */
const retireAfterMs = 1_000;
/** How long instances whose finalizers hold them are waited for before the next look. */
const deletionPollMs = 1_000;
const retryMs = 1_000;

interface Served {
  crd: CustomResourceDefinition;
  definition: AnyResource;
  inScheme: boolean;
}

export class CustomResources {
  readonly #options: CustomResourcesOptions;
  readonly #served = new Map<string, Served>();
  readonly #pending = new Set<string>();
  #informer: Informer<CustomResourceDefinition> | undefined;
  #working: Promise<void> | undefined;
  #signal: AbortSignal | undefined;

  constructor(options: CustomResourcesOptions) {
    this.#options = options;
  }

  /** Resolves when all that the store defines is served. Works until the signal aborts. */
  async follow(informers: InformerFactory, signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    const informer = (this.#informer = informers.of(crdResource));
    informer.onEvent({
      added: ({ metadata }) => this.#enqueue(metadata.name!),
      updated: ({ metadata }) => this.#enqueue(metadata.name!),
      deleted: (crd) => this.#enqueue(crd.metadata.name!),
    });
    await informer.synced;
    await this.#working;
  }

  #enqueue(name: string): void {
    if (this.#signal?.aborted) return;
    this.#pending.add(name);
    this.#working ??= this.#work();
  }

  #enqueueLater(name: string, delayMs: number): void {
    this.#options.clock.setTimer(delayMs, () => this.#enqueue(name));
  }

  /** One after the other, since names are taken in turn. */
  async #work(): Promise<void> {
    for (const name of this.#pending) {
      this.#pending.delete(name);
      if (this.#signal?.aborted) break;
      try {
        await this.#reconcile(name);
      } catch (error) {
        // Somebody else wrote it: that is news, and leads here again.
        if (isReason(error, 'Conflict', 'NotFound')) continue;
        this.#options.log.warn('custom resource definition failed', { name, err: error });
        this.#enqueueLater(name, retryMs);
      }
    }
    // No turn after the last look: a name that comes from now on begins anew.
    this.#working = undefined;
  }

  async #reconcile(name: string): Promise<void> {
    const crd = this.#informer!.get(name);
    const group = name.slice(name.indexOf('.') + 1);
    if (!crd) {
      this.#remove(name);
      this.#enqueueOthers(group, name);
      return;
    }
    const others = this.#othersOf(group, name);
    const status = wantedStatus(crd, { others, nowMs: this.#options.clock.now() });
    const wanted = { ...crd, status };
    // What is established is served before it says so, for those who wait for that; and told of only when it has said
    // so, since those who wait for discovery write the definition next, and would meet our own write of its status.
    await this.#serve(wanted, { quiet: !isTrue(crd, 'Established') });
    if (crd.metadata.deletionTimestamp && crd.metadata.finalizers?.includes(cleanupFinalizer))
      await this.#finalize(crd);
    else if (!equal(status, crd.status)) {
      await this.#options.client.of(crdResource).updateStatus(copy(wanted));
      if (!equal(status.acceptedNames, crd.status?.acceptedNames)) this.#enqueueOthers(group, name);
    }
    const served = this.#served.get(name);
    if (served?.inScheme) this.#options.registry.scheme.announce(served.definition);
  }

  #othersOf(group: string, name: string): CustomResourceDefinition[] {
    return this.#informer!.list().filter(({ spec, metadata }) => spec.group === group && metadata.name !== name);
  }

  /** A name may have become free. */
  #enqueueOthers(group: string, name: string): void {
    for (const { metadata, spec, status } of this.#othersOf(group, name))
      if (!equal(spec.names, status?.acceptedNames)) this.#enqueue(metadata.name!);
  }

  async #serve(crd: CustomResourceDefinition, { quiet }: { quiet: boolean }): Promise<void> {
    const name = crd.metadata.name!;
    const known = this.#served.get(name);
    if (known && isSame(known.crd, crd)) return;
    if (!isTrue(crd, 'NamesAccepted') && !isTrue(crd, 'Established')) return;
    const { registry, schemas, converters, observer } = this.#options;
    const convert = isWebhook(crd) ? converters(crd) : undefined;
    const definition = await definitionOf(crd, { schemas, convert, observer });
    if (!definition) return;
    const { scheme } = registry;
    const { group, plural } = definition;
    const inScheme = isServed(crd) && isFree(scheme.byPlural({ group, plural }), known?.definition);
    if (known) this.#retire(known.definition, { isGone: known.crd.metadata.uid !== crd.metadata.uid });
    if (known?.inScheme && inScheme) scheme.replace(known.definition, definition);
    else if (known?.inScheme) scheme.remove(known.definition);
    else if (inScheme) scheme.add(definition, { quiet });
    this.#served.set(name, { crd, definition, inScheme });
  }

  #remove(name: string): void {
    const known = this.#served.get(name);
    if (!known) return;
    this.#served.delete(name);
    if (known.inScheme) this.#options.registry.scheme.remove(known.definition);
    this.#retire(known.definition, { isGone: true });
  }

  #retire(definition: AnyResource, how: { isGone: boolean }): void {
    const { clock, registry } = this.#options;
    clock.setTimer(retireAfterMs, () => {
      const { group, plural } = definition;
      // The same name may have been defined again meanwhile.
      const isGone = how.isGone && !registry.scheme.byPlural({ group, plural });
      registry.retire(definition, { isGone });
    });
  }

  /** Deletes the instances, then lets the definition go. */
  async #finalize(crd: CustomResourceDefinition): Promise<void> {
    const name = crd.metadata.name!;
    const set = (object: CustomResourceDefinition, status: 'True' | 'False', reason: string, message: string) => {
      const lastTransitionTime = formatTime(this.#options.clock.now());
      setCondition(object.status!, { type: 'Terminating', status, reason, message, lastTransitionTime });
    };
    const client = this.#options.client.of(crdResource);
    let current = copy(crd);
    const known = this.#served.get(name);
    if (isTrue(crd, 'Established') && known) {
      set(current, 'True', 'InstanceDeletionInProgress', 'CustomResource deletion is in progress');
      if (!equal(current.status, crd.status)) current = copy(await client.updateStatus(current));
      if (!(await this.#deleteInstances(known.definition))) {
        this.#enqueueLater(name, deletionPollMs);
        return;
      }
      set(current, 'False', 'InstanceDeletionCompleted', 'removed all instances');
    } else set(current, 'False', 'NeverEstablished', 'resource was never established');
    current.metadata.finalizers = current.metadata.finalizers?.filter((one) => one !== cleanupFinalizer);
    await client.updateStatus(current);
  }

  /** Whether none is left. */
  async #deleteInstances(definition: AnyResource): Promise<boolean> {
    const store = this.#options.registry.storeOf(definition, definition.storageVersion);
    const all = { namespace: '', selection: selectionOf(definition, {}) };
    await store.removeAll(all, {}, deletionWrite);
    return (await store.list()).items.length === 0;
  }
}

/** By the server itself, which asks nobody. */
const deletionWrite: Write = {
  user: { name: 'system:apiserver', groups: ['system:masters'] },
  dryRun: false,
  subresource: '',
  manager: '',
  admission: 'done',
  options: {},
  warn: () => {},
  annotate: () => {},
};

function isSame(a: CustomResourceDefinition, b: CustomResourceDefinition): boolean {
  return (
    a.metadata.uid === b.metadata.uid &&
    equal(a.spec, b.spec) &&
    equal(a.status?.acceptedNames, b.status?.acceptedNames) &&
    Boolean(a.metadata.deletionTimestamp) === Boolean(b.metadata.deletionTimestamp)
  );
}

/** Built-in resources cannot be redefined. */
function isFree(found: AnyResource | undefined, own: AnyResource | undefined): boolean {
  return found === undefined || found === own;
}
