/** Rules of access reviews. https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access */
import type { NonResourceAttributes, ResourceAttributes } from '#api/gen/authorization-v1.js';
import { invalidValue } from '#apimachinery/field-error.js';
import type { ObjectMeta } from '#apimachinery/object.js';
import type { FieldErrors } from '../meta/check.js';

interface Attributes {
  resourceAttributes?: ResourceAttributes;
  nonResourceAttributes?: NonResourceAttributes;
}

export function* checkAttributes({ resourceAttributes, nonResourceAttributes }: Attributes = {}): FieldErrors {
  if (resourceAttributes && nonResourceAttributes) {
    const why = 'cannot be specified in combination with resourceAttributes';
    yield invalidValue('spec.nonResourceAttributes', nonResourceAttributes, why);
  }
  if (!resourceAttributes && !nonResourceAttributes) {
    const why = 'exactly one of nonResourceAttributes or resourceAttributes must be specified';
    yield invalidValue('spec.resourceAttributes', null, why);
  }
}

export function* checkSubject({ user, groups }: { user?: string; groups?: string[] } = {}): FieldErrors {
  if (!user && !groups?.length)
    yield invalidValue('spec.user', user ?? '', 'at least one of user or group must be specified');
}

/** A review is no object: it has no name and leaves nothing behind. */
export function* checkEmptyMetadata(metadata: ObjectMeta, { mayHaveNamespace = false } = {}): FieldErrors {
  const { managedFields: _, namespace, ...rest } = metadata;
  const set = Object.values(mayHaveNamespace ? rest : { ...rest, namespace }).filter(Boolean);
  if (set.length === 0) return;
  yield invalidValue('metadata', metadata, `must be empty${mayHaveNamespace ? ' except for namespace' : ''}`);
}
