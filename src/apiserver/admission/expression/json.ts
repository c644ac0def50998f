/** What expressions make, as JSON. */
import { toText } from '#apimachinery/cel/conversions.js';
import { CelError, CelMap, Double, List, type Result, Uint } from '#apimachinery/cel/index.js';

/** undefined for what has no JSON form. */
export function jsonOf(value: Result): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number' || typeof value === 'bigint') return Number(value);
  if (value instanceof Double) return value.value;
  if (value instanceof Uint) return Number(value.value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (value instanceof CelError) return undefined;
  if (value instanceof List) return [...value].map(jsonOf);
  if (value instanceof CelMap)
    return Object.fromEntries([...value.keys()].map((key) => [String(key), jsonOf(value.find(key)!)]));
  const text = toText(value);
  return typeof text === 'string' ? text : undefined;
}
