/** A quantity as Go prints its struct: how upstream's parser keeps it, which depends on how it is written. */
import {
  binaryDigitsMax,
  canonicalQuantity,
  keepsBinaryText,
  keepsDecimalText,
  Quantity,
  readSuffix,
} from '#apimachinery/quantity.js';

/** So many are sure to fit into 64 bits. */
const decimalDigitsMax = 18;

export function formatQuantity(input: string | number): string {
  const text = canonicalQuantity(input);
  const { nanos, format } = Quantity.parse(text);
  const { value, scale, kept, isSmall } = text === '0' ? zero : readWritten(text, nanos);
  const decimal = isSmall ? '<nil>' : `{unscaled:(big.Int)${formatBig(nanos)} scale:(inf.Scale)9}`;
  return (
    `{i:(resource.int64Amount){value:(int64)${value} scale:(resource.Scale)${scale}} ` +
    `d:(resource.infDecAmount){Dec:(*inf.Dec)${decimal}} s:(string)${kept} Format:(resource.Format)${format}}`
  );
}

interface Parsed {
  value: bigint;
  /** The decimal exponent. */
  scale: number;
  /** The text, where it is one that the parser keeps. */
  kept: string;
  /** False for what only a big number holds, in billionths. */
  isSmall: boolean;
}

const zero: Parsed = { value: 0n, scale: 0, kept: '0', isSmall: true };
const large: Parsed = { value: 0n, scale: 0, kept: '', isSmall: false };

function readWritten(text: string, nanos: bigint): Parsed {
  const [, whole = '', fraction = '', suffix = ''] = /^-?(\d+)(?:\.(\d+))?(.*)$/.exec(text) ?? [];
  const { base, exponent } = readSuffix(suffix)!;
  const written = { whole, fraction, exponent };
  if (base === 2) {
    if (whole.length > binaryDigitsMax(exponent)) return large;
    return { value: nanos / 10n ** 9n, scale: 0, kept: keepsBinaryText(written) ? text : '', isSmall: true };
  }
  const scale = exponent - fraction.length;
  if (whole.length + fraction.length > decimalDigitsMax || scale < -9) return large;
  const value = nanos / 10n ** BigInt(9 + scale);
  return { value, scale, kept: keepsDecimalText(written) ? text : '', isSmall: true };
}

/** Its words of 64 bits, the lowest first. */
function formatBig(value: bigint): string {
  const words: bigint[] = [];
  for (let left = value < 0n ? -value : value; left > 0n; left >>= 64n) words.push(left & (2n ** 64n - 1n));
  return `{neg:(bool)${value < 0n} abs:(big.nat)[${words.join(' ')}]}`;
}
