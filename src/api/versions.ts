/**
 * Kinds that are served in several versions: the definition as it holds for one of them, and conversion between them.
 * https://kubernetes.io/docs/reference/using-api/#api-versioning
 */
import { formatApiVersion, type KubeObject } from '#apimachinery/object.js';
import {
  type AnyResource,
  type Column,
  completed,
  type PureRule,
  type RewritingRule,
  type VersionRules,
  type Warn,
} from './resource.js';

const known = new WeakMap<AnyResource, Map<string, AnyResource>>();

/** The definition with the rules of one version, which its `version` names. The same value whenever it is asked for. */
export function rulesAt(resource: AnyResource, version: string): AnyResource {
  if (resource.version === version) return resource;
  let versions = known.get(resource);
  if (!versions) known.set(resource, (versions = new Map()));
  let rules = versions.get(version);
  if (!rules) {
    rules = withOwn(converted(resource, version), resource.perVersion?.[version], version);
    versions.set(version, rules);
  }
  return rules;
}

function withOwn(resource: AnyResource, own: VersionRules = {}, version: string): AnyResource {
  const { inSteps, ...rules } = completed<KubeObject, VersionRules>(own);
  return { ...resource, ...rules, inSteps: { ...resource.inSteps, ...inSteps }, version };
}

/** Whether the kind has, or may have stored, objects of more than one version. */
export function hasVersions({ versions, perVersion }: AnyResource): boolean {
  return versions.length > 1 || perVersion !== undefined;
}

/** Whether objects of this version can be converted to and from others. */
export function isVersion({ versions, perVersion }: AnyResource, version: string): boolean {
  return versions.includes(version) || (perVersion !== undefined && Object.hasOwn(perVersion, version));
}

/** Those of other versions are converted; the result is as long, and in the same order. */
export function convertAll(
  resource: AnyResource,
  objects: readonly KubeObject[],
  version: string,
): readonly KubeObject[] | Promise<readonly KubeObject[]> {
  const apiVersion = formatApiVersion({ group: resource.group, version });
  const others = objects.filter((object) => object.apiVersion !== apiVersion);
  if (others.length === 0) return objects;
  const merge = (results: readonly KubeObject[]) => {
    let next = 0;
    return objects.map((object) => (object.apiVersion === apiVersion ? object : results[next++]!));
  };
  const results = resource.convert
    ? resource.convert(others, version)
    : others.map((object) => ({ ...object, apiVersion }));
  return results instanceof Promise ? results.then(merge) : merge(results);
}

type Rule = (...args: (KubeObject | Warn | undefined)[]) => unknown;

const pureRules: readonly PureRule[] = [
  'validate',
  'validateCreate',
  'validateUpdate',
  'validateStatusUpdate',
  'warnings',
];
const rewritingRules: readonly RewritingRule[] = [
  'default',
  'prepareForCreate',
  'prepareForUpdate',
  'prepareForStatusUpdate',
];

/** The rules of the storage version, for objects of another. */
function converted(resource: AnyResource, version: string): AnyResource {
  if (!resource.convert || version === resource.storageVersion) return resource;
  const given = resource as unknown as Record<string, Rule | undefined>;
  const toStored = (object: KubeObject | undefined) => object && convertOne(resource, object, resource.storageVersion);
  // What takes warnings comes last, as it is.
  const onStored = (of: Record<string, Rule | undefined>) =>
    Object.fromEntries(
      pureRules.flatMap((name) => {
        const rule = of[name];
        const onOther: Rule = (...args) =>
          rule!(...args.map((one) => (typeof one === 'function' ? one : toStored(one))));
        return rule ? [[name, onOther]] : [];
      }),
    );
  const rules: Record<string, unknown> = onStored(given);
  rules['inSteps'] = onStored(resource.inSteps as Record<string, Rule | undefined>);
  for (const name of rewritingRules) {
    const rule = given[name];
    if (!rule) continue;
    rules[name] = (object: KubeObject, ...others: KubeObject[]) => {
      const changed = toStored(object)!;
      // What is said beside the objects, such as the time, is no object to convert.
      rule(changed, ...others.map((other) => (other?.metadata ? toStored(other) : other)));
      become(object, convertOne(resource, changed, version));
    };
  }
  const { columns, selectableFields } = resource;
  if (columns)
    rules['columns'] = columns.map((column: Column<KubeObject>) => ({
      ...column,
      cell: (object: KubeObject, context: { nowMs: number }) => column.cell(toStored(object)!, context),
    }));
  if (selectableFields)
    rules['selectableFields'] = Object.fromEntries(
      Object.entries(selectableFields).map(([path, read]) => [path, (object: KubeObject) => read(toStored(object)!)]),
    );
  return { ...resource, ...rules };
}

/** Objects in caches are frozen and asked about again and again. */
const convertedFrozen = new WeakMap<KubeObject, Map<string, KubeObject>>();

function convertOne(resource: AnyResource, object: KubeObject, version: string): KubeObject {
  const memo = Object.isFrozen(object) ? (convertedFrozen.get(object) ?? new Map<string, KubeObject>()) : undefined;
  const seen = memo?.get(version);
  if (seen) return seen;
  const results = convertAll(resource, [object], version);
  if (results instanceof Promise)
    throw new TypeError(`${resource.kind}: rules of a version that a webhook converts must be that version's own`);
  const [result] = results as [KubeObject];
  if (memo) convertedFrozen.set(object, memo.set(version, result));
  return result;
}

/** Makes an object equal to another, in place. */
function become(object: KubeObject, other: KubeObject): void {
  for (const name of Object.keys(object))
    if (!Object.hasOwn(other, name)) delete (object as object as Record<string, unknown>)[name];
  Object.assign(object, other);
}
