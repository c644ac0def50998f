/**
 * Counts what the objects of a namespace use of its quotas. Admission charges what is new; this controller counts for
 * the first time, and again when something goes or comes to use less.
 * https://kubernetes.io/docs/concepts/policy/resource-quotas/
 */
import crds from '#api/apiextensions/customresourcedefinition.js';
import { countName, countUsage, type Evaluator, inScopes, scopesOf } from '#api/core/quota/evaluator.js';
import { evaluatorOf } from '#api/core/quota/index.js';
import resourceQuotas from '#api/core/resourcequota.js';
import type { ResourceQuota } from '#api/gen/core-v1.js';
import builtins from '#api/index.gen.js';
import type { AnyResource, ResourceRef } from '#api/resource.js';
import {
  type Amounts,
  addAmounts,
  amountsOf,
  amountsToJson,
  equalAmounts,
  onlyAmounts,
} from '#apimachinery/amounts.js';
import type { KubeObject } from '#apimachinery/object.js';
import { Quantity } from '#apimachinery/quantity.js';
import { equal } from '#base/json.js';
import type { Client } from '#client/client.js';
import { type DiscoveredResource, discover } from '#client/discovery.js';
import type { Informer } from '#client/informer.js';
import { chargeMs, QuotaCharges, withCharges } from './quota-charges.js';
import { type ControllerContext, defineController, type Requeue, type Watch, watch } from './runtime.js';

/** Upstream's --resource-quota-sync-period. */
const resyncMs = 5 * 60_000;
/** How long objects of a kind that has come to be served may go unseen; upstream looks as often what is served. */
const customResyncMs = 30_000;
/** What was created is charged already; it is counted once more when the rush is over. */
const recountAfterCreateMs = 1_000;

interface State {
  /** Quotas whose count may be too high; all others are left alone, since each charge changes them. */
  stale: Set<string>;
  charges: QuotaCharges;
  /** When quotas were counted last. */
  countedMs: Map<string, number>;
  /** By the names of their counts. A kind that was gone for a while has another informer. */
  customKinds: Map<string, Informer<KubeObject>>;
}

const countedKinds: readonly { resource: AnyResource; evaluator: Evaluator }[] = builtins.flatMap(
  (resource: AnyResource) => {
    const isWatched = resource.namespaced && resource.verbs.includes('watch') && !resource.storedAs;
    const evaluator = isWatched ? evaluatorOf(resource) : undefined;
    return evaluator ? [{ resource, evaluator }] : [];
  },
);

export default defineController<ResourceQuota, State>({
  name: 'resourcequota-controller',
  for: resourceQuotas,
  state: ({ clock }) => ({
    stale: new Set(),
    charges: new QuotaCharges(clock),
    countedMs: new Map(),
    customKinds: new Map(),
  }),
  watches: (context) => [
    watch(resourceQuotas, (quota, { old }) => {
      context.state.charges.observe(quota, old);
      return [];
    }),
    ...countedKinds.map(({ resource, evaluator }) => watchUse(resource, evaluator, context)),
    watch(crds, ({ metadata }) => recountKind(`count/${metadata.name}`, context)),
  ],
  reconcile: ({ key }, context) => recount(key, context),
});

function watchUse(resource: AnyResource, evaluator: Evaluator, context: ControllerContext<State>): Watch {
  const { informers, clock, state } = context;
  const counting = (namespace: string) =>
    informers
      .of(resourceQuotas)
      .inNamespace(namespace)
      .filter(({ spec }) => Object.keys(spec?.hard ?? {}).some(evaluator.counts));
  return watch(resource as ResourceRef, (object, { type, old }) => {
    const namespace = object.metadata.namespace ?? '';
    let quotas = counting(namespace);
    if (type === 'updated' && quotas.length > 0 && !usesOther(evaluator, object, old!, clock.now()))
      quotas = quotas.filter((quota) => changesScope(evaluator, quota, object, old!));
    const keys = quotas.map(({ metadata }) => `${namespace}/${metadata.name}`);
    for (const key of keys) state.stale.add(key);
    if (type !== 'added') return keys;
    for (const key of keys) context.enqueue(key, recountAfterCreateMs);
    return [];
  });
}

/** Of a kind that comes to be served, some time after its definition changes. */
function recountKind(name: string, { informers, state, enqueue }: ControllerContext<State>): string[] {
  const quotas = informers.of(resourceQuotas).list();
  const counting = quotas.filter(({ spec }) => spec?.hard?.[name] !== undefined);
  const keys = counting.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
  for (const key of keys) {
    state.stale.add(key);
    enqueue(key, recountAfterCreateMs);
  }
  return keys;
}

function usesOther(evaluator: Evaluator, object: KubeObject, old: KubeObject, nowMs: number): boolean {
  const [after, before] = [evaluator.usage(object, { nowMs }), evaluator.usage(old, { nowMs })];
  return after !== before && !equalAmounts(after, before);
}

