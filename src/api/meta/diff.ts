/** Tells a reader which fields differ, where a rule can only say that something may not. */
import { equal } from '#base/json.js';

const linesMax = 20;
const valueLengthMax = 120;

/** One line for each field that differs, like `  spec.nodeName: "a" -> "b"`; at most 20. */
export function describeChanges(path: string, old: unknown, value: unknown): string {
  const lines = [...changes(path, old, value)];
  const more = lines.length > linesMax ? [`  and ${lines.length - linesMax} more`] : [];
  return [...lines.slice(0, linesMax), ...more].join('\n');
}

function* changes(path: string, old: unknown, value: unknown): Generator<string, void, undefined> {
  if (equal(old, value)) return;
  if (Array.isArray(old) && Array.isArray(value) && old.length === value.length) {
    for (const [index, one] of old.entries()) yield* changes(`${path}[${index}]`, one, value[index]);
  } else if (isMap(old) && isMap(value)) {
    for (const key of new Set([...Object.keys(old), ...Object.keys(value)]))
      yield* changes(`${path}.${key}`, old[key], value[key]);
  } else yield `  ${path}: ${shorten(old)} -> ${shorten(value)}`;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shorten(value: unknown): string {
  const text = value === undefined ? 'unset' : JSON.stringify(value);
  return text.length > valueLengthMax ? `${text.slice(0, valueLengthMax)}...` : text;
}
