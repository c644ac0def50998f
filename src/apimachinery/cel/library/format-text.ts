/**
 * `'%s is %d'.format([a, b])`, as it is evaluated, and as what is literal in it is checked beforehand.
 * https://pkg.go.dev/github.com/google/cel-go/ext#Strings
 */
import { checkTextLength } from '../evaluate/frame.js';
import type { Expr } from '../syntax/ast.js';
import type { SourceIssues } from '../syntax/source.js';
import type { TypeKind } from '../types.js';
import { CelError, type List, type Result } from '../values.js';
import { type Clause, clauseComplaints, writeClause } from './format-clauses.js';

/** More digits than this behind the point are refused; upstream tries to write them. */
const precisionMax = 100;

interface Segment {
  clause: Clause;
  precision: number | undefined;
  index: number;
}

/** Gives the parts between the clauses, and asks for each clause. An error ends it. */
function parseFormat(
  format: string,
  onClause: (segment: Segment) => string | CelError,
): { text: string; clauses: number } | CelError {
  let text = '';
  let clauses = 0;
  const clause = /%(?:(%)|(?:(\.)(\d*))?([\s\S]?))/g;
  let last = 0;
  for (const match of format.matchAll(clause)) {
    text += format.slice(last, match.index);
    last = match.index + match[0].length;
    const [, percent, point, digits, letter] = match;
    if (percent) {
      text += '%';
      continue;
    }
    const segment = readClause({ point, digits, letter }, clauses++);
    const written = segment instanceof CelError ? segment : onClause(segment);
    if (written instanceof CelError) return written;
    checkTextLength(text.length + written.length);
    text += written;
  }
  return { text: text + format.slice(last), clauses };
}

interface ClauseText {
  point: string | undefined;
  digits: string | undefined;
  letter: string | undefined;
}

function readClause({ point, digits, letter }: ClauseText, index: number): Segment | CelError {
  const unparsed = (problem: string) => new CelError(`could not parse formatting clause: ${problem}`);
  if (!letter) {
    if (!point) return new CelError('unexpected end of string');
    return unparsed('error while parsing precision: could not find end of precision specifier');
  }
  if (point && !digits) {
    const problem = 'error while converting precision to integer: strconv.Atoi: parsing "": invalid syntax';
    return unparsed(`error while parsing precision: ${problem}`);
  }
  const precision = point ? Number(digits) : undefined;
  if (precision !== undefined && precision > precisionMax) {
    const problem = `precision ${digits} exceeds maximum allowed precision ${precisionMax}`;
    return unparsed(`error while parsing precision: ${problem}`);
  }
  if (!Object.hasOwn(clauseComplaints, letter)) return unparsed(`unrecognized formatting clause "${letter}"`);
  return { clause: letter as Clause, precision, index };
}

const duringFormatting = (problem: string): CelError => new CelError(`error during formatting: ${problem}`);

export function formatText(format: string, args: List): Result {
  const done = parseFormat(format, ({ clause, precision, index }) => {
    if (index >= args.size) return new CelError(`index ${index} out of range`);
    const value = args.at(index);
    if (value instanceof CelError) return value;
    const written = writeClause(clause, value, precision);
    return written instanceof CelError ? duringFormatting(written.message) : written;
  });
  return done instanceof CelError ? done : done.text;
}

/** The types that each clause can write; what is not known before evaluation is let through. */
const clauseKinds: Record<Exclude<Clause, 's'>, readonly TypeKind[]> = {
  d: ['int', 'uint'],
  f: ['double', 'string'],
  e: ['double', 'string'],
  b: ['int', 'uint', 'bool'],
  x: ['int', 'uint', 'string', 'bytes'],
  X: ['int', 'uint', 'string', 'bytes'],
  o: ['int', 'uint'],
};
const textKinds: readonly TypeKind[] = [
  ...(['list', 'map', 'int', 'uint', 'double', 'bool', 'string', 'timestamp', 'bytes'] as const),
  ...(['duration', 'type', 'null'] as const),
];

/** Checks a call of `format` on a literal text with a literal list. */
export function checkFormat(call: Expr, issues: SourceIssues): void {
  if (call.kind !== 'call' || call.name !== 'format' || call.target?.kind !== 'literal') return;
  const format = call.target.value;
  const list = call.args[0];
  if (typeof format !== 'string' || list?.kind !== 'list') return;
  let at = call.offset;
  const done = parseFormat(format, ({ clause, index }) => {
    const arg = list.elements[index];
    if (!arg) return new CelError(`index ${index} out of range`);
    const wrong = wrongPart(arg, clause);
    if (!wrong) return '';
    at = wrong.offset;
    return duringFormatting(`${clauseComplaints[clause]}, was given ${wrong.type!.name}`);
  });
  if (done instanceof CelError) issues.add(at, done.message);
  else if (list.elements.length > done.clauses) {
    const counts = `expected ${done.clauses}, got ${list.elements.length}`;
    issues.add(call.offset, `too many arguments supplied to string.format (${counts})`);
  }
}

/** The part of an argument that the clause cannot write. */
function wrongPart(arg: Expr, clause: Clause): Expr | undefined {
  const { kind } = arg.type!;
  if (kind !== 'dyn' && !(clause === 's' ? textKinds : clauseKinds[clause]).includes(kind)) return arg;
  if (clause !== 's') return undefined;
  const parts =
    arg.kind === 'list'
      ? arg.elements
      : arg.kind === 'map'
        ? arg.entries.flatMap(({ key, value }) => [key, value])
        : [];
  for (const part of parts) {
    const wrong = wrongPart(part, 's');
    if (wrong) return wrong;
  }
  return undefined;
}
