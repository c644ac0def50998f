/** ControllerRevision: a past state of a controller's template, which never changes. */

import type { ControllerRevision } from '#api/gen/apps-v1.js';
import { required } from '#apimachinery/field-error.js';
import { validateImmutable } from '#apimachinery/metadata-validation.js';
import { controllerOf, parseApiVersion } from '#apimachinery/object.js';
import { checkNonNegative } from '../meta/check.js';
import { ageColumn, nameColumn } from '../meta/columns.js';
import { fieldText } from '../meta/field-text.js';
import { defineResource } from '../resource.js';

export default defineResource<ControllerRevision>({
  group: 'apps',
  versions: ['v1'],
  kind: 'ControllerRevision',
  namespaced: true,
  metadataRepeats: { update: ['change', 'whole'] },
  storageVersionHash: '85nkx63pcBU=',
  validate: ({ revision }) => checkNonNegative('revision', revision),
  validateCreate: ({ data }) => {
    if (data === undefined || data === null) return [required('data', 'data is mandatory')];
    const isObject = typeof data === 'object' && !Array.isArray(data);
    return isObject ? [] : [required('data', 'data must be a valid JSON object')];
  },
  validateUpdate: (revision, old) => validateImmutable('data', { value: revision.data, old: old.data }),
  columns: [
    nameColumn,
    { name: 'Controller', type: 'string', description: 'Controller of the object', cell: controllerCell },
    {
      name: 'Revision',
      type: 'string',
      description: fieldText('apps.v1.ControllerRevision.revision'),
      cell: ({ revision }) => revision ?? 0,
    },
    ageColumn,
  ],
});

/** `statefulset.apps/web`. */
function controllerCell(revision: ControllerRevision): string {
  const owner = controllerOf(revision);
  if (!owner) return '<none>';
  const { group } = parseApiVersion(owner.apiVersion);
  return `${owner.kind.toLowerCase()}${group && `.${group}`}/${owner.name}`;
}
