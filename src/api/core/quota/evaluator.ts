/**
 * What the objects of a kind count for in a quota: pure functions, for admission, which charges, and for the controller,
 * which recounts. https://kubernetes.io/docs/concepts/policy/resource-quotas/
 */
import type { ResourceQuota, ScopedResourceSelectorRequirement } from '#api/gen/core-v1.js';
import { type Amounts, addAmounts, onlyAmounts } from '#apimachinery/amounts.js';
import type { KubeObject } from '#apimachinery/object.js';
import { Quantity } from '#apimachinery/quantity.js';
import { labelSelectorFrom } from '#apimachinery/selectors.js';

export type Scope = ScopedResourceSelectorRequirement;

export interface QuotaChange<T> {
  operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  subresource: string;
  object: T | undefined;
  old: T | undefined;
}

export interface Evaluator<T extends KubeObject = KubeObject> {
  readonly group: string;
  readonly plural: string;
  /** Whether a name in a quota's `hard` is counted by objects of this kind. */
  counts(name: string): boolean;
  usage(object: T, context: { nowMs: number }): Amounts;
  /** Absent: no object of this kind is in any scope. */
  matchesScope?(scope: Scope, object: T): boolean;
  /** Whether a write may raise what is used. */
  handles(change: QuotaChange<T>): boolean;
  /** Why an object cannot be held against these names, if it cannot. */
  problem?(names: readonly string[], object: T): string | undefined;
}

export const one = Quantity.of(1);

export function countName({ group, plural }: { group: string; plural: string }): string {
  return group ? `count/${plural}.${group}` : `count/${plural}`;
}

/** The objects of a kind that is counted and nothing more. Some have an older name beside `count/`. */
export function objectCount(kind: { group: string; plural: string }, alias?: string): Evaluator {
  const names = [countName(kind), ...(alias ? [alias] : [])];
  const usage = new Map(names.map((name) => [name, one]));
  return {
    ...kind,
    counts: (name) => names.includes(name),
    usage: () => usage,
    handles: ({ operation, subresource }) => operation === 'CREATE' && subresource === '',
  };
}

/** Scopes of the older list are those that must simply exist. */
export function scopesOf({ spec }: ResourceQuota): Scope[] {
  const { scopes = [], scopeSelector } = spec ?? {};
  const named = scopes.map((scopeName) => ({ scopeName, operator: 'Exists' }));
  return [...named, ...(scopeSelector?.matchExpressions ?? [])];
}

export function inScopes<T extends KubeObject>(evaluator: Evaluator<T>, object: T, scopes: readonly Scope[]): boolean {
  return scopes.every((scope) => evaluator.matchesScope?.(scope, object) ?? false);
}

/** Whether one of the values, or that there is none, satisfies the scope's operator. */
export function matchesValues({ scopeName, operator, values }: Scope, present: readonly string[]): boolean {
  if (operator === 'Exists') return present.length > 0;
  const selector = labelSelectorFrom({ matchExpressions: [{ key: scopeName, operator, values }] });
  if (present.length === 0) return selector.matches({});
  return present.some((value) => selector.matches({ [scopeName]: value }));
}

/** What the objects that are in a quota's scopes use of the names it counts; what is counted but unused is zero. */
export function countUsage<T extends KubeObject>(
  evaluator: Evaluator<T>,
  objects: Iterable<T>,
  { quota, names, nowMs }: { quota: ResourceQuota; names: readonly string[]; nowMs: number },
): Amounts {
  const scopes = scopesOf(quota);
  let used: Amounts = new Map(names.map((name) => [name, Quantity.zero]));
  for (const object of objects)
    if (inScopes(evaluator, object, scopes)) used = addAmounts(used, evaluator.usage(object, { nowMs }));
  return onlyAmounts(used, (name) => names.includes(name));
}
