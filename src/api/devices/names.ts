/** Names in claims and slices: requests, pools, attributes and capacities of devices. */
import { duplicate, invalidValue, tooLong, tooMany } from '#apimachinery/field-error.js';
import { formProblem, labelValueProblems, subdomainLengthMax } from '#apimachinery/names.js';
import { check, checkDriverName, checkSubdomain, each, type FieldErrors } from '../meta/check.js';

const identifierForm = '[A-Za-z_][A-Za-z0-9_]*';
const identifierPattern = new RegExp(`^${identifierForm}$`);
const identifierBytesMax = 32;
const domainBytesMax = 63;
const keyBytesMax = domainBytesMax + 1 + identifierBytesMax;

/** A list of bounded length whose elements are checked one by one; too long a list is not looked at. */
export function* checkList<T>(
  path: string,
  list: readonly T[] | undefined,
  { max = Number.POSITIVE_INFINITY, keyOf }: { max?: number; keyOf?: (element: T) => string },
  rule: (path: string, element: T) => FieldErrors,
): FieldErrors {
  const count = list?.length ?? 0;
  if (count > max) {
    yield tooMany(path, count, max);
    return;
  }
  for (const one of each(path, list)) yield* rule(one.path, one.value);
  const seen = new Set<string>();
  if (!keyOf) return;
  for (const { path: at, value } of each(path, list)) {
    const key = keyOf(value);
    if (seen.has(key)) yield duplicate(at, key);
    seen.add(key);
  }
}

/** As `checkList`, of a map; its keys are told at the map's own path. */
export function* checkMap<T>(
  path: string,
  map: Readonly<Record<string, T>> | undefined,
  { max = Number.POSITIVE_INFINITY, keyMax = keyBytesMax }: { max?: number; keyMax?: number },
  { key: keyRule, value: rule }: Rules<T>,
): FieldErrors {
  const entries = Object.entries(map ?? {});
  if (entries.length > max) {
    yield tooMany(path, entries.length, max);
    return;
  }
  for (const [key, value] of entries) {
    yield* keyRule(path, key);
    if (rule) yield* rule(`${path}[${shorten(key, keyMax)}]`, value);
  }
}

interface Rules<T> {
  key: (path: string, key: string) => FieldErrors;
  value?: (path: string, value: T) => FieldErrors;
}

function shorten(text: string, max: number): string {
  if (text.length <= max) return text;
  const remaining = max - '...'.length;
  return `${text.slice(0, Math.ceil(remaining / 2))}...${text.slice(text.length - Math.floor(remaining / 2))}`;
}

/** `rack-1/gpus`. */
export function* checkPoolName(path: string, name: string): FieldErrors {
  if (Buffer.byteLength(name) > subdomainLengthMax) yield tooLong(path, subdomainLengthMax);
  for (const part of name.split('/')) yield* checkSubdomain(path, part);
}

/** `model`, or `gpu.example.com/model`. */
export function* checkAttributeName(path: string, name: string): FieldErrors {
  const parts = name.split('/');
  const [domain, id] = parts.length === 1 ? [undefined, name] : [parts[0], parts[1] ?? ''];
  if (parts.length > 2) {
    yield invalidValue(path, name, 'must not contain more than one slash');
    return;
  }
  if (domain === '') yield invalidValue(path, '', 'the domain must not be empty');
  else if (domain !== undefined) yield* checkDriverName(path, domain);
  if (domain !== undefined && id === '') yield invalidValue(path, '', 'the name must not be empty');
  else yield* checkIdentifier(path, id);
}

export function* checkFullAttributeName(path: string, name: string): FieldErrors {
  yield* checkAttributeName(path, name);
  if (!name.includes('/'))
    yield invalidValue(path, name, 'a fully qualified name must be a domain and a name separated by a slash');
}

function* checkIdentifier(path: string, id: string): FieldErrors {
  if (Buffer.byteLength(id) > identifierBytesMax) yield tooLong(path, identifierBytesMax);
  if (identifierPattern.test(id)) return;
  const rule =
    "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'";
  yield invalidValue(path, id, formProblem(rule, identifierForm, 'my_name', 'MY_NAME', 'MyName'));
}

export function checkLabelValue(path: string, value: string): FieldErrors {
  return check(path, value, labelValueProblems);
}

const normalForm = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const anyForm = /^(urn:uuid:)?\{?[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}\}?$/i;

export function* checkUuid(path: string, uid: string): FieldErrors {
  if (normalForm.test(uid)) return;
  const normal =
    'uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters';
  const why = uid.length === 36 ? 'invalid UUID format' : `invalid UUID length: ${uid.length}`;
  yield invalidValue(path, uid, anyForm.test(uid) ? normal : `error validating uid: ${why}`);
}
