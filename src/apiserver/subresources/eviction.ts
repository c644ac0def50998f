/**
 * Eviction: a deletion that asks the pod's disruption budget first.
 * https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
 */
import podResource from '#api/core/pod/index.js';
import type { Pod } from '#api/gen/core-v1.js';
import type { Eviction, PodDisruptionBudget, PodDisruptionBudgetStatus } from '#api/gen/policy-v1.js';
import { badRequest, forbidden, invalid, isReason, type Status, StatusError } from '#apimachinery/errors.js';
import { formatTime } from '#apimachinery/object.js';
import { validateDeleteOptions } from '#apimachinery/options-validation.js';
import { labelSelectorFrom } from '#apimachinery/selectors.js';
import type { Clock } from '#base/clock.js';
import { copy } from '#base/json.js';
import type { DeleteOptions, Preconditions } from '../registry/registry.js';
import type { SubresourceCall, SubresourceHandler } from './subresource.js';

const budgets = { group: 'policy', plural: 'poddisruptionbudgets' };
/** Evictions that the disruption controller has not yet seen through; more of them mean that it is not there. */
const disruptedPodsMax = 2000;
const retryAfterSeconds = 10;
/** Times that a pod or budget which others write may change under an eviction. */
const attemptsMax = 20;

export function evictionHandler({ clock }: { clock: Clock }): SubresourceHandler {
  return {
    resource: podResource,
    name: 'eviction',
    async create(call, body) {
      const eviction = body as Eviction;
      const { name = '' } = eviction.metadata;
      if (name !== call.key.name) throw badRequest('name in URL does not match name in Eviction object');
      const errors = validateDeleteOptions(eviction.deleteOptions ?? {});
      if (errors.length > 0) throw invalid({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, errors);
      // Either may ask for it: kubectl drain says so in the options of the deletion alone.
      const dryRun = call.write.dryRun || (eviction.deleteOptions?.dryRun ?? []).length > 0;
      return evict({ ...call, write: { ...call.write, dryRun } }, { clock, options: deleteOptions(eviction) });
    },
  };
}

function deleteOptions({ deleteOptions }: Eviction): DeleteOptions {
  const { gracePeriodSeconds, propagationPolicy, preconditions } = deleteOptions ?? {};
  return {
    gracePeriodSeconds,
    propagationPolicy: propagationPolicy as DeleteOptions['propagationPolicy'],
    preconditions,
  };
}

async function evict(
  call: SubresourceCall,
  { clock, options }: { clock: Clock; options: DeleteOptions },
): Promise<Status> {
  const { registry, key, write } = call;
  const pods = registry.of<Pod>(podResource);
  for (let attempt = 1; ; attempt++) {
    const pod = await pods.get(key);
    const { uid, resourceVersion } = pod.metadata;
    const isFree = needsNoBudget(pod) || !(await takeFromBudget(call, { pod, clock }));
    // A pod that no budget let go must not have become ready since it was looked at.
    const seen = isFree ? { uid, resourceVersion } : { uid };
    try {
      // A dry run has nobody to tell of.
      const preconditions = write.dryRun
        ? { ...seen, ...options.preconditions }
        : await mark(call, { clock, preconditions: { ...seen, ...options.preconditions } });
      await pods.delete(key, { ...options, preconditions }, { ...write, subresource: 'eviction' });
      return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };
    } catch (error) {
      if (attempt === attemptsMax || options.preconditions || !isReason(error, 'Conflict')) throw error;
    }
  }
}

/** Says on the pod why it goes; gives what its deletion then holds to. */
async function mark(
  { registry, key, write }: SubresourceCall,
  { clock, preconditions }: { clock: Clock; preconditions: Preconditions },
): Promise<Preconditions> {
  const marked = await registry.of<Pod>(podResource).update(key, (current) => markDisrupted(current, clock), {
    ...write,
    subresource: 'eviction',
    preconditions,
    rules: {},
    // The condition is the server's own: nobody manages it.
    fieldsTracked: true,
  });
  return { uid: marked.metadata.uid };
}

function needsNoBudget({ metadata, status }: Pod): boolean {
  return metadata.deletionTimestamp !== undefined || ['Succeeded', 'Failed', 'Pending'].includes(status?.phase ?? '');
}

