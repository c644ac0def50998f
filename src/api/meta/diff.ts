/** Tells a reader what differs, where a rule can only say that something may not: a unified diff, as upstream's. */
import { toJson } from '#base/exact-json.js';
import { escapeHtml } from '#base/go-text.js';
import { atOnce } from '#base/turns.js';
import { goDump } from './go-dump.js';

const contextLines = 3;
/** Of lines compared with lines; what is larger is shown as gone and come. */
const comparisonsMax = 4_000_000;

/** Of values of this type (its OpenAPI name), or lists of them. Every line ends with a newline. */
export function describeChanges(typeName: string, old: unknown, value: unknown): string {
  return atOnce(changesInSteps(typeName, old, value));
}

/** `describeChanges` of what may be large. */
export function* changesInSteps(
  typeName: string,
  old: unknown,
  value: unknown,
): Generator<undefined, string, undefined> {
  const texts: string[][] = [];
  for (const one of [old, value]) {
    const dump = goDump(typeName, one);
    yield;
    texts.push(linesOf(dump));
    yield;
  }
  return unifiedDiff(texts[0]!, texts[1]!);
}

function linesOf(value: unknown): string[] {
  return escapeHtml(toJson(value, 1)).split('\n');
}

/** Lines that follow each other: of both, of the old text only, or of the new one only. */
interface Run {
  mark: ' ' | '-' | '+';
  lines: readonly string[];
}

export function unifiedDiff(old: readonly string[], now: readonly string[]): string {
  const parts: string[] = [];
  let part: Part | undefined;
  // Where the next line stands in either text.
  const at = { old: 0, now: 0 };
  const runs = compare(old, now);
  for (const [index, { mark, lines }] of runs.entries()) {
    if (mark !== ' ') {
      part ??= { from: { ...at }, runs: [] };
      part.runs.push({ mark, lines });
    } else if (part && index < runs.length - 1 && lines.length <= 2 * contextLines) {
      part.runs.push({ mark, lines });
    } else {
      if (part) parts.push(written(part, lines.slice(0, contextLines)));
      const context = index < runs.length - 1 ? lines.slice(-contextLines) : [];
      const skipped = lines.length - context.length;
      part = { from: { old: at.old + skipped, now: at.now + skipped }, runs: [{ mark, lines: context }] };
    }
    if (mark !== '+') at.old += lines.length;
    if (mark !== '-') at.now += lines.length;
  }
  if (part?.runs.some(({ mark }) => mark !== ' ')) parts.push(written(part, []));
  return parts.join('');
}

/** Changes that share their context. */
interface Part {
  from: { old: number; now: number };
  runs: Run[];
}

function written({ from, runs }: Part, context: readonly string[]): string {
  const all: Run[] = [...runs, { mark: ' ', lines: context }];
  if (all.every(({ mark }) => mark === ' ')) return '';
  const length = (other: Run['mark']) =>
    all.reduce((sum, { mark, lines }) => (mark === other ? sum : sum + lines.length), 0);
  const head = `@@ -${rangeOf(from.old, length('+'))} +${rangeOf(from.now, length('-'))} @@\n`;
  const bodies = all.map(({ mark, lines }) => (lines.length > 0 ? `${mark}${lines.join(`\n${mark}`)}\n` : ''));
  return head + bodies.join('');
}

/** Where the part begins in one of the two texts, and how long it is there. */
function rangeOf(before: number, length: number): string {
  if (length === 1) return String(before + 1);
  return `${length === 0 ? before : before + 1},${length}`;
}

/** Runs of the same mark are one. */
function compare(old: readonly string[], now: readonly string[]): Run[] {
  const least = Math.min(old.length, now.length);
  let head = 0;
  while (head < least && old[head] === now[head]) head++;
  let tail = 0;
  while (tail < least && old[old.length - 1 - tail] === now[now.length - 1 - tail]) tail++;
  // Lines that may belong to both belong to the longer one, as to Python's difflib.
  if (head + tail > least && tail > head) head = least - tail;
  else tail = Math.min(tail, least - head);
  const runs: Run[] = [
    { mark: ' ', lines: old.slice(0, head) },
    ...compareMiddle(old.slice(head, old.length - tail), now.slice(head, now.length - tail)),
    { mark: ' ', lines: old.slice(old.length - tail) },
  ];
  return runs.filter(({ lines }) => lines.length > 0);
}

/** By the longest common subsequence. */
function compareMiddle(old: readonly string[], now: readonly string[]): Run[] {
  const width = now.length + 1;
  if (old.length === 0 || now.length === 0 || old.length * now.length > comparisonsMax)
    return [
      { mark: '-', lines: old },
      { mark: '+', lines: now },
    ];
  const numberOf = numbering();
  const [olds, nows] = [Uint32Array.from(old, numberOf), Uint32Array.from(now, numberOf)];
  const lengths = new Uint32Array((old.length + 1) * width);
  for (let i = old.length - 1; i >= 0; i--)
    for (let j = now.length - 1; j >= 0; j--)
      lengths[i * width + j] =
        olds[i] === nows[j]
          ? lengths[(i + 1) * width + j + 1]! + 1
          : Math.max(lengths[(i + 1) * width + j]!, lengths[i * width + j + 1]!);
  const out: { mark: Run['mark']; lines: string[] }[] = [];
  const push = (mark: Run['mark'], text: string) => {
    const last = out.at(-1);
    if (last?.mark === mark) last.lines.push(text);
    else out.push({ mark, lines: [text] });
  };
  let [i, j] = [0, 0];
  while (i < old.length || j < now.length) {
    if (i < old.length && j < now.length && olds[i] === nows[j]) {
      push(' ', old[i]!);
      i++;
      j++;
    } else if (j === now.length || (i < old.length && lengths[(i + 1) * width + j]! >= lengths[i * width + j + 1]!))
      push('-', old[i++]!);
    else push('+', now[j++]!);
  }
  return out;
}

/** The same number for the same line: numbers are compared millions of times in the time of some thousand texts. */
function numbering(): (line: string) => number {
  const numbers = new Map<string, number>();
  return (line) => {
    let number = numbers.get(line);
    if (number === undefined) numbers.set(line, (number = numbers.size));
    return number;
  };
}
