/** Puts the OpenAPI v2 documents of other servers into this server's: their groups' paths, and the definitions these need. */
import { equal } from '#base/json.js';

type Json = Record<string, unknown>;

export interface RemoteSpec {
  group: string;
  version: string;
  /** Changes when the document does. */
  etag: string;
  paths: Json;
  definitions: Json;
}

const prefix = '#/definitions/';

/** In place. A definition of a name that is taken for something else gets another name. */
export function mergeSpec(target: { paths: Json; definitions: Json }, { group, version, ...spec }: RemoteSpec): void {
  const root = `/apis/${group}/${version}/`;
  const kept = Object.entries(spec.paths).filter(([path]) => path === root || path.startsWith(root));
  const needed = new Set<string>();
  const need = (value: unknown): void => {
    for (const name of referencesOf(value)) {
      if (needed.has(name) || !Object.hasOwn(spec.definitions, name)) continue;
      needed.add(name);
      need(spec.definitions[name]);
    }
  };
  for (const [, item] of kept) need(item);
  const names = new Map<string, string>();
  for (const name of needed) {
    if (!Object.hasOwn(target.definitions, name) || equal(target.definitions[name], spec.definitions[name])) continue;
    let number = 2;
    while (Object.hasOwn(target.definitions, `${name}_v${number}`)) number++;
    names.set(name, `${name}_v${number}`);
  }
  for (const name of needed) target.definitions[names.get(name) ?? name] = renamed(spec.definitions[name], names);
  for (const [path, item] of kept) target.paths[path] = renamed(item, names);
}

function* referencesOf(value: unknown): Iterable<string> {
  if (Array.isArray(value)) for (const one of value) yield* referencesOf(one);
  else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      if (key === '$ref' && typeof inner === 'string' && inner.startsWith(prefix)) yield inner.slice(prefix.length);
      else yield* referencesOf(inner);
    }
  }
}

function renamed(value: unknown, names: ReadonlyMap<string, string>): unknown {
  if (names.size === 0 || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((one) => renamed(one, names));
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const name = key === '$ref' && typeof inner === 'string' ? names.get(inner.slice(prefix.length)) : undefined;
      return [key, name ? prefix + name : renamed(inner, names)];
    }),
  );
}
