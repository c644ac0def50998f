/** Conditions of flow schemas and priority levels: each of one type, and a type there must be. */
import { duplicate, required } from '#apimachinery/field-error.js';
import { each, type FieldErrors } from '../meta/check.js';

export function* checkConditions(conditions: readonly { type?: string }[] | undefined): FieldErrors {
  const seen = new Set<string>();
  for (const { path, value } of each('status.conditions', conditions)) {
    const { type = '' } = value;
    if (seen.has(type)) yield duplicate(`${path}.type`, type);
    seen.add(type);
    if (type === '') yield required(`${path}.type`);
  }
}
