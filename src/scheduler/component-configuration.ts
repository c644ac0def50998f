/** The part of a KubeSchedulerConfiguration that every component of Kubernetes has: who leads, and how it is reached. */
import type { KubeSchedulerConfiguration, LeaderElectionConfiguration } from '#api/gen/kubescheduler-v1.js';
import { parseDuration, parseMilliseconds } from '#apimachinery/codec/time.js';
import { type FieldError, forbiddenField, invalidValue } from '#apimachinery/field-error.js';

/** How one of several schedulers is chosen. https://kubernetes.io/docs/concepts/architecture/leases/#leader-election */
export interface Election {
  name: string;
  namespace: string;
  leaseMs: number;
  renewDeadlineMs: number;
  retryMs: number;
}

export const defaultElection = { name: 'kube-scheduler', namespace: 'kube-system' };

function withDefaults(given: LeaderElectionConfiguration) {
  return {
    leaseDuration: unlessZero(given.leaseDuration) ?? '15s',
    renewDeadline: unlessZero(given.renewDeadline) ?? '10s',
    retryPeriod: unlessZero(given.retryPeriod) ?? '2s',
    resourceLock: given.resourceLock || 'leases',
    resourceName: given.resourceName || defaultElection.name,
    resourceNamespace: given.resourceNamespace || defaultElection.namespace,
  };
}

/** A duration of nothing is one that was left out. */
function unlessZero(duration: string | undefined): string | undefined {
  return duration && parseDuration(duration) !== 0n ? duration : undefined;
}

/** undefined where nothing is said of it, and false where none is wanted. */
export function electionOf({ leaderElection }: KubeSchedulerConfiguration): Election | false | undefined {
  if (leaderElection?.leaderElect === undefined) return undefined;
  if (!leaderElection.leaderElect) return false;
  const { leaseDuration, renewDeadline, retryPeriod, resourceName, resourceNamespace } = withDefaults(leaderElection);
  return {
    name: resourceName,
    namespace: resourceNamespace,
    leaseMs: parseMilliseconds(leaseDuration),
    renewDeadlineMs: parseMilliseconds(renewDeadline),
    retryMs: parseMilliseconds(retryPeriod),
  };
}

export function* checkComponent(given: KubeSchedulerConfiguration): Generator<FieldError> {
  yield* checkConnection(given);
  if (given.leaderElection?.leaderElect) yield* checkElection('leaderElection', given.leaderElection);
  for (const field of ['enableProfiling', 'enableContentionProfiling'] as const)
    if (given[field]) yield forbiddenField(field, 'profiles are not served; leave it out, or set it to false');
}

/** Nothing of how it is reached can be chosen: the scheduler speaks to the API server of its own process. */
function* checkConnection({ clientConnection = {} }: KubeSchedulerConfiguration): Generator<FieldError> {
  const { burst = 0 } = clientConnection;
  if (burst < 0) yield invalidValue('clientConnection.burst', burst, 'must be non-negative');
  for (const [field, value] of Object.entries(clientConnection)) {
    const why = 'the scheduler speaks to the API server of its own process, without limit';
    if (value) yield forbiddenField(`clientConnection.${field}`, why);
  }
}

/** Of one that renews late, the others must not have taken the Lease before it gives up (upstream's jitter). */
const jitterFactor = 1.2;

function* checkElection(path: string, given: LeaderElectionConfiguration): Generator<FieldError> {
  const election = withDefaults(given);
  for (const field of ['leaseDuration', 'renewDeadline', 'retryPeriod'] as const) {
    if (parseMilliseconds(election[field]) <= 0)
      yield invalidValue(`${path}.${field}`, election[field], 'must be greater than zero');
  }
  const { leaseDuration, renewDeadline, retryPeriod, resourceLock } = election;
  if (parseMilliseconds(leaseDuration) <= parseMilliseconds(renewDeadline))
    yield invalidValue(`${path}.leaseDuration`, renewDeadline, 'must be greater than `RenewDeadline`');
  if (parseMilliseconds(renewDeadline) <= parseMilliseconds(retryPeriod) * jitterFactor) {
    const why = 'renewDeadline must be greater than retryPeriod*JitterFactor';
    yield invalidValue(`${path}.renewDeadline`, renewDeadline, why);
  }
  if (resourceLock !== 'leases')
    yield invalidValue(`${path}.resourceLock`, resourceLock, 'resourceLock value must be "leases"');
}