/** What uses as much as before may still have left a quota, or come to one: pods that are given a deadline do. */
function changesScope(evaluator: Evaluator, quota: ResourceQuota, object: KubeObject, old: KubeObject): boolean {
  const scopes = scopesOf(quota);
  return scopes.length > 0 && inScopes(evaluator, object, scopes) !== inScopes(evaluator, old, scopes);
}

async function recount(key: string, context: ControllerContext<State>): Promise<Requeue | undefined> {
  const { client, informers, state, clock } = context;
  // Of the copy's version: a charge that comes before the write below makes that a conflict, and all is counted anew.
  const quota = informers.of(resourceQuotas).get(key);
  if (!quota) {
    state.stale.delete(key);
    state.countedMs.delete(key);
    state.charges.forget(key);
    return undefined;
  }
  const hasCustom = Object.keys(quota.spec?.hard ?? {}).some(isCustom);
  const again = { afterMs: hasCustom ? customResyncMs : resyncMs };
  // What was missed while nobody ran, or was charged to a write that failed, is found by counting again from time to time.
  const isDue = clock.monotonic() - (state.countedMs.get(key) ?? Number.NEGATIVE_INFINITY) >= again.afterMs;
  if (!state.stale.has(key) && isCounted(quota) && !isDue) return again;
  state.stale.delete(key);
  state.countedMs.set(key, clock.monotonic());
  try {
    const hard = amountsOf(quota.spec?.hard);
    const recent = state.charges.recent(quota);
    const there = await countAll(quota, context);
    const counted = withCharges(quota, { counted: there, recent });
    if (!equalAmounts(there, counted)) {
      state.stale.add(key);
      context.enqueue(key, chargeMs);
    }
    const kept = onlyAmounts(amountsOf(quota.status?.used), (name) => hard.has(name));
    const used = new Map([...kept, ...counted]);
    const isSame = equalAmounts(used, amountsOf(quota.status?.used)) && equal(quota.status?.hard, quota.spec?.hard);
    if (!isSame || !quota.status?.used)
      await client
        .of(resourceQuotas)
        .updateStatus({ ...quota, status: { hard: quota.spec?.hard, used: amountsToJson(used) } });
  } catch (error) {
    state.stale.add(key);
    throw error;
  }
  return again;
}

function isCounted({ spec, status }: ResourceQuota): boolean {
  const names = Object.keys(spec?.hard ?? {});
  const isKnown = (name: string) => status?.used?.[name] !== undefined;
  return equal(spec?.hard ?? {}, status?.hard ?? {}) && names.every((name) => isKnown(name) || !isCountable(name));
}

function isCountable(name: string): boolean {
  return name.startsWith('count/') || countedKinds.some(({ evaluator }) => evaluator.counts(name));
}

/** Of the names that something counts; the others have no use that could be told. */
async function countAll(quota: ResourceQuota, context: ControllerContext<State>): Promise<Amounts> {
  const { client, clock } = context;
  const nowMs = clock.now();
  const { namespace } = quota.metadata;
  const open = new Set(Object.keys(quota.spec?.hard ?? {}));
  let used: Amounts = new Map();
  for (const { resource, evaluator } of countedKinds) {
    const names = [...open].filter(evaluator.counts);
    if (names.length === 0) continue;
    const { items } = await client.of<KubeObject>(resource as ResourceRef).list({ namespace });
    used = addAmounts(used, countUsage(evaluator, items, { quota, names, nowMs }));
    for (const name of names) open.delete(name);
  }
  for (const name of open) {
    const resource = await customKind(name, client);
    if (!resource) continue;
    watchCustom(name, resource, context);
    used = addAmounts(used, new Map([[name, await countObjects(resource, { client, namespace })]]));
  }
  return used;
}

function isCustom(name: string): boolean {
  return name.startsWith('count/') && !countedKinds.some(({ evaluator }) => evaluator.counts(name));
}

/** Counts anew when one goes. */
function watchCustom(name: string, resource: DiscoveredResource, context: ControllerContext<State>): void {
  const { informers, state, enqueue } = context;
  if (!resource.verbs.includes('watch')) return;
  const informer = informers.of(resource);
  if (state.customKinds.get(name) === informer) return;
  state.customKinds.set(name, informer);
  informer.onEvent({
    deleted({ metadata: { namespace = '' } }) {
      for (const { metadata, spec } of informers.of(resourceQuotas).inNamespace(namespace)) {
        if (spec?.hard?.[name] === undefined) continue;
        const key = `${namespace}/${metadata.name}`;
        state.stale.add(key);
        enqueue(key);
      }
    },
  });
}

async function customKind(name: string, client: Client): Promise<DiscoveredResource | undefined> {
  if (!name.startsWith('count/')) return undefined;
  const { resources } = await discover(client.transport);
  return resources.find((one) => one.namespaced && countName(one) === name && one.verbs.includes('list'));
}

/** Of one object on a page the server tells how many more there are. */
async function countObjects(
  resource: DiscoveredResource,
  { client, namespace }: { client: Client; namespace: string | undefined },
): Promise<Quantity> {
  const { items, metadata } = await client.of<KubeObject>(resource).list({ namespace, limit: 1 });
  return Quantity.of(items.length + (metadata.remainingItemCount ?? 0));
}
