/** What one version of a custom resource must satisfy besides its schema: subresources, columns, its deprecation. */
import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinitionVersion,
  CustomResourceSubresources,
} from '#api/gen/apiextensions-v1.js';
import { invalidValue, required } from '#apimachinery/field-error.js';
import { each, type FieldErrors } from '../meta/check.js';
import type { SharedField } from './shared-fields.js';
import type { Strictness } from './strictness.js';
import { validateSchema } from './validate-schema.js';
import { validateSelectableFields } from './validate-selectable-fields.js';

const deprecationWarningBytesMax = 256;
const columnTypes = ['boolean', 'date', 'integer', 'number', 'string'];
const columnFormats = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password'];

/** `shared`: what is told of the definition as a whole, since all versions say it alike. */
export function* validateVersion(
  version: CustomResourceDefinitionVersion,
  { path, strict, shared }: { path: string; strict: Strictness; shared: ReadonlySet<SharedField> },
): FieldErrors {
  const { deprecationWarning } = version;
  for (const problem of deprecationProblems(version))
    yield invalidValue(`${path}.deprecationWarning`, deprecationWarning, problem);
  if (!shared.has('schema')) {
    const hasStatus = version.subresources?.status !== undefined;
    const suppressed = strict.unchanged.has(version.name);
    yield* validateSchema(version.schema, { path: `${path}.schema`, hasStatus, strict, suppressed });
  }
  if (!shared.has('subresources')) yield* validateSubresources(version.subresources, `${path}.subresources`);
  if (!shared.has('additionalPrinterColumns'))
    yield* validateColumns(version.additionalPrinterColumns, `${path}.additionalPrinterColumns`);
  if (!shared.has('selectableFields'))
    yield* validateSelectableFields(version, { path: `${path}.selectableFields`, strict });
}

function* deprecationProblems(version: CustomResourceDefinitionVersion): Generator<string> {
  const { deprecated = false, deprecationWarning: warning } = version;
  if (warning === undefined) return;
  if (!deprecated) {
    yield 'can only be set for deprecated versions';
    return;
  }
  if (Buffer.byteLength(warning) > deprecationWarningBytesMax) yield 'must be <= 256 characters long';
  if (warning === '') yield 'must not be an empty string';
  const bad = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.exec(warning);
  if (bad)
    yield `must only contain printable UTF-8 characters; non-printable character found at index ${Buffer.byteLength(warning.slice(0, bad.index))}`;
}

export function* validateSubresources(subresources: CustomResourceSubresources | undefined, path: string): FieldErrors {
  const scale = subresources?.scale;
  if (!scale) return;
  const { specReplicasPath, statusReplicasPath, labelSelectorPath } = scale;
  yield* checkReplicasPath(specReplicasPath, { path: `${path}.scale.specReplicasPath`, under: '.spec' });
  yield* checkReplicasPath(statusReplicasPath, { path: `${path}.scale.statusReplicasPath`, under: '.status' });
  if (!labelSelectorPath) return;
  const at = `${path}.scale.labelSelectorPath`;
  const problem = simplePathProblem(labelSelectorPath);
  if (problem) yield invalidValue(at, labelSelectorPath, problem);
  else if (!/^\.(?:spec|status)\./.test(labelSelectorPath))
    yield invalidValue(at, labelSelectorPath, 'should be a json path under either .spec or .status');
}

function* checkReplicasPath(value: string, { path, under }: { path: string; under: string }): FieldErrors {
  if (!value) {
    yield required(path);
    return;
  }
  const problem = simplePathProblem(value);
  if (problem) yield invalidValue(path, value, problem);
  else if (!value.startsWith(`${under}.`)) yield invalidValue(path, value, `should be a json path under ${under}`);
}

function simplePathProblem(path: string): string | undefined {
  return path.startsWith('.') ? undefined : 'must be a simple json path starting with .';
}

export function* validateColumns(
  columns: readonly CustomResourceColumnDefinition[] | undefined,
  path: string,
): FieldErrors {
  for (const { path: at, value: column } of each(path, columns)) {
    const { name, type, format, jsonPath } = column;
    if (!name) yield required(`${at}.name`);
    const types = `must be one of ${columnTypes.join(',')}`;
    if (!type) yield required(`${at}.type`, types);
    else if (!columnTypes.includes(type)) yield invalidValue(`${at}.type`, type, types);
    if (format && !columnFormats.includes(format))
      yield invalidValue(`${at}.format`, format, `must be one of ${columnFormats.join(',')}`);
    const problem = jsonPath ? simplePathProblem(jsonPath) : undefined;
    if (!jsonPath) yield required(`${at}.JSONPath`);
    else if (problem) yield invalidValue(`${at}.JSONPath`, jsonPath, problem);
  }
}
