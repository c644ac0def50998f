/**
 * ResourceQuota: a write is charged to the quotas of its namespace before it happens, or refused. Writes of a namespace
 * that come at once are charged together, and the charge is stored only over the state that it was reckoned from, so
 * that no race admits more than there is.
 * https://kubernetes.io/docs/concepts/policy/resource-quotas/
 */
import type { Evaluator } from '#api/core/quota/evaluator.js';
import { evaluatorOf } from '#api/core/quota/index.js';
import type { LimitedResource } from '#api/gen/apiserver-v1.js';
import type { ResourceQuota } from '#api/gen/core-v1.js';
import { amountsToJson } from '#apimachinery/amounts.js';
import { isReason } from '#apimachinery/errors.js';
import type { Clock } from '#base/clock.js';
import { ownWrite } from '../../registry/own-write.js';
import type { Registry } from '../../registry/registry.js';
import type { AdmissionPlugin, AdmissionRequest } from '../admission.js';
import { listAll } from '../look.js';
import { chargeRequest, type RunningQuota, runningQuota } from './check.js';

const resourceQuotas = { group: '', plural: 'resourcequotas' };
/** Times that a quota which others write may change under a charge. */
const attemptsMax = 4;

interface Waiting {
  request: AdmissionRequest;
  evaluator: Evaluator;
  resolve(): void;
  reject(error: unknown): void;
}

interface Dependencies {
  registry: () => Registry;
  clock: Clock;
  /** What may be used only where a quota covers it. */
  limitedResources?: readonly LimitedResource[];
}

export function resourceQuota(dependencies: Dependencies): AdmissionPlugin {
  const { registry } = dependencies;
  const ledger = new Ledger(dependencies);
  return {
    name: 'ResourceQuota',
    handles: (request) => {
      const { operation, namespace, resource } = request;
      if (namespace === '' || (operation !== 'CREATE' && operation !== 'UPDATE')) return false;
      return evaluatorOf(resource)?.handles(request) ?? false;
    },
    async validate(request) {
      const quotas = await listAll<ResourceQuota>(registry(), resourceQuotas, request.namespace);
      if (quotas.length > 0 || dependencies.limitedResources?.length)
        await ledger.charge(request, evaluatorOf(request.resource)!);
    },
  };
}

/** Charges one batch of writes a namespace at a time; those that come meanwhile are the next batch. */
class Ledger {
  readonly #registry: () => Registry;
  readonly #clock: Clock;
  readonly #limited: readonly LimitedResource[] | undefined;
  readonly #waiting = new Map<string, Waiting[]>();

  constructor({ registry, clock, limitedResources }: Dependencies) {
    this.#registry = registry;
    this.#clock = clock;
    this.#limited = limitedResources;
  }

  charge(request: AdmissionRequest, evaluator: Evaluator): Promise<void> {
    return new Promise((resolve, reject) => {
      const { namespace } = request;
      const waiting = { request, evaluator, resolve, reject };
      const batch = this.#waiting.get(namespace);
      if (batch) {
        batch.push(waiting);
        return;
      }
      this.#waiting.set(namespace, [waiting]);
      void this.#work(namespace);
    });
  }

  async #work(namespace: string): Promise<void> {
    for (;;) {
      const batch = this.#waiting.get(namespace) ?? [];
      if (batch.length === 0) break;
      this.#waiting.set(namespace, []);
      await this.#settle(namespace, batch).catch((error) => {
        for (const { reject } of batch) reject(error);
      });
    }
    this.#waiting.delete(namespace);
  }

  /** Every write of the batch is answered, or this throws. */
  async #settle(namespace: string, batch: readonly Waiting[]): Promise<void> {
    let open = batch;
    /** After a lost race only the quotas that lost it: the others hold the charge. */
    let only: readonly string[] | undefined;
    for (let attempt = 1; ; attempt++) {
      const all = await listAll<ResourceQuota>(this.#registry(), resourceQuotas, namespace);
      const before = all.filter(({ metadata }) => !only || only.includes(metadata.name ?? '')).map(runningQuota);
      const { after, charged } = this.#decide(before, open);
      const changed = after.filter((quota, index) => quota !== before[index]);
      const lost = await this.#store(changed);
      if (lost.length === 0) {
        for (const { resolve } of charged) resolve();
        return;
      }
      if (attempt === attemptsMax) throw lost[0]!.error;
      only = lost.map(({ name }) => name);
      open = charged;
    }
  }

  /** Answers the writes that need no charge, and those that do not fit. */
  #decide(
    before: readonly RunningQuota[],
    open: readonly Waiting[],
  ): { after: readonly RunningQuota[]; charged: Waiting[] } {
    let after = before;
    const charged: Waiting[] = [];
    const nowMs = this.#clock.now();
    for (const waiting of open) {
      const { request, evaluator, resolve, reject } = waiting;
      try {
        const next = chargeRequest(after, request, { evaluator, nowMs, limited: this.#limited });
        const isFree = request.dryRun || next.every((quota, index) => quota === after[index]);
        if (isFree) resolve();
        else {
          charged.push(waiting);
          after = next;
        }
      } catch (error) {
        reject(error);
      }
    }
    return { after, charged };
  }

  /** Gives those that others have changed meanwhile. */
  async #store(changed: readonly RunningQuota[]): Promise<{ name: string; error: unknown }[]> {
    const lost: { name: string; error: unknown }[] = [];
    const quotas = this.#registry().of<ResourceQuota>(resourceQuotas);
    for (const { quota, used } of changed) {
      const { name = '', namespace = '', resourceVersion } = quota.metadata;
      const change = (current: ResourceQuota) => ({
        ...current,
        status: { ...current.status, used: amountsToJson(used) },
      });
      try {
        await quotas.update({ namespace, name }, change, { ...statusWrite, preconditions: { resourceVersion } });
      } catch (error) {
        if (!isReason(error, 'Conflict', 'NotFound')) throw error;
        lost.push({ name, error });
      }
    }
    return lost;
  }
}

const statusWrite = { ...ownWrite, subresource: 'status' };
