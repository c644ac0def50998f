/**
 * CustomResourceDefinition: a kind of its own for whoever needs one.
 * https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
 */
import type { CustomResourceDefinition, CustomResourceDefinitionStatus } from '#api/gen/apiextensions-v1.js';
import { subdomainProblems } from '#apimachinery/names.js';
import { compilePatterns } from '#apimachinery/structural/patterns.js';
import { hasRules, loadRules } from '#apimachinery/structural/rules-loader.js';
import { type Schema, visitSchemas } from '#apimachinery/structural/schema.js';
import { createdColumn, nameColumn } from '../meta/columns.js';
import { defineResource } from '../resource.js';
import { cleanupFinalizer, setCondition } from './status.js';
import { validateDefinition, validateDefinitionStatus, validateDefinitionUpdate } from './validate.js';
import { schemaWarnings } from './warnings.js';

export default defineResource<CustomResourceDefinition>({
  group: 'apiextensions.k8s.io',
  versions: ['v1'],
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  namespaced: false,
  storagePrefix: 'apiextensions.k8s.io/customresourcedefinitions',
  storageVersionHash: 'jfWCUB31mvA=',
  subresources: { status: true },
  allowUnconditionalUpdate: false,
  freeFinalizers: true,
  bumpsGeneration: ['spec'],
  default: setDefaults,
  load,
  prepareForCreate(crd) {
    crd.status = emptyStatus();
    addStoredVersion(crd);
  },
  prepareForUpdate: addStoredVersion,
  validateName: subdomainProblems,
  validateCreate: validateDefinition,
  validateUpdate: validateDefinitionUpdate,
  validateStatusUpdate: validateDefinitionStatus,
  warnings: schemaWarnings,
  deletion: {
    isHeld: ({ metadata }) => metadata.deletionTimestamp === undefined,
    begin: beginDeletion,
    returnsObject: true,
  },
  columns: [nameColumn, createdColumn],
});

function setDefaults(crd: CustomResourceDefinition): void {
  const { spec } = crd;
  spec.versions ??= [];
  const names = (spec.names ??= { plural: '', kind: '' });
  if (!names.singular) names.singular = names.kind.toLowerCase();
  if (!names.listKind && names.kind) names.listKind = `${names.kind}List`;
  spec.conversion ??= { strategy: 'None' };
  const service = spec.conversion.webhook?.clientConfig?.service;
  if (service) service.port ??= 443;
  crd.status ??= emptyStatus();
  if (!crd.status.storedVersions?.length) addStoredVersion(crd);
}

function emptyStatus(): CustomResourceDefinitionStatus {
  return { conditions: [], acceptedNames: { plural: '', kind: '' }, storedVersions: [] };
}

/** Objects may be stored in a version from the moment on that it is the one to store. */
function addStoredVersion({ spec, status }: CustomResourceDefinition): void {
  const stored = spec.versions.find(({ storage }) => storage)?.name;
  if (!status || stored === undefined || status.storedVersions?.includes(stored)) return;
  status.storedVersions = [...(status.storedVersions ?? []), stored];
}

/** The first deletion marks only: instances go first. */
function beginDeletion({ metadata, status }: CustomResourceDefinition): void {
  // As upstream, it has no grace period, nor is it another generation.
  delete metadata.deletionGracePeriodSeconds;
  if (metadata.generation) metadata.generation -= 1;
  if (!metadata.finalizers?.includes(cleanupFinalizer))
    metadata.finalizers = [...(metadata.finalizers ?? []), cleanupFinalizer];
  if (!status) return;
  setCondition(status, {
    type: 'Terminating',
    status: 'True',
    reason: 'InstanceDeletionPending',
    message: 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
    lastTransitionTime: metadata.deletionTimestamp,
  });
}

/** The engine of regular expressions and that of rules, for definitions that have some. */
async function load({ spec }: CustomResourceDefinition): Promise<void> {
  const patterns: string[] = [];
  for (const { schema } of spec.versions) {
    if (!schema?.openAPIV3Schema) continue;
    if (hasRules(schema.openAPIV3Schema as Schema)) await loadRules();
    visitSchemas(schema.openAPIV3Schema as Schema, ({ pattern }) => {
      if (pattern) patterns.push(pattern);
    });
  }
  await compilePatterns(patterns);
}
