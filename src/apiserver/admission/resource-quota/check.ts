/** Whether a write fits into the quotas of its namespace, and what they would have used after it: a pure decision. */
import { type Evaluator, inScopes, scopesOf } from '#api/core/quota/evaluator.js';
import type { ResourceQuota } from '#api/gen/core-v1.js';
import { type Amounts, addAmounts, amountsOf, formatAmounts, onlyAmounts } from '#apimachinery/amounts.js';
import type { KubeObject } from '#apimachinery/object.js';
import { Quantity } from '#apimachinery/quantity.js';
import type { AdmissionRequest } from '../admission.js';
import { refuse } from '../refuse.js';

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
  { evaluator, nowMs }: { evaluator: Evaluator; nowMs: number },
): readonly RunningQuota[] {
  const object = request.object as KubeObject;
  const concerned = quotas.filter((running) => isConcerned(running, { evaluator, object, request }));
  const usage = evaluator.usage(object, { nowMs });
  const negative = [...usage].filter(([, quantity]) => quantity.sign < 0).map(([name]) => name);
  if (negative.length > 0)
    throw refuse(request, `quota usage is negative for resource(s): ${negative.sort().join(',')}`);
  return quotas.map((running) => {
    if (!concerned.includes(running)) return running;
    const delta = increase(running, { usage, evaluator, request, nowMs });
    return delta.size === 0 ? running : charge(running, delta, request);
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
  { quota }: RunningQuota,
  {
    usage,
    evaluator,
    request,
    nowMs,
  }: { usage: Amounts; evaluator: Evaluator; request: AdmissionRequest; nowMs: number },
): Amounts {
  const { operation, old } = request;
  let delta = usage;
  if (operation === 'UPDATE' && old?.metadata.resourceVersion && inScopes(evaluator, old, scopesOf(quota))) {
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
