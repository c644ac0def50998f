/**
 * Selectors of the requests that are to be allowed. They only narrow, so what cannot be read is left out: what is then
 * asked for is more, and what is allowed of more is allowed.
 * https://kubernetes.io/docs/reference/access-authn-authz/authorization/#authorizing-requests-with-selectors
 */
import type { FieldSelectorRequirement, LabelSelectorRequirement } from '#api/gen/meta-v1.js';
import { type FieldTerm, parseFieldSelector } from '#apimachinery/field-selector.js';
import type { LabelRequirement } from '#apimachinery/label-requirement.js';
import { ParseError } from '#apimachinery/parse-error.js';
import { parseLabelSelector } from '#apimachinery/selectors.js';

export function fieldTermsOf(text: string | undefined): readonly FieldTerm[] {
  return text ? readOr([], () => parseFieldSelector(text).terms) : [];
}

export function labelRequirementsOf(text: string | undefined): readonly LabelRequirement[] {
  return text ? readOr([], () => parseLabelSelector(text).requirements) : [];
}

export function readOr<T>(fallback: T, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof ParseError) return fallback;
    throw error;
  }
}

/** As a SubjectAccessReview says it. */
export function fieldSelectorAttributes(text: string | undefined) {
  const requirements = fieldTermsOf(text).map(
    ({ field: key, operator, value }): FieldSelectorRequirement => ({
      key,
      operator: operator === '=' ? 'In' : 'NotIn',
      values: [value],
    }),
  );
  return requirements.length > 0 ? { requirements } : undefined;
}

const labelOperators: Partial<Record<LabelRequirement['operator'], LabelSelectorRequirement['operator']>> = {
  '=': 'In',
  '==': 'In',
  in: 'In',
  '!=': 'NotIn',
  notin: 'NotIn',
  exists: 'Exists',
  '!': 'DoesNotExist',
};

export function labelSelectorAttributes(text: string | undefined) {
  const requirements = labelRequirementsOf(text).flatMap(({ key, operator, values }): LabelSelectorRequirement[] => {
    const known = labelOperators[operator];
    return known ? [{ key, operator: known, ...(values.length > 0 && { values: [...values] }) }] : [];
  });
  return requirements.length > 0 ? { requirements } : undefined;
}
