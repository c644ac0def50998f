/**
 * The four reviews that ask the authorizer: about oneself, about anybody, within a namespace, and for all rules.
 * https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access
 */
import localSubjectAccessReviewResource from '#api/authorization/localsubjectaccessreview.js';
import selfSubjectAccessReviewResource from '#api/authorization/selfsubjectaccessreview.js';
import selfSubjectRulesReviewResource from '#api/authorization/selfsubjectrulesreview.js';
import subjectAccessReviewResource from '#api/authorization/subjectaccessreview.js';
import type {
  LocalSubjectAccessReview,
  SelfSubjectAccessReview,
  SelfSubjectAccessReviewSpec,
  SelfSubjectRulesReview,
  SubjectAccessReview,
  SubjectAccessReviewSpec,
  SubjectAccessReviewStatus,
  SubjectRulesReviewStatus,
} from '#api/gen/authorization-v1.js';
import type { PolicyRule } from '#api/gen/rbac-v1.js';
import { goStruct } from '#api/meta/go-fields.js';
import { badRequest, invalid } from '#apimachinery/errors.js';
import { type FieldError, invalidValue } from '#apimachinery/field-error.js';
import type { KubeObject } from '#apimachinery/object.js';
import type { UserInfo } from '../authentication/authenticator.js';
import type { Attributes, Authorizer } from '../authorization/authorizer.js';
import type { RbacAuthorizer } from '../authorization/rbac/rbac.js';
import { checkSelectors, type ReadSelectors, readSelectors } from './review-selectors.js';
import type { SubresourceHandler } from './subresource.js';

const group = 'authorization.k8s.io';
const goPath = { Path: '', Verb: '' } as const;

export interface AccessReviewDependencies {
  authorizer: Authorizer;
  rbac: RbacAuthorizer;
  /** Texts of the authorizers that cannot list what they allow this user. */
  whoCannotTell: (user: UserInfo) => string[];
}

export function accessReviewHandlers({
  authorizer,
  rbac,
  whoCannotTell,
}: AccessReviewDependencies): SubresourceHandler[] {
  return [
    {
      resource: selfSubjectAccessReviewResource,
      name: '',
      answersBody: true,
      async create({ user }, body) {
        const review = body as SelfSubjectAccessReview;
        requireValid([...checkTarget(review.spec), ...checkMetadata(review)]);
        review.status = await answer(authorizer, user, review.spec);
        return review;
      },
    },
    {
      resource: subjectAccessReviewResource,
      name: '',
      answersBody: true,
      async create(_call, body) {
        const review = body as SubjectAccessReview;
        requireValid([...checkTarget(review.spec), ...checkSubject(review.spec), ...checkMetadata(review)]);
        review.status = await answer(authorizer, subjectOf(review.spec), review.spec);
        return review;
      },
    },
    {
      resource: localSubjectAccessReviewResource,
      name: '',
      answersBody: true,
      async create({ key: { namespace } }, body) {
        const review = body as LocalSubjectAccessReview;
        requireValid([
          ...checkTarget(review.spec),
          ...checkSubject(review.spec),
          ...checkMetadata(review, { mayHaveNamespace: true }),
          ...checkLocal(review),
        ]);
        const asked = review.spec.resourceAttributes?.namespace;
        if (namespace !== asked)
          throw badRequest(`spec.resourceAttributes.namespace must match namespace: ${namespace}`);
        review.status = await answer(authorizer, subjectOf(review.spec), review.spec);
        return review;
      },
    },
    {
      resource: selfSubjectRulesReviewResource,
      name: '',
      async create({ user }, body) {
        const review = body as SelfSubjectRulesReview;
        const { namespace } = review.spec;
        if (!namespace) throw badRequest('no namespace on request');
        const { rules, errors } = rbac.rulesFor(user, namespace);
        const unknown = whoCannotTell(user);
        const problems = [...unknown, ...errors];
        const status: SubjectRulesReviewStatus = { ...splitRules(rules), incomplete: unknown.length > 0 };
        if (problems.length > 0)
          status.evaluationError = problems.length === 1 ? problems[0] : `[${problems.join(', ')}]`;
        // The answer repeats nothing of what was asked.
        return { ...review, metadata: {}, spec: {}, status };
      },
    },
  ];
}

