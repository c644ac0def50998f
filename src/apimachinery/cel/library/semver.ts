/** Semantic versions. https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-semver-library */
import { type FunctionDeclaration, type Library, member, overload } from '../declarations.js';
import { boolType, intType, stringType, structType, type Type } from '../types.js';
import { CelError, normalizeInt, Opaque, Uint, type Value } from '../values.js';

const semverType = structType('kubernetes.Semver');

class Semver extends Opaque {
  override readonly type = semverType;
  /** Major, minor and patch. */
  readonly numbers: readonly bigint[];
  readonly preRelease: readonly string[];

  constructor(numbers: readonly bigint[], preRelease: readonly string[]) {
    super();
    this.numbers = numbers;
    this.preRelease = preRelease;
  }

  override equals(other: Value): boolean {
    return other instanceof Semver && this.compare(other) === 0;
  }

  compare(other: Semver): number {
    for (const [i, number] of this.numbers.entries())
      if (number !== other.numbers[i]!) return number > other.numbers[i]! ? 1 : -1;
    if (this.preRelease.length === 0 || other.preRelease.length === 0)
      return Math.sign(other.preRelease.length - this.preRelease.length);
    for (const [i, part] of this.preRelease.entries()) {
      const order = i < other.preRelease.length ? compareParts(part, other.preRelease[i]!) : 1;
      if (order !== 0) return order;
    }
    return this.preRelease.length < other.preRelease.length ? -1 : 0;
  }
}

/** Numbers come before words. */
function compareParts(a: string, b: string): number {
  const [isNumberA, isNumberB] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (isNumberA !== isNumberB) return isNumberA ? -1 : 1;
  const [left, right] = isNumberA ? [BigInt(a), BigInt(b)] : [a, b];
  return left === right ? 0 : left > right ? 1 : -1;
}

const names = ['Major', 'Minor', 'Patch'] as const;
const identifier = /^[0-9A-Za-z-]*$/;

/** Longer texts are no versions, and their numbers would be slow. */
const lengthMax = 1024;

/** The value of the text of a version. */
export const semverValue = (text: string): Semver | CelError => parse(text);

function parse(text: string): Semver | CelError {
  if (text === '') return new CelError('Version string empty');
  const parts = text.split('.');
  if (parts.length < 3 || text.length > lengthMax) return new CelError('No Major.Minor.Patch elements found');
  const rest = parts.slice(2).join('.');
  const [beforeBuild = '', ...builds] = rest.split('+');
  const [patch = '', ...preReleases] = beforeBuild.split('-');
  const numbers: bigint[] = [];
  for (const [i, number] of [parts[0]!, parts[1]!, patch].entries()) {
    const read = parseNumber(number, names[i]!);
    if (read instanceof CelError) return read;
    numbers.push(read);
  }
  const preRelease = preReleases.length > 0 ? preReleases.join('-').split('.') : [];
  const build = builds.length > 0 ? builds.join('+').split('.') : [];
  return wrongPart(preRelease, build) ?? new Semver(numbers, preRelease);
}

function parseNumber(text: string, name: (typeof names)[number]): bigint | CelError {
  const quoted = JSON.stringify(text);
  if (/[^0-9]/.test(text)) return new CelError(`Invalid character(s) found in ${name.toLowerCase()} number ${quoted}`);
  if (text.length > 1 && text.startsWith('0'))
    return new CelError(`${name} number must not contain leading zeroes ${quoted}`);
  const number = text === '' ? undefined : Uint.of(BigInt(text))?.value;
  const problem = text === '' ? 'invalid syntax' : 'value out of range';
  return number ?? new CelError(`strconv.ParseUint: parsing ${quoted}: ${problem}`);
}

function wrongPart(preRelease: string[], build: string[]): CelError | undefined {
  for (const part of preRelease) {
    if (part === '') return new CelError('Prerelease is empty');
    if (/^0\d+$/.test(part))
      return new CelError(`Numeric PreRelease version must not contain leading zeroes ${JSON.stringify(part)}`);
    if (!identifier.test(part)) return new CelError(`Invalid character(s) found in prerelease ${JSON.stringify(part)}`);
  }
  for (const part of build) {
    if (part === '') return new CelError('Build meta data is empty');
    if (!identifier.test(part))
      return new CelError(`Invalid character(s) found in build meta data ${JSON.stringify(part)}`);
  }
  return undefined;
}

/** Also reads `v1.2` and `01.02.03`. */
function normalizeAndParse(text: string): Semver | CelError {
  const [major = '', minor, ...patch] = text.replace(/^v/, '').split('.');
  const given = [major, minor, patch.length > 0 ? patch.join('.') : undefined].filter((part) => part !== undefined);
  const parts = given.map((part) => (part.length > 1 ? withoutLeadingZeros(part) : part));
  if (parts.length < 3 && /[+-]/.test(parts.at(-1)!))
    return new CelError('short version cannot contain PreRelease/Build meta data');
  while (parts.length < 3) parts.push('0');
  return parse(parts.join('.'));
}

function withoutLeadingZeros(part: string): string {
  const rest = part.replace(/^0+/, '');
  return /^[0-9]/.test(rest) ? rest : `0${rest}`;
}

function toSemver(text: Value, isLenient: Value = false): Semver | CelError {
  return isLenient === true ? normalizeAndParse(text as string) : parse(text as string);
}

const isSemver = (text: Value, isLenient: Value = false): boolean => toSemver(text, isLenient) instanceof Semver;

function comparison(name: string, id: string, result: Type, call: (order: number) => Value): FunctionDeclaration {
  const compare = (a: Value, b: Value) => call((a as Semver).compare(b as Semver));
  return { name, overloads: [member(id, [semverType, semverType], result, compare)] };
}

const numbers: FunctionDeclaration[] = names.map((name, i) => ({
  name: name.toLowerCase(),
  overloads: [
    member(`semver_${name.toLowerCase()}`, [semverType], intType, (version) => {
      const number = (version as Semver).numbers[i]!;
      return normalizeInt(BigInt.asIntN(64, number))!;
    }),
  ],
}));

export const semverLibrary: Library = {
  functions: [
    {
      name: 'semver',
      overloads: [
        overload('string_to_semver', [stringType], semverType, (text) => toSemver(text)),
        overload('string_bool_to_semver', [stringType, boolType], semverType, toSemver),
      ],
    },
    {
      name: 'isSemver',
      overloads: [
        overload('is_semver_string', [stringType], boolType, (text) => isSemver(text)),
        overload('is_semver_string_bool', [stringType, boolType], boolType, isSemver),
      ],
    },
    comparison('isGreaterThan', 'semver_is_greater_than', boolType, (order) => order > 0),
    comparison('isLessThan', 'semver_is_less_than', boolType, (order) => order < 0),
    comparison('compareTo', 'semver_compare_to', intType, (order) => order),
    ...numbers,
  ],
};
