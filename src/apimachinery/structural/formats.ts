/**
 * The formats of strings that are checked, as go-openapi's `strfmt` does; others are not.
 * https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation
 */
import { isIP, isIPv4 } from 'node:net';
import { labelProblems, subdomainProblems } from '../names.js';

type Check = (text: string) => boolean;

const matching =
  (pattern: RegExp): Check =>
  (text) =>
    pattern.test(text);

const isbn10: Check = (text) => {
  const digits = text.replace(/[\s-]+/g, '');
  if (!/^(?:[0-9]{9}X|[0-9]{10})$/.test(digits)) return false;
  let sum = 0;
  for (let index = 0; index < 9; index++) sum += (index + 1) * Number(digits[index]);
  sum += 10 * (digits[9] === 'X' ? 10 : Number(digits[9]));
  return sum % 11 === 0;
};

const isbn13: Check = (text) => {
  const digits = text.replace(/[\s-]+/g, '');
  if (!/^[0-9]{13}$/.test(digits)) return false;
  let sum = 0;
  for (let index = 0; index < 12; index++) sum += Number(digits[index]) * (index % 2 === 0 ? 1 : 3);
  return (10 - (sum % 10)) % 10 === Number(digits[12]);
};

const cardForm =
  /^(?:4[0-9]{12}(?:[0-9]{3})?|5[1-5][0-9]{14}|6(?:011|5[0-9][0-9])[0-9]{12}|3[47][0-9]{13}|3(?:0[0-5]|[68][0-9])[0-9]{11}|(?:2131|1800|35\d{3})\d{11})$/;

const creditCard: Check = (text) => {
  const digits = text.replace(/\D/g, '');
  if (!cardForm.test(digits)) return false;
  let sum = 0;
  for (let index = digits.length - 1, double = false; index >= 0; index--, double = !double) {
    const digit = Number(digits[index]) * (double ? 2 : 1);
    sum += digit > 9 ? digit - 9 : digit;
  }
  return sum % 10 === 0;
};

const dateTime: Check = (text) => {
  const form = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})$/;
  return form.test(text) && date(text.slice(0, 10)) && !Number.isNaN(Date.parse(text.replace(' ', 'T').toUpperCase()));
};

const date: Check = (text) => {
  const parts = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (!parts) return false;
  const [year, month, day] = parts.slice(1).map(Number) as [number, number, number];
  return month >= 1 && month <= 12 && day >= 1 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
};

const unit =
  '(?:ns|nano|nanos?econds?|us|µs|micro|micros?|microseconds?|ms|milli|millis?|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?)';
const durations = [
  /^[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/,
  /^[+-]?0$/,
  new RegExp(`^\\s*\\d+\\s*${unit}\\s*$`),
];

/** One label with one hyphen at most, or several that end in letters: strict, but what upstream holds them to. */
const hostNames = [
  /^[a-zA-Z0-9\p{S}\p{L}]-?[a-zA-Z0-9\p{S}\p{L}]{0,62}$/u,
  /^(?:[a-zA-Z0-9\p{S}\p{L}](?:[a-zA-Z0-9\-\p{S}\p{L}]{0,61}[a-zA-Z0-9\p{S}\p{L}])?\.)+\p{L}{2,63}$/u,
];
const hostBytesMax = 255;
const labelBytesMax = 63;

const hostname: Check = (text) => {
  if (Buffer.byteLength(text) > hostBytesMax) return false;
  if (text.split('.').some((label) => Buffer.byteLength(label) > labelBytesMax)) return false;
  return hostNames.some((form) => form.test(text));
};

/** `a@b`, or with a name before it in angle brackets; quoted local parts too. */
const email: Check = (text) => {
  const address = /<([^<>]+)>\s*$/.exec(text)?.[1] ?? text.trim();
  return /^(?:[^\s@<>(),;:\\"[\]]+|"(?:[^"\\]|\\.)*")@(?:[^\s@<>(),;:\\"[\]]+|\[[^\s[\]]+\])$/.test(address);
};

/** An absolute URI, or an absolute path. */
const uri: Check = (text) => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what an URI may not have
  if (/[\x00-\x20\x7f]/.test(text) || /%(?![0-9a-fA-F]{2})/.test(text)) return false;
  return text.startsWith('/') || /^[a-zA-Z][a-zA-Z0-9+.-]*:.+/.test(text);
};

const cidr: Check = (text) => {
  const parts = /^([^/%]+)\/(\d{1,3})$/.exec(text);
  if (!parts || !isIP(parts[1]!) || (parts[2]!.length > 1 && parts[2]!.startsWith('0'))) return false;
  return Number(parts[2]) <= (isIPv4(parts[1]!) ? 32 : 128);
};

const uuid = (version: string, variant = '[0-9a-f]') =>
  matching(new RegExp(`^[0-9a-f]{8}-?[0-9a-f]{4}-?${version}[0-9a-f]{3}-?${variant}[0-9a-f]{3}-?[0-9a-f]{12}$`, 'i'));

const macForms = [
  /^(?:[0-9a-fA-F]{2}([:-]))(?:[0-9a-fA-F]{2}\1)*[0-9a-fA-F]{2}$/,
  /^(?:[0-9a-fA-F]{4}\.)+[0-9a-fA-F]{4}$/,
];
const macDigits = new Set([12, 16, 40]);

/** By name without dashes. */
const checks: Record<string, Check> = {
  bsonobjectid: matching(/^[0-9a-fA-F]{24}$/),
  uri,
  email,
  hostname,
  ipv4: (text) => isIP(text) === 4,
  ipv6: (text) => isIP(text) === 6 && !text.includes('%'),
  cidr,
  mac: (text) => macForms.some((form) => form.test(text)) && macDigits.has(text.replace(/[^0-9a-fA-F]/g, '').length),
  uuid: uuid('[0-9a-f]'),
  uuid3: uuid('3'),
  uuid4: uuid('4', '[89ab]'),
  uuid5: uuid('5', '[89ab]'),
  isbn: (text) => isbn10(text) || isbn13(text),
  isbn10,
  isbn13,
  creditcard: creditCard,
  ssn: matching(/^\d{3}[- ]?\d{2}[- ]?\d{4}$/),
  hexcolor: matching(/^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/),
  rgbcolor: matching(
    /^rgb\(\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*,\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*,\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*\)$/,
  ),
  byte: matching(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/),
  password: () => true,
  date,
  duration: (text) => durations.some((form) => form.test(text)),
  datetime: dateTime,
  k8sshortname: (text) => labelProblems(text).length === 0,
  k8slongname: (text) => subdomainProblems(text).length === 0,
};

const numberFormats: Record<string, readonly string[]> = { integer: ['int32', 'int64'], number: ['float', 'double'] };

/** Whether a schema of this type may name the format and have it checked. */
export function isKnownFormat(format: string, type: string | undefined): boolean {
  if (!type || type === 'string') return Object.hasOwn(checks, format.replaceAll('-', ''));
  return numberFormats[type]?.includes(format) === true;
}

/** Only for formats of strings. */
export function isOfFormat(text: string, format: string): boolean {
  return checks[format.replaceAll('-', '')]?.(text) ?? true;
}
