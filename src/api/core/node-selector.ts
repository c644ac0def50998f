/** Matching nodes with the terms of a NodeSelector (core/v1): terms are alternatives, their parts all hold. */
import type { Node, NodeSelectorRequirement, NodeSelectorTerm, PodSpec } from '#api/gen/core-v1.js';

/** A pod's nodeSelector, and its affinity for nodes as far as it is required. */
export function matchesRequiredNodeAffinity({ nodeSelector = {}, affinity }: PodSpec, node: Node): boolean {
  const labels = node.metadata.labels ?? {};
  for (const key in nodeSelector) if (labels[key] !== nodeSelector[key]) return false;
  const terms = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  return !terms || matchesNodeSelector(terms, node);
}

/** No terms match nothing. */
export function matchesNodeSelector(terms: readonly NodeSelectorTerm[], node: Node): boolean {
  return terms.some((term) => matchesTerm(term, node));
}

/** An empty term matches nothing. */
export function matchesTerm({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, node: Node): boolean {
  if (matchExpressions.length === 0 && matchFields.length === 0) return false;
  const labels = node.metadata.labels ?? {};
  return (
    matchExpressions.every((requirement) => holds(requirement, labels[requirement.key])) &&
    matchFields.every((requirement) =>
      holds(requirement, requirement.key === 'metadata.name' ? node.metadata.name : undefined),
    )
  );
}

function holds({ operator, values = [] }: NodeSelectorRequirement, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return isWhole(value) && BigInt(value) > BigInt(values[0]!);
    case 'Lt':
      return isWhole(value) && BigInt(value) < BigInt(values[0]!);
    default:
      return false;
  }
}

function isWhole(value: string | undefined): value is string {
  return value !== undefined && /^[+-]?\d{1,19}$/.test(value);
}
