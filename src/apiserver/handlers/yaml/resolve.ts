/** What a YAML scalar stands for, by the rules of Go's yaml.v2: those of YAML 1.1, without its base 60. */

export type Resolved = { value: string | number | boolean | null } | { problem: string };

const words = new Map<string, boolean | null | number>();
for (const word of ['y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON']) words.set(word, true);
for (const word of ['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF']) words.set(word, false);
for (const word of ['', '~', 'null', 'Null', 'NULL']) words.set(word, null);
for (const word of ['.nan', '.NaN', '.NAN']) words.set(word, Number.NaN);
for (const word of ['.inf', '.Inf', '.INF']) {
  words.set(word, Number.POSITIVE_INFINITY);
  words.set(`+${word}`, Number.POSITIVE_INFINITY);
  words.set(`-${word}`, Number.NEGATIVE_INFINITY);
}

const tagPrefix = 'tag:yaml.org,2002:';
const intPattern = /^([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))$/;
const floatPattern = /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/;
const base64Pattern = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** `tag` is the one written, if any. A scalar in quotes or a block is text, unless its tag says otherwise. */
export function resolveScalar(text: string, { isPlain, tag }: { isPlain: boolean; tag: string | undefined }): Resolved {
  if (tag === undefined) return { value: isPlain ? plainValue(text) : text };
  if (!tag.startsWith(tagPrefix)) return { value: text };
  const kind = tag.slice(tagPrefix.length);
  if (kind === 'binary') return decodeBinary(text);
  if (!['int', 'float', 'bool', 'null', 'timestamp'].includes(kind)) return { value: text };
  const value = plainValue(text);
  const actual = kindOf(value);
  // Upstream keeps a time as it is written.
  const fits = actual === kind || (kind === 'float' && actual === 'int') || (kind === 'timestamp' && isTime(text));
  return fits ? { value } : { problem: `cannot decode !!${actual} \`${text}\` as a !!${kind}` };
}

function plainValue(text: string): string | number | boolean | null {
  const word = words.get(text);
  if (word !== undefined) return word;
  const first = text[0]!;
  if (first === '.') return floatPattern.test(text) ? Number(text) : text;
  if (!/[-+0-9]/.test(first)) return text;
  const plain = text.replaceAll('_', '');
  return wholeNumber(plain) ?? (floatPattern.test(plain) ? finite(plain) : undefined) ?? text;
}

/** What no 64 bits hold is no whole number; what no double holds is a bigint, as in JSON (`base/exact-json.ts`). */
function wholeNumber(text: string): number | undefined {
  const match = intPattern.exec(text);
  if (!match) return undefined;
  const [, sign, hex, binary, octal, decimal] = match;
  const prefix = hex ? '0x' : binary ? '0b' : octal ? '0o' : '';
  const digits = (hex ?? binary ?? octal ?? decimal!).replace(/^0+(?=.)/, '');
  if (digits.length > 64) return undefined;
  const size = BigInt(prefix + digits);
  if (sign === '-' ? size > 1n << 63n : size >= 1n << (sign === '+' ? 63n : 64n)) return undefined;
  const exact = sign === '-' ? -size : size;
  const value = Number(exact);
  return Number.isSafeInteger(value) || BigInt.asIntN(64, exact) !== exact ? value : (exact as unknown as number);
}

/** What no 64 bits hold is text. */
function finite(text: string): number | undefined {
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

function decodeBinary(text: string): Resolved {
  const compact = text.replace(/[\r\n]/g, '');
  if (!base64Pattern.test(compact)) return { problem: '!!binary value contains invalid base64 data' };
  return { value: Buffer.from(compact, 'base64').toString() };
}

function kindOf(value: string | number | boolean | null): string {
  if (value === null) return 'null';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'string') return 'str';
  return typeof value === 'bigint' || Number.isInteger(value) ? 'int' : 'float';
}

function isTime(text: string): boolean {
  return /^\d{4}-\d{1,2}-\d{1,2}([Tt ].*)?$/.test(text);
}