function markDisrupted(pod: Pod, clock: Clock): Pod {
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'EvictionByEvictionAPI',
    message: 'Eviction API: evicting',
    lastTransitionTime: formatTime(clock.now()),
  };
  const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== condition.type);
  pod.status = { ...pod.status, conditions: [...others, condition] };
  return pod;
}

/** Whether a budget has been charged; false when none needs to be. Throws 429 when it allows no more. */
async function takeFromBudget(call: SubresourceCall, { pod, clock }: { pod: Pod; clock: Clock }): Promise<boolean> {
  const { registry, key, write } = call;
  if (!registry.scheme.byPlural(budgets)) return false;
  const { items } = await registry.of<PodDisruptionBudget>(budgets).list({ namespace: key.namespace });
  const matching = items.filter(({ spec }) => labelSelectorFrom(spec?.selector).matches(pod.metadata.labels));
  const [budget] = matching;
  if (matching.length > 1)
    throw new StatusError({
      reason: 'InternalError',
      message: 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    });
  if (!budget || !mustCharge(pod, budget)) return false;
  const name = budget.metadata.name ?? '';
  const charge = (current: PodDisruptionBudget) => charged(current, { podName: key.name, clock });
  await registry.of<PodDisruptionBudget>(budgets).update({ namespace: key.namespace, name }, charge, {
    ...write,
    subresource: 'status',
    admission: 'done',
    // The server charges the budget itself, whoever evicts.
    manager: 'kube-apiserver',
  });
  return true;
}

/** Pods that are not ready go free where the policy says so. */
function mustCharge(pod: Pod, { spec, status }: PodDisruptionBudget): boolean {
  if (pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True')) return true;
  if (spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow') return false;
  const { currentHealthy = 0, desiredHealthy = 0 } = status ?? {};
  return !(currentHealthy >= desiredHealthy && desiredHealthy > 0);
}

function charged(
  budget: PodDisruptionBudget,
  { podName, clock }: { podName: string; clock: Clock },
): PodDisruptionBudget {
  const { name = '', generation = 0 } = budget.metadata;
  const status = copy(budget.status ?? {});
  const { observedGeneration = 0, disruptionsAllowed = 0, disruptedPods = {} } = status;
  if (observedGeneration < generation)
    throw refusedByBudget(`The disruption budget ${name} is still being processed by the server.`, retryAfterSeconds);
  const subject = { group: budgets.group, resource: 'poddisruptionbudget', name };
  if (disruptionsAllowed < 0) throw forbidden(subject, 'pdb disruptions allowed is negative');
  if (Object.keys(disruptedPods).length > disruptedPodsMax)
    throw forbidden(subject, 'DisruptedPods map too big - too many evictions not confirmed by PDB controller');
  if (disruptionsAllowed === 0) {
    throw refusedByBudget(whyNone(name, status), undefined);
  }
  status.disruptionsAllowed = disruptionsAllowed - 1;
  status.disruptedPods = { ...disruptedPods, [podName]: formatTime(clock.now()) };
  budget.status = status as PodDisruptionBudget['status'];
  return budget;
}

function whyNone(name: string, status: Partial<PodDisruptionBudgetStatus>): string {
  const { conditions, desiredHealthy = 0, currentHealthy = 0 } = status;
  const { message, reason } =
    conditions?.find((one) => one.type === 'DisruptionAllowed' && one.status === 'False' && one.message) ?? {};
  // The numbers are not to be believed where they could not be brought up to date.
  const refusal = `The disruption budget ${name} does not allow evicting pods currently`;
  if (reason === 'SyncFailed') return `${refusal} because it failed sync: ${message}`;
  if (currentHealthy <= desiredHealthy)
    return `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`;
  return message ? `${refusal} (${reason}): ${message}` : refusal;
}

function refusedByBudget(why: string, afterSeconds: number | undefined): StatusError {
  return new StatusError({
    reason: 'TooManyRequests',
    message: "Cannot evict pod as it would violate the pod's disruption budget.",
    details: { causes: [{ reason: 'DisruptionBudget', message: why }], retryAfterSeconds: afterSeconds },
  });
}
