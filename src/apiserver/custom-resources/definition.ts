/** From a CustomResourceDefinition to the value that every kind is to the server: a resource definition. */

import { isTrue } from '#api/apiextensions/status.js';
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionSpec,
  CustomResourceDefinitionVersion,
} from '#api/gen/apiextensions-v1.js';
import { type AnyResource, type Convert, defineResource, type VersionRules } from '#api/resource.js';
import { forbidden } from '#apimachinery/errors.js';
import type { FieldError, FieldErrors } from '#apimachinery/field-error.js';
import type { KubeObject } from '#apimachinery/object.js';
import type { SchemaTable } from '#apimachinery/schema.js';
import { compilePatterns } from '#apimachinery/structural/patterns.js';
import { hasRules, loadRules } from '#apimachinery/structural/rules-loader.js';
import { type Schema, visitSchemas } from '#apimachinery/structural/schema.js';
import { shapeFor } from '#apimachinery/structural/shape.js';
import { atOnce, type Steps } from '#base/turns.js';
import { compareVersions } from '../discovery/version-order.js';
import type { RuleObserver } from '../metrics/rule-metrics.js';
import { columnsOf, selectableFieldsOf } from './columns.js';
import { finalizerWarnings, rulesFor, type SchemaRules } from './rules.js';

export interface DefinitionOptions {
  schemas: SchemaTable;
  /** Of a definition that has a conversion webhook. */
  convert: Convert | undefined;
  observer?: RuleObserver | undefined;
}

/** Undefined for a definition without accepted names, or without a version to store, which is not served. */
export async function definitionOf(
  crd: CustomResourceDefinition,
  { schemas, convert, observer }: DefinitionOptions,
): Promise<AnyResource | undefined> {
  const { spec, status } = crd;
  const names = status?.acceptedNames;
  const storage = spec.versions.find((version) => version.storage);
  if (!names?.plural || !names.kind || !names.singular || !names.listKind || !storage) return undefined;
  const perVersion: Record<string, VersionRules> = {};
  for (const version of spec.versions) perVersion[version.name] = await rulesOf(version, { crd, schemas, observer });
  const served = spec.versions.filter((version) => version.served).map(({ name }) => name);
  const [first = storage.name, ...others] = served.sort(compareVersions);
  return defineResource<KubeObject>({
    group: spec.group,
    versions: [first, ...others],
    storageVersion: storage.name,
    kind: names.kind,
    listKind: names.listKind,
    plural: names.plural,
    singular: names.singular,
    shortNames: names.shortNames,
    categories: names.categories,
    namespaced: spec.scope === 'Namespaced',
    storagePrefix: `${spec.group}/${names.plural}`,
    allowUnconditionalUpdate: false,
    bumpsGeneration: 'content',
    statusKeeps: 'metadata',
    freeFinalizers: true,
    perVersion,
    convert,
    ...perVersion[first],
  });
}

export function isServed({ spec }: CustomResourceDefinition): boolean {
  return spec.versions.some(({ served }) => served);
}

async function rulesOf(
  version: CustomResourceDefinitionVersion,
  { crd, schemas, observer }: { crd: CustomResourceDefinition } & Omit<DefinitionOptions, 'convert'>,
): Promise<VersionRules> {
  const { spec } = crd;
  const schema = version.schema?.openAPIV3Schema as Schema | undefined;
  const { status, scale } = version.subresources ?? {};
  const shape = shapeFor(schema, { table: schemas, keepsUnknown: spec.preserveUnknownFields === true });
  const patterns = await compilePatterns(patternsOf(schema));
  const rules = rulesFor({ schema, scale, patterns, rules: schema && (await rulesIn(schema, observer)), observer });
  return {
    shape,
    default: (object: KubeObject) => shape.fill(object as never),
    prepareForCreate(object: KubeObject & { status?: unknown }) {
      if (isTerminating(crd)) throw refusedCreate(spec, object);
      if (status) delete object.status;
    },
    warnings: finalizerWarnings,
    validateCreate: (object) => atOnce(rules.create(object)),
    validateUpdate: (object, old, warn) => atOnce(rules.update(object, old, { warn })),
    validateStatusUpdate: (object, old, warn) => atOnce(rules.status(object, old, { warn })),
    inSteps: {
      validateCreate: (object) => told(rules.create(object, { isLarge: true })),
      validateUpdate: (object, old, warn) => told(rules.update(object, old, { isLarge: true, warn })),
      validateStatusUpdate: (object, old, warn) => told(rules.status(object, old, { isLarge: true, warn })),
    },
    columns: columnsOf(version.additionalPrinterColumns),
    selectableFields: selectableFieldsOf(version.selectableFields),
    deprecation: deprecationOf(version, spec),
    subresources: {
      status: status !== undefined,
      scale: scale && {
        replicas: scale.specReplicasPath,
        statusReplicas: scale.statusReplicasPath,
        selector: scale.labelSelectorPath,
      },
    },
  };
}

function* told(steps: Steps<FieldError[]>): FieldErrors {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return yield* value as FieldError[];
    yield;
  }
}

async function rulesIn(schema: Schema, observer: RuleObserver | undefined): Promise<SchemaRules | undefined> {
  if (!hasRules(schema)) return undefined;
  const room = await loadRules();
  const compile = () => room.RuleTree.of(schema, { isResource: true });
  const tree = observer ? observer.compiling(compile) : compile();
  return tree && { room, tree };
}

function patternsOf(schema: Schema | undefined): string[] {
  const patterns: string[] = [];
  if (schema)
    visitSchemas(schema, ({ pattern }) => {
      if (pattern) patterns.push(pattern);
    });
  return patterns;
}

function isTerminating(crd: CustomResourceDefinition): boolean {
  return crd.metadata.deletionTimestamp !== undefined || isTrue(crd, 'Terminating');
}

function refusedCreate({ group, names }: CustomResourceDefinitionSpec, { metadata }: KubeObject): Error {
  const why = 'create not allowed while custom resource definition is terminating';
  return forbidden({ group, resource: names.plural, name: metadata.name }, why);
}

/** What the definition says, or which newer version there is. */
function deprecationOf(
  { name, deprecated, deprecationWarning }: CustomResourceDefinitionVersion,
  { group, names, versions }: CustomResourceDefinitionSpec,
): string | undefined {
  if (!deprecated) return undefined;
  if (deprecationWarning !== undefined) return deprecationWarning;
  const [newest] = versions
    .filter((one) => one.served && !one.deprecated && compareVersions(one.name, name) < 0)
    .map((one) => one.name)
    .sort(compareVersions);
  const start = `${group}/${name} ${names.kind} is deprecated`;
  return newest ? `${start}; use ${group}/${newest} ${names.kind}` : start;
}
