/** What a CustomResourceDefinition must satisfy (k8s.io/apiextensions-apiserver `validation`), in upstream's words. */
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionSpec,
  CustomResourceDefinitionVersion,
} from '#api/gen/apiextensions-v1.js';
import { collectInSteps, invalidValue, notSupported, required } from '#apimachinery/field-error.js';
import { validateImmutable } from '#apimachinery/metadata-validation.js';
import { dns1035LabelProblems, subdomainProblems } from '#apimachinery/names.js';
import { type Schema, visitSchemas } from '#apimachinery/structural/schema.js';
import { equal } from '#base/json.js';
import type { FieldErrors } from '../meta/check.js';
import { approvalAnnotation, approvalOf, isProtectedGroup } from './approval.js';
import { validateNames, validateWantedNames } from './names.js';
import { sharedFields } from './shared-fields.js';
import { isTrue } from './status.js';
import { type Strictness, strictest, strictness } from './strictness.js';
import { validateConversion } from './validate-conversion.js';
import { validateSchema } from './validate-schema.js';
import { validateSelectableFields } from './validate-selectable-fields.js';
import { validateColumns, validateSubresources, validateVersion } from './validate-version.js';

export function* validateDefinition(crd: CustomResourceDefinition): FieldErrors {
  yield* nameErrors(crd);
  yield* specErrorsOf(crd, undefined);
  yield* commonErrors(crd, undefined);
}

export function* validateDefinitionUpdate(crd: CustomResourceDefinition, old: CustomResourceDefinition): FieldErrors {
  yield* specErrorsOf(crd, old);
  const { spec } = crd;
  if (isTrue(old, 'Established')) {
    yield* validateImmutable('spec.scope', { value: spec.scope, old: old.spec.scope });
    yield* validateImmutable('spec.names.kind', { value: spec.names.kind, old: old.spec.names.kind });
  }
  yield* validateImmutable('spec.group', { value: spec.group, old: old.spec.group });
  yield* validateImmutable('spec.names.plural', { value: spec.names.plural, old: old.spec.names.plural });
  yield* commonErrors(crd, old);
}

/** Specs in which no rule, however strict, has found anything. */
const sound = new WeakSet<CustomResourceDefinitionSpec>();

/** Schemas may be large. One that breaks no rule needs no look at which rules the definition before broke. */
function* specErrorsOf(crd: CustomResourceDefinition, old: CustomResourceDefinition | undefined): FieldErrors {
  const { spec } = crd;
  if (!old || !sound.has(old.spec) || !equal(spec, old.spec)) {
    const errors = yield* collectInSteps(specErrors(crd, strictest(old)));
    if (errors.length > 0) {
      yield* old ? specErrors(crd, strictness(crd, old)) : errors;
      return;
    }
  }
  sound.add(spec);
}

export function* validateDefinitionStatus({ status }: CustomResourceDefinition): FieldErrors {
  if (status?.acceptedNames) yield* validateNames(status.acceptedNames, 'status.acceptedNames');
}

function* nameErrors({ metadata, spec }: CustomResourceDefinition): FieldErrors {
  if (metadata.name !== `${spec.names.plural}.${spec.group}`)
    yield invalidValue('metadata.name', metadata.name, 'must be spec.names.plural+"."+spec.group');
}

function* commonErrors(crd: CustomResourceDefinition, old: CustomResourceDefinition | undefined): FieldErrors {
  yield* validateDefinitionStatus(crd);
  yield* storedVersionErrors(crd);
  yield* approvalErrors(crd, old);
  if (crd.spec.preserveUnknownFields && !old?.spec.preserveUnknownFields)
    yield invalidValue(
      'spec.preserveUnknownFields',
      true,
      'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead',
    );
}

function* specErrors({ spec }: CustomResourceDefinition, strict: Strictness): FieldErrors {
  yield* groupErrors(spec.group);
  if (!spec.scope) yield required('spec.scope');
  else if (spec.scope !== 'Cluster' && spec.scope !== 'Namespaced')
    yield notSupported('spec.scope', spec.scope, ['Cluster', 'Namespaced']);
  if (strict.schema)
    for (const [index, { schema }] of spec.versions.entries())
      if (!schema?.openAPIV3Schema) yield required(`spec.versions[${index}].schema.openAPIV3Schema`);
  if (spec.preserveUnknownFields && spec.versions.some(hasDefaults))
    yield invalidValue('spec.preserveUnknownFields', true, 'must be false in order to use defaults in the schema');
  yield* versionErrors(spec, strict);
  yield* validateWantedNames(spec.names, 'spec.names');
  yield* sharedErrors(spec, strict);
  yield* validateConversion(spec, 'spec.conversion', strict);
}

