/**
 * Puts the OpenAPI v2 documents of other servers into this server's: their groups' paths, and the definitions and shared
 * parameters that these need.
 */
import { equal } from '#base/json.js';

type Json = Record<string, unknown>;
const sections = ['definitions', 'parameters'] as const;
type Shared = Record<(typeof sections)[number], Json>;

export interface RemoteSpec extends Shared {
  group: string;
  version: string;
  /** Changes when the document does. */
  etag: string;
  paths: Json;
}

/** In place. What has a name that is taken for something else gets another name. */
export function mergeSpec(target: { paths: Json } & Shared, { group, version, ...spec }: RemoteSpec): void {
  const root = `/apis/${group}/${version}/`;
  const kept = Object.entries(spec.paths).filter(([path]) => path === root || path.startsWith(root));
  const needed = new Set<string>();
  const need = (value: unknown): void => {
    for (const reference of referencesOf(value)) {
      const found = lookUp(spec, reference);
      if (found === undefined || needed.has(reference)) continue;
      needed.add(reference);
      need(found);
    }
  };
  for (const [, item] of kept) need(item);
  const names = new Map<string, string>();
  for (const reference of needed) {
    const taken = lookUp(target, reference);
    if (taken === undefined || equal(taken, lookUp(spec, reference))) continue;
    let number = 2;
    while (lookUp(target, `${reference}_v${number}`) !== undefined) number++;
    names.set(reference, `${reference}_v${number}`);
  }
  for (const reference of needed) {
    const { section, name } = partsOf(names.get(reference) ?? reference);
    target[section][name] = renamed(lookUp(spec, reference), names);
  }
  for (const [path, item] of kept) target.paths[path] = renamed(item, names);
}

function partsOf(reference: string): { section: keyof Shared; name: string } {
  const section = sections.find((one) => reference.startsWith(`#/${one}/`))!;
  return { section, name: reference.slice(`#/${section}/`.length) };
}

function lookUp(spec: Shared, reference: string): unknown {
  const { section, name } = partsOf(reference);
  return Object.hasOwn(spec[section], name) ? spec[section][name] : undefined;
}

function* referencesOf(value: unknown): Iterable<string> {
  if (Array.isArray(value)) for (const one of value) yield* referencesOf(one);
  else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      if (key === '$ref' && typeof inner === 'string') {
        if (sections.some((section) => inner.startsWith(`#/${section}/`))) yield inner;
      } else yield* referencesOf(inner);
    }
  }
}

function renamed(value: unknown, names: ReadonlyMap<string, string>): unknown {
  if (names.size === 0 || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((one) => renamed(one, names));
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key === '$ref' && typeof inner === 'string' ? (names.get(inner) ?? inner) : renamed(inner, names),
    ]),
  );
}
