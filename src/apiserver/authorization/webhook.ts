/**
 * Another server that decides: it is asked by a SubjectAccessReview, and its answers are remembered for a while.
 * https://kubernetes.io/docs/reference/access-authn-authz/webhook/
 */
import type { SubjectAccessReview, SubjectAccessReviewSpec } from '#api/gen/authorization-v1.js';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import type { Remote } from '#base/remote.js';
import { ExpiringMap } from '#client/expiring-map.js';
import { askRemote } from '../remote.js';
import type { Attributes, Authorizer, Decision } from './authorizer.js';
import { fieldSelectorAttributes, labelSelectorAttributes } from './selectors.js';

/** An expression over the review's spec, that has been compiled. Throws Error when it cannot be evaluated. */
export type MatchCondition = (spec: SubjectAccessReviewSpec) => boolean;

export interface WebhookAuthorizerOptions {
  name: string;
  remote: Remote;
  version: 'v1' | 'v1beta1';
  timeoutMs: number;
  /** How long answers are remembered; 0: not at all. */
  authorizedMs: number;
  unauthorizedMs: number;
  /** What it means when the server does not answer. */
  onFailure: 'deny' | 'no opinion';
  /** All must hold for the server to be asked at all. */
  matchConditions: readonly MatchCondition[];
  clock: Clock;
  log: Log;
}

const answersMax = 8192;
/** Questions with longer texts are not remembered: who sends them chooses how long. */
const charactersMax = 10_000;

type Status = NonNullable<SubjectAccessReview['status']>;

export function webhookAuthorizer(options: WebhookAuthorizerOptions): Authorizer {
  const { clock, onFailure } = options;
  const remembered = new ExpiringMap<string, Status>({ clock, entriesMax: answersMax });
  return {
    async authorize(attributes): Promise<Decision> {
      const spec = specOf(attributes);
      try {
        if (!matches(options.matchConditions, spec)) return { decision: 'no opinion', reason: '' };
        const key = JSON.stringify(spec);
        const known = remembered.get(key);
        if (known) return decisionOf(known);
        const status = await review(spec, options);
        const lastsMs = status.allowed ? options.authorizedMs : options.unauthorizedMs;
        if (charactersOf(attributes) < charactersMax) remembered.set(key, status, lastsMs);
        return decisionOf(status);
      } catch (error) {
        options.log.error('an authorization webhook failed', { webhook: options.name, err: error });
        return { decision: onFailure, reason: '', error: error as Error };
      }
    },
  };
}

/** One that is false decides; otherwise one that fails is a failure. */
function matches(conditions: readonly MatchCondition[], spec: SubjectAccessReviewSpec): boolean {
  const errors: Error[] = [];
  for (const condition of conditions) {
    try {
      if (!condition(spec)) return false;
    } catch (error) {
      errors.push(error as Error);
    }
  }
  if (errors.length > 0) throw errors.length === 1 ? errors[0]! : new AggregateError(errors, 'match conditions failed');
  return true;
}

async function review(
  spec: SubjectAccessReviewSpec,
  { remote, version, timeoutMs, clock }: WebhookAuthorizerOptions,
): Promise<Status> {
  const { groups, ...rest } = spec;
  const body = {
    kind: 'SubjectAccessReview',
    apiVersion: `authorization.k8s.io/${version}`,
    metadata: { creationTimestamp: null },
    // The older version calls it by another name.
    spec: version === 'v1' ? spec : { ...rest, group: groups },
    status: { allowed: false },
  };
  const { status } = await askRemote<SubjectAccessReview>(remote, body, clock, { timeoutMs });
  if (typeof status !== 'object') throw new Error('the webhook answered without a status');
  return status;
}

function decisionOf({ allowed, denied, reason = '' }: Status): Decision {
  if (denied && allowed) {
    const error = new Error('webhook subject access review returned both allow and deny response');
    return { decision: 'deny', reason, error };
  }
  if (denied) return { decision: 'deny', reason };
  return { decision: allowed ? 'allow' : 'no opinion', reason };
}

export function specOf({ user, verb, resource, path = '' }: Attributes): SubjectAccessReviewSpec {
  const { name, uid, groups, extra } = user;
  const who = { user: name, uid: uid || undefined, groups: [...groups], extra: extra as Record<string, string[]> };
  if (!resource) return { nonResourceAttributes: { path, verb }, ...who };
  const { fieldSelector, labelSelector, ...target } = resource;
  return {
    resourceAttributes: {
      namespace: target.namespace || undefined,
      verb,
      group: target.group || undefined,
      version: target.version || undefined,
      resource: target.resource,
      subresource: target.subresource || undefined,
      name: target.name || undefined,
      fieldSelector: fieldSelectorAttributes(fieldSelector),
      labelSelector: labelSelectorAttributes(labelSelector),
    },
    ...who,
  };
}

function charactersOf({ verb, resource, path = '' }: Attributes): number {
  if (!resource) return path.length + verb.length;
  const { namespace, group, version, resource: plural, subresource, name } = resource;
  return [namespace, verb, group, version, plural, subresource, name].join('').length;
}
