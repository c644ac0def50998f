/**
 * Merges a configuration onto an object as server-side apply does, without anybody's owning a field of it. Used by
 * policies that mutate. https://kubernetes.io/docs/reference/access-authn-authz/mutating-admission-policy/
 */
import type { Json } from '#base/json.js';
import { isObject, type JsonObject } from '../patch.js';
import { checkApplied } from './check.js';
import { mergeApplied } from './merge.js';
import { type Model, modelOf, shapeOf } from './model.js';
import { fieldElement, formatElement } from './path-element.js';

/** The configuration does not fit the schema, or would replace what it seems to change. */
export class ConfigurationProblem extends Error {
  override readonly name = 'ConfigurationProblem';
}

/** Shares what is unchanged with the arguments. Throws ConfigurationProblem. */
export function mergeConfiguration(
  object: JsonObject,
  configuration: JsonObject,
  schema: Parameters<typeof modelOf>[0],
): JsonObject {
  const model = modelOf(schema);
  const problems = checkApplied(configuration, model);
  if (problems.length > 0) {
    const list = problems.length === 1 ? problems[0] : ['errors:', ...problems.map((one) => `  ${one}`)].join('\n');
    throw new ConfigurationProblem(`failed to convert patch object to typed object: ${list}`);
  }
  const units = atomicParts(configuration, model, '');
  if (units.length > 0) {
    const rule = 'may not mutate atomic arrays, maps or structs';
    throw new ConfigurationProblem(`invalid ApplyConfiguration: ${rule}: ${units.join(', ')}`);
  }
  return mergeApplied(object, configuration, model);
}

/** Where maps and lists stand that are one unit, of which what is not named would be lost. */
function atomicParts(value: Json, model: Model, path: string): string[] {
  if (model.kind === 'map' && isObject(value)) {
    const inner = Object.keys(value).flatMap((name) => {
      const field = model.field(name);
      return field ? atomicParts(value[name]!, field.model, path + formatElement(fieldElement(name))) : [];
    });
    return model.atomic ? [path, ...inner] : inner;
  }
  const shape = shapeOf(model, value);
  if (shape.kind !== 'list' || !Array.isArray(value)) return [];
  const inner = value.flatMap((one, index) => atomicParts(one, shape.element, `${path}[${index}]`));
  return shape.relation === 'atomic' ? [path, ...inner] : inner;
}
