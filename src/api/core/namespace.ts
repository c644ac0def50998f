/** Namespace: a scope for names, which takes its contents with it when it goes. */
import type { Namespace } from '#api/gen/core-v1.js';
import { collect, type FieldError, invalidValue } from '#apimachinery/field-error.js';
import { labelProblems, qualifiedNameProblems } from '#apimachinery/names.js';
import { check, type FieldErrors } from '../meta/check.js';
import { ageColumn, nameColumn } from '../meta/columns.js';
import { defineResource } from '../resource.js';

const nameLabel = 'kubernetes.io/metadata.name';

export default defineResource<Namespace>({
  group: '',
  versions: ['v1'],
  kind: 'Namespace',
  shortNames: ['ns'],
  namespaced: false,
  metadataRepeats: { update: ['whole', 'change'] },
  verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
  subresources: { status: true, others: [{ name: 'finalize', verbs: ['update'] }] },
  storageVersionHash: 'Q3oi5N2YM8M=',
  selectableFields: { 'status.phase': (namespace) => namespace.status?.phase ?? '' },
  validateName: labelProblems,
  default: setDefaults,
  prepareForCreate,
  prepareForUpdate(namespace, old) {
    namespace.spec = { ...namespace.spec, finalizers: old.spec?.finalizers };
  },
  validate: (namespace) => checkFinalizers(namespace, () => 'spec.finalizers'),
  validateFinalize: (namespace) => collect(checkFinalizers(namespace, (index) => `spec.finalizers[${index}]`)),
  validateStatusUpdate: validatePhase,
  deletion: {
    isHeld: (namespace) => (namespace.spec?.finalizers ?? []).length > 0,
    begin(namespace) {
      namespace.status = { ...namespace.status, phase: 'Terminating' };
    },
  },
  columns: [
    nameColumn,
    {
      name: 'Status',
      type: 'string',
      description: 'The status of the namespace',
      cell: ({ status }) => status?.phase ?? '',
    },
    ageColumn,
  ],
});

function setDefaults(namespace: Namespace): void {
  namespace.status ??= {};
  namespace.status.phase ||= 'Active';
  const { metadata } = namespace;
  if (metadata.name) metadata.labels = { ...metadata.labels, [nameLabel]: metadata.name };
}

/** The finalizer is the namespace controller's promise to empty it; the label is known only now if the name is made up. */
function prepareForCreate(namespace: Namespace): void {
  const { metadata } = namespace;
  namespace.status = { phase: 'Active' };
  const finalizers = namespace.spec?.finalizers ?? [];
  if (!finalizers.includes('kubernetes'))
    namespace.spec = { ...namespace.spec, finalizers: [...finalizers, 'kubernetes'] };
  if (metadata.name) metadata.labels = { ...metadata.labels, [nameLabel]: metadata.name };
}

/** Upstream tells the place of one only to whoever changes nothing else. */
function* checkFinalizers({ spec }: Namespace, pathOf: (index: number) => string): FieldErrors {
  for (const [index, finalizer] of (spec?.finalizers ?? []).entries()) {
    const path = pathOf(index);
    yield* check(path, finalizer, qualifiedNameProblems);
    if (!finalizer.includes('/') && !['kubernetes', 'orphan', 'foregroundDeletion'].includes(finalizer)) {
      const why = 'name is neither a standard finalizer name nor is it fully qualified';
      yield invalidValue(path, finalizer, why);
    }
  }
}

function validatePhase({ metadata, status }: Namespace): FieldError[] {
  const [phase, state] = metadata.deletionTimestamp ? ['Terminating', 'is not empty'] : ['Active', 'is empty'];
  if (status?.phase === phase) return [];
  const why = `may only be '${phase}' if \`deletionTimestamp\` ${state}`;
  return [invalidValue('status.Phase', status?.phase ?? '', why)];
}
