/**
 * A quick look whether a decoded value could have unknown or repeated fields, so that the slow scan of the text
 * (`json-scan.ts`) runs only for bodies that do. Also words unknown fields where there is no text.
 */
import type { FieldPlan, TypePlan } from './plan.js';

/** Whether the text of `value` has a key twice, or `value` a field that its type lacks. */
export function mayHaveFaults(text: string, { plan, value }: { plan: TypePlan | undefined; value: unknown }): boolean {
  const census = new Census({ counts: true });
  if (plan) census.message(plan, value);
  else census.any(value);
  return census.unknown || census.keys !== countKeys(text);
}

/** Whether `value` has a field that its type lacks. */
export function hasUnknownField(plan: TypePlan, value: unknown): boolean {
  const census = new Census({ counts: false });
  census.message(plan, value);
  return census.unknown;
}

/** The paths of the fields of `value` that its type lacks, in the order in which they stand. */
export function unknownFields(plan: TypePlan, value: unknown, path: string): string[] {
  if (plan.codec || typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const at = path ? `${path}.${key}` : key;
    const field = plan.byName.get(key);
    if (!field) return plan.typeMeta && (key === 'kind' || key === 'apiVersion') ? [] : [at];
    if (field.scalar || typeof inner !== 'object' || inner === null || field.schema.shape === 'mapOfLists') return [];
    if (field.schema.shape === 'single') return unknownFields(field.type, inner, at);
    return Object.entries(inner).flatMap(([name, one]) =>
      unknownFields(field.type, one, Array.isArray(inner) ? `${at}[${name}]` : `${at}.${name}`),
    );
  });
}

/** In valid JSON the colons outside strings are one a key. */
function countKeys(text: string): number {
  let keys = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x3a) keys++;
    else if (code === 0x22) {
      for (let end = text.indexOf('"', at + 1); ; end = text.indexOf('"', at + 1)) {
        at = end;
        let slashes = 0;
        while (text.charCodeAt(end - 1 - slashes) === 0x5c) slashes++;
        if (slashes % 2 === 0) break;
      }
    }
  }
  return keys;
}

class Census {
  keys = 0;
  unknown = false;
  readonly #counts: boolean;

  /** Who does not count keys need not look into what has no declared fields. */
  constructor({ counts }: { counts: boolean }) {
    this.#counts = counts;
  }

  message(plan: TypePlan, value: unknown): void {
    if (plan.codec || typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.any(value);
      return;
    }
    const input = value as Record<string, unknown>;
    for (const key in input) {
      this.keys++;
      const field = plan.byName.get(key);
      if (field) this.#field(field, input[key]);
      else if (!plan.typeMeta || (key !== 'kind' && key !== 'apiVersion')) {
        this.unknown = true;
        return;
      }
    }
  }

  #field(field: FieldPlan, value: unknown): void {
    if (typeof value !== 'object' || value === null) return;
    const { shape } = field.schema;
    if (field.scalar || shape === 'mapOfLists' || field.type.codec) this.any(value);
    else if (shape === 'single') this.message(field.type, value);
    else if (Array.isArray(value)) {
      for (const one of value) this.message(field.type, one);
    } else {
      const input = value as Record<string, unknown>;
      for (const key in input) {
        this.keys++;
        this.message(field.type, input[key]);
      }
    }
  }

  any(value: unknown): void {
    if (!this.#counts || typeof value !== 'object' || value === null) return;
    if (Array.isArray(value)) {
      for (const one of value) if (typeof one === 'object') this.any(one);
      return;
    }
    const input = value as Record<string, unknown>;
    for (const key in input) {
      this.keys++;
      const inner = input[key];
      if (typeof inner === 'object') this.any(inner);
    }
  }
}