async function answer(
  authorizer: Authorizer,
  user: UserInfo,
  spec: SelfSubjectAccessReviewSpec,
): Promise<SubjectAccessReviewStatus> {
  const selectors = readSelectors(spec.resourceAttributes);
  const { decision, reason, error } = await authorizer.authorize(attributesOf(user, spec, selectors));
  const status: SubjectAccessReviewStatus = { allowed: decision === 'allow' };
  if (decision === 'deny') status.denied = true;
  if (reason) status.reason = reason;
  const problems = [...(error ? [error.message] : []), ...selectors.problems];
  if (problems.length > 0) status.evaluationError = problems.join('; ');
  return status;
}

function attributesOf(
  user: UserInfo,
  { resourceAttributes, nonResourceAttributes }: SelfSubjectAccessReviewSpec,
  { fieldSelector, labelSelector }: ReadSelectors,
): Attributes {
  if (!resourceAttributes) {
    const { verb = '', path = '' } = nonResourceAttributes ?? {};
    return { user, verb, path };
  }
  const {
    verb = '',
    group = '',
    version = '*',
    resource = '',
    subresource = '',
    namespace = '',
    name = '',
  } = resourceAttributes;
  const target = { group, version: version || '*', resource, subresource, namespace, name };
  return { user, verb, resource: { ...target, fieldSelector, labelSelector } };
}

function subjectOf({ user = '', uid, groups = [], extra }: SubjectAccessReviewSpec): UserInfo {
  return { name: user, uid, groups, extra };
}

/** Upstream's messages do not name the kind. */
function requireValid(errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalid({ group, kind: '' }, errors);
}

function checkTarget({ resourceAttributes, nonResourceAttributes }: SelfSubjectAccessReviewSpec): FieldError[] {
  const errors = checkSelectors(resourceAttributes);
  if (resourceAttributes && nonResourceAttributes)
    return [
      ...errors,
      invalidValue(
        'spec.nonResourceAttributes',
        goStruct(goPath, nonResourceAttributes),
        'cannot be specified in combination with resourceAttributes',
      ),
    ];
  if (resourceAttributes || nonResourceAttributes) return errors;
  const detail = 'exactly one of nonResourceAttributes or resourceAttributes must be specified';
  return [invalidValue('spec.resourceAttributes', null, detail)];
}

function checkSubject({ user, groups = [] }: SubjectAccessReviewSpec): FieldError[] {
  if (user || groups.length > 0) return [];
  return [invalidValue('spec.user', user ?? '', 'at least one of user or group must be specified')];
}

/** A review is an answer, not an object: it has no name. */
function checkMetadata({ metadata }: KubeObject, { mayHaveNamespace = false } = {}): FieldError[] {
  const { managedFields: _, namespace, ...given } = metadata;
  const shown = mayHaveNamespace ? given : { ...given, namespace };
  if (Object.values(shown).every((value) => value === undefined || value === null)) return [];
  const detail = mayHaveNamespace ? 'must be empty except for namespace' : 'must be empty';
  return [invalidValue('metadata', metadata, detail)];
}

function checkLocal({ spec, metadata }: LocalSubjectAccessReview): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.resourceAttributes && metadata.namespace && spec.resourceAttributes.namespace !== metadata.namespace) {
    const asked = spec.resourceAttributes.namespace ?? '';
    errors.push(invalidValue('spec.resourceAttributes.namespace', asked, `must match metadata.namespace`));
  }
  if (spec.nonResourceAttributes)
    errors.push(
      invalidValue(
        'spec.nonResourceAttributes',
        goStruct(goPath, spec.nonResourceAttributes),
        'disallowed on this kind of request',
      ),
    );
  return errors;
}

function splitRules(rules: readonly PolicyRule[]) {
  return {
    resourceRules: rules
      .filter(({ resources }) => resources?.length)
      .map(({ verbs, apiGroups, resources, resourceNames }) => ({ verbs, apiGroups, resources, resourceNames })),
    nonResourceRules: rules
      .filter(({ nonResourceURLs }) => nonResourceURLs?.length)
      .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
  };
}
