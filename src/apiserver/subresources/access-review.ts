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
} from '#api/gen/authorization-v1.js';
import type { PolicyRule } from '#api/gen/rbac-v1.js';
import { badRequest, invalid } from '#apimachinery/errors.js';
import { type FieldError, invalidValue, required } from '#apimachinery/field-error.js';
import type { UserInfo } from '../authentication/authenticator.js';
import type { Attributes, Authorizer } from '../authorization/authorizer.js';
import type { RbacAuthorizer } from '../authorization/rbac/rbac.js';
import type { SubresourceHandler } from './subresource.js';

const group = 'authorization.k8s.io';

export function accessReviewHandlers({
  authorizer,
  rbac,
}: {
  authorizer: Authorizer;
  rbac: RbacAuthorizer;
}): SubresourceHandler[] {
  return [
    {
      resource: selfSubjectAccessReviewResource,
      name: '',
      async create({ user }, body) {
        const review = body as SelfSubjectAccessReview;
        requireValid('SelfSubjectAccessReview', checkTarget(review.spec));
        review.status = await answer(authorizer, user, review.spec);
        return review;
      },
    },
    {
      resource: subjectAccessReviewResource,
      name: '',
      async create(_call, body) {
        const review = body as SubjectAccessReview;
        requireValid('SubjectAccessReview', [...checkTarget(review.spec), ...checkSubject(review.spec)]);
        review.status = await answer(authorizer, subjectOf(review.spec), review.spec);
        return review;
      },
    },
    {
      resource: localSubjectAccessReviewResource,
      name: '',
      async create({ key: { namespace } }, body) {
        const review = body as LocalSubjectAccessReview;
        requireValid('LocalSubjectAccessReview', [
          ...checkTarget(review.spec),
          ...checkSubject(review.spec),
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
        review.status = { ...splitRules(rules), incomplete: errors.length > 0 };
        if (errors.length > 0) review.status.evaluationError = errors.join(', ');
        return review;
      },
    },
  ];
}

async function answer(
  authorizer: Authorizer,
  user: UserInfo,
  spec: SelfSubjectAccessReviewSpec,
): Promise<SubjectAccessReviewStatus> {
  const { decision, reason } = await authorizer.authorize(attributesOf(user, spec));
  const status: SubjectAccessReviewStatus = { allowed: decision === 'allow' };
  if (decision === 'deny') status.denied = true;
  if (reason) status.reason = reason;
  return status;
}

function attributesOf(
  user: UserInfo,
  { resourceAttributes, nonResourceAttributes }: SelfSubjectAccessReviewSpec,
): Attributes {
  if (!resourceAttributes) {
    const { verb = '', path = '' } = nonResourceAttributes ?? {};
    return { user, verb, path };
  }
  const {
    verb = '',
    group = '',
    version = '',
    resource = '',
    subresource = '',
    namespace = '',
    name = '',
  } = resourceAttributes;
  return { user, verb, resource: { group, version, resource, subresource, namespace, name } };
}

function subjectOf({ user = '', uid, groups = [], extra }: SubjectAccessReviewSpec): UserInfo {
  return { name: user, uid, groups, extra };
}

function requireValid(kind: string, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalid({ group, kind }, errors);
}

function checkTarget({ resourceAttributes, nonResourceAttributes }: SelfSubjectAccessReviewSpec): FieldError[] {
  if (resourceAttributes && nonResourceAttributes)
    return [
      invalidValue(
        'spec.nonResourceAttributes',
        nonResourceAttributes,
        'cannot be specified in combination with resourceAttributes',
      ),
    ];
  if (resourceAttributes || nonResourceAttributes) return [];
  const detail = 'exactly one of nonResourceAttributes or resourceAttributes must be specified';
  return [invalidValue('spec.resourceAttributes', null, detail)];
}

function checkSubject({ user, groups = [] }: SubjectAccessReviewSpec): FieldError[] {
  if (user || groups.length > 0) return [];
  return [invalidValue('spec.user', user ?? '', 'at least one of user or group must be specified')];
}

function checkLocal({ spec, metadata }: LocalSubjectAccessReview): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.resourceAttributes && metadata.namespace && spec.resourceAttributes.namespace !== metadata.namespace) {
    const asked = spec.resourceAttributes.namespace ?? '';
    errors.push(invalidValue('spec.resourceAttributes.namespace', asked, `must match metadata.namespace`));
  }
  if (spec.nonResourceAttributes)
    errors.push(
      invalidValue('spec.nonResourceAttributes', spec.nonResourceAttributes, 'disallowed on this kind of request'),
    );
  if (!spec.resourceAttributes) errors.push(required('spec.resourceAttributes'));
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
