/**
 * The text of an expression and complaints about places in it, printed with the line and a caret as cel-go prints them,
 * because people see those texts in the conditions and errors of CRDs and policies.
 */

/** A complaint about a place. The offset counts UTF-16 units; undefined is nowhere in particular. */
export interface SourceIssue {
  offset: number | undefined;
  message: string;
}

/** Some complaints, by how many were told before them, and with them. */
export interface IssueSpan {
  from: number;
  to: number;
}

/** How many complaints are listed; a broken text may have thousands. */
const issuesMax = 100;
/** Longer lines are not repeated under a complaint. */
const snippetBytesMax = 16384;

interface Place {
  line: number;
  column: number;
}

/** Collects complaints about one text. */
export class SourceIssues {
  readonly #text: string;
  readonly #issues: SourceIssue[] = [];
  #count = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get count(): number {
    return this.#count;
  }

  add(offset: number | undefined, message: string): void {
    this.#count++;
    if (this.#issues.length < issuesMax) this.#issues.push({ offset, message });
  }

  /** Tells the complaints once more that were told as these. */
  repeat({ from, to }: IssueSpan): void {
    const again = this.#issues.slice(from, to);
    this.#issues.push(...again.slice(0, issuesMax - this.#issues.length));
    this.#count += to - from;
  }

  get list(): readonly SourceIssue[] {
    return this.#issues;
  }

  /** All complaints in the order of their places, as one text. */
  toString(): string {
    const placed = this.#issues.map((issue) => ({ ...placeOf(this.#text, issue.offset), message: issue.message }));
    placed.sort((a, b) => a.line - b.line || a.column - b.column);
    const texts = placed.map((issue) => show(this.#text, issue));
    if (this.#count > issuesMax) texts.push(`${this.#count - issuesMax} more errors were truncated`);
    return texts.join('\n');
  }
}

function placeOf(text: string, offset: number | undefined): Place {
  if (offset === undefined) return { line: -1, column: -1 };
  let line = 1;
  let start = 0;
  for (let at = text.indexOf('\n'); at >= 0 && at < offset; at = text.indexOf('\n', start)) {
    line++;
    start = at + 1;
  }
  return { line, column: codePointCount(text.slice(start, offset)) };
}

function show(text: string, { line, column, message }: Place & { message: string }): string {
  const head = `ERROR: <input>:${line}:${column + 1}: ${message}`;
  const snippet = text.split('\n')[line - 1];
  if (snippet === undefined || Buffer.byteLength(snippet) > snippetBytesMax) return head;
  const points = [...snippet.replaceAll('\t', ' ')];
  const dots = points.slice(0, Math.max(column, 0)).map((point) => (isWide(point) ? '\uff0e' : '.'));
  const caret = isWide(points[column] ?? '') ? '\uff3e' : '^';
  return `${head}\n | ${points.join('')}\n | ${dots.join('')}${caret}`;
}

const isWide = (point: string): boolean => point.charCodeAt(0) > 0x7f;

const astralPattern = /[\ud800-\udbff][\udc00-\udfff]/g;

/** How many Unicode characters a text has: what `size()` of a string is. */
export function codePointCount(text: string): number {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && unit < 0xdc00) return text.length - (text.match(astralPattern)?.length ?? 0);
  }
  return text.length;
}
