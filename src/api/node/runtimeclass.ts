/** RuntimeClass: by which runtime a pod's containers are run (https://kubernetes.io/docs/concepts/containers/runtime-class/). */

import type { RuntimeClass } from '#api/gen/node-v1.js';
import { duplicate, required } from '#apimachinery/field-error.js';
import { validateImmutable, validateLabels } from '#apimachinery/metadata-validation.js';
import { checkContainerResources } from '../core/pod/validate-resources.js';
import { checkTolerations } from '../core/pod/validate-scheduling.js';
import { checkLabel, each, type FieldErrors } from '../meta/check.js';
import { ageColumn, nameColumn } from '../meta/columns.js';
import { goStruct, goToleration } from '../meta/go-fields.js';
import { deprecatedLabelWarnings } from '../meta/node-labels.js';
import { defineResource } from '../resource.js';

export default defineResource<RuntimeClass>({
  group: 'node.k8s.io',
  versions: ['v1'],
  kind: 'RuntimeClass',
  namespaced: false,
  metadataRepeats: { update: ['whole', 'change'] },
  freeFinalizers: true,
  storageVersionHash: 'WQTu1GL3T2Q=',
  allowCreateOnUpdate: true,
  allowUnconditionalUpdate: false,
  validate: (runtimeClass) => checkClass(runtimeClass),
  validateUpdate: (runtimeClass, old) =>
    validateImmutable('handler', { value: runtimeClass.handler, old: old.handler }),
  warnings: ({ scheduling }) =>
    deprecatedLabelWarnings(Object.keys(scheduling?.nodeSelector ?? {}), () => 'scheduling.nodeSelector'),
  columns: [
    nameColumn,
    {
      name: 'Handler',
      type: 'string',
      cell: ({ handler }) => handler ?? '',
    },
    ageColumn,
  ],
});

function* checkClass({ handler, overhead, scheduling }: RuntimeClass): FieldErrors {
  if (!handler) yield required('handler');
  else yield* checkLabel('handler', handler);
  if (overhead?.podFixed) yield* checkContainerResources('overhead', { limits: overhead.podFixed }, { claimNames: [] });
  if (!scheduling) return;
  yield* validateLabels(scheduling.nodeSelector, 'scheduling.nodeSelector');
  yield* checkTolerations('scheduling.tolerations', scheduling.tolerations);
  const seen = new Set<string>();
  for (const { path, value } of each('scheduling.tolerations', scheduling.tolerations)) {
    const { key, operator, value: text, effect } = value;
    const id = JSON.stringify([key, operator, text, effect].map((part) => part ?? ''));
    if (seen.has(id)) yield duplicate(path, goStruct(goToleration, value));
    seen.add(id);
  }
}