function hasDefaults({ schema }: CustomResourceDefinitionVersion): boolean {
  let found = false;
  visitSchemas((schema?.openAPIV3Schema ?? {}) as Schema, ({ default: value }) => {
    found ||= value !== undefined && value !== null;
  });
  return found;
}

function* groupErrors(group: string): FieldErrors {
  const problems = group ? subdomainProblems(group) : [];
  if (!group) yield required('spec.group');
  else if (problems.length > 0) yield invalidValue('spec.group', group, problems.join(','));
  else if (!group.includes('.')) yield invalidValue('spec.group', group, 'should be a domain with at least one dot');
}

function* versionErrors(spec: CustomResourceDefinitionSpec, strict: Strictness): FieldErrors {
  const { versions } = spec;
  const shared = sharedFields(versions);
  for (const [index, version] of versions.entries()) {
    const path = `spec.versions[${index}]`;
    const problems = dns1035LabelProblems(version.name);
    if (problems.length > 0) yield invalidValue(`${path}.name`, version.name, problems.join(','));
    yield* validateVersion(version, { path, strict, shared });
  }
  const names = new Set(versions.map(({ name }) => name));
  const told = shared.size === 4 ? versions.map(bareVersion) : versions;
  if (names.size < versions.length) yield invalidValue('spec.versions', told, 'must contain unique version names');
  if (versions.filter(({ storage }) => storage).length !== 1)
    yield invalidValue('spec.versions', told, 'must have exactly one version marked as storage version');
  const [first] = versions;
  const problems = first ? dns1035LabelProblems(first.name) : [];
  if (problems.length > 0) yield invalidValue('spec.version', first!.name, problems.join(','));
}

/** A version as messages show it when it says nothing that others do not say alike. */
function bareVersion(version: CustomResourceDefinitionVersion): object {
  const { name, served, storage, deprecated = false, deprecationWarning = null } = version;
  return {
    Name: name,
    Served: served,
    Storage: storage,
    Deprecated: deprecated,
    DeprecationWarning: deprecationWarning,
    Schema: null,
    Subresources: null,
    AdditionalPrinterColumns: null,
    SelectableFields: null,
  };
}

function* sharedErrors({ versions }: CustomResourceDefinitionSpec, strict: Strictness): FieldErrors {
  const shared = sharedFields(versions);
  const [first] = versions;
  if (!first) return;
  const hasStatus = versions.some(({ subresources }) => subresources?.status !== undefined);
  if (shared.has('schema')) {
    const suppressed = strict.unchanged.has(first.name);
    yield* validateSchema(first.schema, { path: 'spec.validation', hasStatus, strict, suppressed });
  }
  if (shared.has('subresources')) yield* validateSubresources(first.subresources, 'spec.subresources');
  if (shared.has('additionalPrinterColumns'))
    yield* validateColumns(first.additionalPrinterColumns, 'spec.additionalPrinterColumns');
  if (shared.has('selectableFields')) yield* validateSelectableFields(first, { path: 'spec.selectableFields', strict });
}

function* storedVersionErrors({ spec, status }: CustomResourceDefinition): FieldErrors {
  const path = 'status.storedVersions';
  const stored = status?.storedVersions ?? [];
  if (stored.length === 0) {
    yield invalidValue(path, null, 'must have at least one stored version');
    return;
  }
  const left = new Set(stored);
  for (const { name, storage } of spec.versions) {
    if (storage && !left.has(name)) yield invalidValue(path, stored, `must have the storage version ${name}`);
    left.delete(name);
  }
  for (const [index, name] of stored.entries())
    if (left.has(name))
      yield invalidValue(
        `${path}[${index}]`,
        name,
        `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`,
      );
}

/** A definition that was not approved may stay so. */
function* approvalErrors(crd: CustomResourceDefinition, old: CustomResourceDefinition | undefined): FieldErrors {
  if (!isProtectedGroup(crd.spec.group)) return;
  const { state, reason } = approvalOf(crd.metadata.annotations);
  if (old && approvalOf(old.metadata.annotations).state === state) return;
  const path = `metadata.annotations[${approvalAnnotation}]`;
  if (state === 'missing') yield required(path, reason);
  else if (state === 'invalid') yield invalidValue(path, crd.metadata.annotations?.[approvalAnnotation], reason);
}
