/** What stands in the canonical form for what is not set: Go's zero values, as JSON has them. */
import { UnsetList } from '#base/json.js';
import type { FieldPlan, TypePlan } from './plan.js';

type Fields = Record<string, unknown>;

/** What the type's Go struct writes for a field that is not set. */
export function writeAbsent(field: FieldPlan, out: Fields): void {
  const { schema } = field;
  if (schema.pointer) {
    // Who must say something is told so; to others upstream shows that they may.
    if (!schema.omitEmpty && !schema.omitZero && !schema.required) out[field.name] = null;
    return;
  }
  if (schema.shape === 'list') {
    if (!schema.omitEmpty) out[field.name] = new UnsetList();
  } else if (schema.shape !== 'single') {
    if (!schema.omitEmpty) out[field.name] = {};
  } else if (field.scalar) {
    if (!schema.omitEmpty) out[field.name] = zeroOf(field.scalar);
  } else if (!schema.omitZero) {
    const zero = zeroOfSpecial(field.type);
    if (zero !== undefined) out[field.name] = zero;
    else if (!field.type.codec) out[field.name] = emptyMessage(field.type);
  }
}

function emptyMessage(plan: TypePlan): Fields {
  const out: Fields = {};
  for (const field of plan.fields) writeAbsent(field, out);
  return out;
}

export function zeroOf(scalar: string): unknown {
  if (scalar === 'string' || scalar === 'bytes') return '';
  if (scalar === 'bool') return false;
  return scalar === 'any' ? null : 0;
}

export function zeroOfSpecial(plan: TypePlan): unknown {
  switch (plan.codec) {
    case 'time':
    case 'microTime':
      return null;
    case 'quantity':
      return '0';
    case 'intOrString':
      return 0;
    case 'duration':
      return '0s';
    case 'rawJSON':
      return null;
    default:
      return undefined;
  }
}
