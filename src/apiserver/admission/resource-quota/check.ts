/** Whether a write fits into the quotas of its namespace, and what they would have used after it: a pure decision. */
import { type Evaluator, inScopes, scopesOf } from '#api/core/quota/evaluator.js';
import type { LimitedResource } from '#api/gen/apiserver-v1.js';
import type { ResourceQuota } from '#api/gen/core-v1.js';
import { type Amounts, addAmounts, amountsOf, formatAmounts, onlyAmounts } from '#apimachinery/amounts.js';
import type { KubeObject } from '#apimachinery/object.js';
import { Quantity } from '#apimachinery/quantity.js';
import type { AdmissionRequest } from '../admission.js';
import { refuse } from '../refuse.js';
import { requireCovered } from './limited.js';

/** A quota, with what writes that are about to happen have taken of it. */
export interface RunningQuota {
  quota: ResourceQuota;
  hard: Amounts;
  used: Amounts;
}

export function runningQuota(quota: ResourceQuota): RunningQuota {
  return { quota, hard: amountsOf(quota.status?.hard), used: amountsOf(quota.status?.used) };
}

/** The quotas after the write, the same values where nothing changes. Throws StatusError when it does not fit. */
export function chargeRequest(
  quotas: readonly RunningQuota[],
  request: AdmissionRequest,
  { evaluator, nowMs, limited = [] }: { evaluator: Evaluator; nowMs: number; limited?: readonly LimitedResource[] },
): readonly RunningQuota[] {
  const object = request.object as KubeObject;
  const concerned = quotas.filter((running) => isConcerned(running, { evaluator, object, request }));
  const usage = evaluator.usage(object, { nowMs });
  const asked = { usage, evaluator, request, nowMs };
  const negative = [...usage].filter(([, quantity]) => quantity.sign < 0).map(([name]) => name);
  if (negative.length > 0)
    throw refuse(request, `quota usage is negative for resource(s): ${negative.sort().join(',')}`);
  const deltas = new Map(concerned.map((running) => [running, increase(running, asked)]));
  const isFree =
    concerned.length === 0
      ? increase(undefined, asked).size === 0
      : [...deltas.values()].every(({ size }) => size === 0);
  if (isFree) return quotas;
  if (limited.length > 0) {
    const names = new Set(concerned.flatMap(({ hard }) => [...hard.keys()].filter(evaluator.counts)));
    const scopes = quotas.flatMap(({ quota }) => scopesOf(quota)).filter((one) => inScopes(evaluator, object, [one]));
    const covered = { names, scopes: scopes.map(({ scopeName }) => scopeName) };
    requireCovered(request, covered, { limited, usage, evaluator });
  }
  return quotas.map((running) => {
    const delta = deltas.get(running);
    return delta?.size ? charge(running, delta, request) : running;
  });
}

/** Whether the quota counts the object; throws where it cannot tell what that means. */
function isConcerned(
  { quota, hard, used }: RunningQuota,
  { evaluator, object, request }: { evaluator: Evaluator; object: KubeObject; request: AdmissionRequest },
): boolean {
  const names = [...hard.keys()].filter(evaluator.counts);
  if (names.length === 0 || !inScopes(evaluator, object, scopesOf(quota))) return false;
  const { name } = quota.metadata;
  const problem = evaluator.problem?.(names, object);
  if (problem) throw refuse(request, `failed quota: ${name}: ${problem}`);
  if (names.some((counted) => !used.has(counted)))
    throw refuse(request, `status unknown for quota: ${name}, resources: ${names.sort().join(',')}`);
  return true;
}

/** An update is charged for what it adds, unless the object was not in the quota's scopes before. */
function increase(
  running: RunningQuota | undefined,
  {
    usage,
    evaluator,
    request,
    nowMs,
  }: { usage: Amounts; evaluator: Evaluator; request: AdmissionRequest; nowMs: number },
): Amounts {
  const { operation, old } = request;
  let delta = usage;
  const scopes = running ? scopesOf(running.quota) : [];
  if (operation === 'UPDATE' && old?.metadata.resourceVersion && inScopes(evaluator, old, scopes)) {
    const before = evaluator.usage(old, { nowMs });
    delta = new Map([...usage].map(([name, quantity]) => [name, quantity.subtract(before.get(name) ?? Quantity.zero)]));
  }
  return new Map([...delta].filter(([, quantity]) => quantity.sign > 0));
}

function charge(running: RunningQuota, delta: Amounts, request: AdmissionRequest): RunningQuota {
  const { quota, hard, used } = running;
  const requested = onlyAmounts(delta, (name) => hard.has(name));
  if (requested.size === 0) return running;
  const total = addAmounts(used, requested);
  const exceeded = [...requested.keys()].filter((name) => total.get(name)!.compare(hard.get(name)!) > 0);
  if (exceeded.length > 0 && request.subresource !== 'status') {
    const shown = (amounts: Amounts) => formatAmounts(onlyAmounts(amounts, (name) => exceeded.includes(name)));
    throw refuse(
      request,
      `exceeded quota: ${quota.metadata.name}, requested: ${shown(requested)}, used: ${shown(used)}, limited: ${shown(hard)}`,
    );
  }
  return { ...running, used: total };
}
