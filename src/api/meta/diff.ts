/** Tells a reader what differs, where a rule can only say that something may not: a unified diff, as upstream's. */
import { toJson } from '#base/exact-json.js';
import { escapeHtml } from '#base/go-text.js';
import { goDump } from './go-dump.js';

const contextLines = 3;
/** Of lines compared with lines; what is larger is shown as gone and come. */
const comparisonsMax = 4_000_000;

/** Of values of this type (its OpenAPI name), or lists of them. Every line ends with a newline. */
export function describeChanges(typeName: string, old: unknown, value: unknown): string {
  return unifiedDiff(linesOf(goDump(typeName, old)), linesOf(goDump(typeName, value)));
}

function linesOf(value: unknown): string[] {
  return escapeHtml(toJson(value, 1)).split('\n');
}

/** A line of both, of the old one only, or of the new one only. */
interface Line {
  mark: ' ' | '-' | '+';
  text: string;
}

export function unifiedDiff(old: readonly string[], now: readonly string[]): string {
  const lines = compare(old, now);
  const changed = lines.flatMap(({ mark }, index) => (mark === ' ' ? [] : [index]));
  const out: string[] = [];
  for (let at = 0; at < changed.length; ) {
    let last = at;
    while (last + 1 < changed.length && changed[last + 1]! - changed[last]! <= 2 * contextLines + 1) last++;
    const start = Math.max(0, changed[at]! - contextLines);
    const end = Math.min(lines.length, changed[last]! + contextLines + 1);
    out.push(`@@ -${rangeOf(lines, { start, end, other: '+' })} +${rangeOf(lines, { start, end, other: '-' })} @@\n`);
    for (const { mark, text } of lines.slice(start, end)) out.push(`${mark}${text}\n`);
    at = last + 1;
  }
  return out.join('');
}

/** Where the part begins in one of the two texts, and how long it is there. */
function rangeOf(
  lines: readonly Line[],
  { start, end, other }: { start: number; end: number; other: Line['mark'] },
): string {
  const count = (part: readonly Line[]) => part.filter(({ mark }) => mark !== other).length;
  const before = count(lines.slice(0, start));
  const length = count(lines.slice(start, end));
  if (length === 1) return String(before + 1);
  return `${length === 0 ? before : before + 1},${length}`;
}

function compare(old: readonly string[], now: readonly string[]): Line[] {
  const least = Math.min(old.length, now.length);
  let head = 0;
  while (head < least && old[head] === now[head]) head++;
  let tail = 0;
  while (tail < least && old.at(-1 - tail) === now.at(-1 - tail)) tail++;
  // Lines that may belong to both belong to the longer one, as to Python's difflib.
  if (head + tail > least && tail > head) head = least - tail;
  else tail = Math.min(tail, least - head);
  const same = (text: string): Line => ({ mark: ' ', text });
  return [
    ...old.slice(0, head).map(same),
    ...compareMiddle(old.slice(head, old.length - tail), now.slice(head, now.length - tail)),
    ...old.slice(old.length - tail).map(same),
  ];
}

/** By the longest common subsequence. */
function compareMiddle(old: readonly string[], now: readonly string[]): Line[] {
  const gone = (text: string): Line => ({ mark: '-', text });
  const come = (text: string): Line => ({ mark: '+', text });
  const width = now.length + 1;
  if (old.length * now.length > comparisonsMax) return [...old.map(gone), ...now.map(come)];
  const lengths = new Uint32Array((old.length + 1) * width);
  for (let i = old.length - 1; i >= 0; i--)
    for (let j = now.length - 1; j >= 0; j--)
      lengths[i * width + j] =
        old[i] === now[j]
          ? lengths[(i + 1) * width + j + 1]! + 1
          : Math.max(lengths[(i + 1) * width + j]!, lengths[i * width + j + 1]!);
  const out: Line[] = [];
  let [i, j] = [0, 0];
  while (i < old.length || j < now.length) {
    if (i < old.length && j < now.length && old[i] === now[j]) {
      out.push({ mark: ' ', text: old[i]! });
      i++;
      j++;
    } else if (j === now.length || (i < old.length && lengths[(i + 1) * width + j]! >= lengths[i * width + j + 1]!))
      out.push(gone(old[i++]!));
    else out.push(come(now[j++]!));
  }
  return out;
}
