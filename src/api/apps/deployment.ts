/** Deployment: a declared number of like pods, changed by rolling from one ReplicaSet to the next. */

import type { Deployment, DeploymentSpec, DeploymentStrategy } from '#api/gen/apps-v1.js';
import { forbiddenField, invalidValue, required } from '#apimachinery/field-error.js';
import { validateImmutable } from '#apimachinery/metadata-validation.js';
import { defaultPodTemplate } from '../core/pod/defaults.js';
import { gatedInTemplate } from '../core/pod/gated.js';
import { checkNonNegative, type FieldErrors } from '../meta/check.js';
import { ageColumn, nameColumn, selectorColumn, templateColumns } from '../meta/columns.js';
import { fieldText } from '../meta/field-text.js';
import { checkIntOrPercent, checkNotOver100Percent, isZeroIntOrPercent } from '../meta/int-or-percent.js';
import { defineResource } from '../resource.js';
import { unknownStrategy } from './strategy.js';
import { checkCollisions, checkCounts, checkParts, checkSelectedTemplate, warnOfNamedTemplate } from './template.js';

export default defineResource<Deployment>({
  group: 'apps',
  versions: ['v1'],
  kind: 'Deployment',
  shortNames: ['deploy'],
  categories: ['all'],
  namespaced: true,
  statusKeeps: ['labels'],
  subresources: {
    scale: { replicas: 'spec.replicas', statusReplicas: 'status.replicas', selector: 'spec.selector' },
    status: true,
  },
  storageVersionHash: '8aSe+NMegvE=',
  bumpsGeneration: ['spec', 'metadata.annotations'],
  default: setDefaults,
  gated: {
    ...gatedInTemplate('spec.template'),
    DeploymentReplicaSetTerminatingReplicas: ['status.terminatingReplicas'],
  },
  validate: ({ spec }) => checkSpec(spec),
  validateUpdate: (deployment, old) =>
    validateImmutable('spec.selector', { value: deployment.spec.selector, old: old.spec.selector }),
  validateStatusUpdate: (deployment, old) => checkStatus(deployment, old),
  warnings: warnOfNamedTemplate,
  columns: [
    nameColumn,
    {
      name: 'Ready',
      type: 'string',
      description: 'Number of the pod with ready state',
      cell: ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 0}`,
    },
    {
      name: 'Up-to-date',
      type: 'string',
      description: fieldText('apps.v1.DeploymentStatus.updatedReplicas'),
      cell: ({ status }) => status?.updatedReplicas ?? 0,
    },
    {
      name: 'Available',
      type: 'string',
      description: fieldText('apps.v1.DeploymentStatus.availableReplicas'),
      cell: ({ status }) => status?.availableReplicas ?? 0,
    },
    ageColumn,
    ...templateColumns,
    { ...selectorColumn, description: fieldText('apps.v1.DeploymentSpec.selector') },
  ],
});

function setDefaults(deployment: Deployment): void {
  deployment.spec ??= {} as DeploymentSpec;
  const { spec } = deployment;
  spec.replicas ??= 1;
  spec.strategy ??= {};
  spec.strategy.type ||= 'RollingUpdate';
  if (spec.strategy.type === 'RollingUpdate') {
    spec.strategy.rollingUpdate ??= {};
    spec.strategy.rollingUpdate.maxUnavailable ??= '25%';
    spec.strategy.rollingUpdate.maxSurge ??= '25%';
  }
  spec.revisionHistoryLimit ??= 10;
  spec.progressDeadlineSeconds ??= 600;
  spec.template ??= {};
  defaultPodTemplate(spec.template);
}

function* checkSpec(spec: DeploymentSpec): FieldErrors {
  yield* checkNonNegative('spec.replicas', spec.replicas);
  yield* checkSelectedTemplate('spec', spec, { emptyFor: 'deployment', owner: 'ReplicaSet' });
  yield* checkStrategy('spec.strategy', spec.strategy ?? {});
  yield* checkNonNegative('spec.minReadySeconds', spec.minReadySeconds);
  yield* checkNonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit);
  yield* checkNonNegative('spec.progressDeadlineSeconds', spec.progressDeadlineSeconds);
  const { progressDeadlineSeconds: deadline, minReadySeconds = 0 } = spec;
  if (deadline !== undefined && deadline <= minReadySeconds)
    yield invalidValue('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds');
}

function* checkStrategy(path: string, strategy: DeploymentStrategy): FieldErrors {
  const at = `${path}.rollingUpdate`;
  const { type, rollingUpdate } = strategy;
  if (type === 'Recreate') {
    if (rollingUpdate) yield forbiddenField(at, "may not be specified when strategy `type` is 'Recreate'");
  } else if (type !== 'RollingUpdate') yield unknownStrategy(path, strategy, ['Recreate', 'RollingUpdate']);
  else if (!rollingUpdate) yield required(at, 'this should be defaulted and never be nil');
  else {
    const { maxUnavailable, maxSurge } = rollingUpdate;
    yield* checkIntOrPercent(`${at}.maxUnavailable`, maxUnavailable);
    yield* checkIntOrPercent(`${at}.maxSurge`, maxSurge);
    if (isZeroIntOrPercent(maxUnavailable) && isZeroIntOrPercent(maxSurge))
      yield invalidValue(`${at}.maxUnavailable`, maxUnavailable, 'may not be 0 when `maxSurge` is 0');
    yield* checkNotOver100Percent(`${at}.maxUnavailable`, maxUnavailable);
  }
}

function* checkStatus(deployment: Deployment, old: Deployment): FieldErrors {
  const { status = {} } = deployment;
  const parts = ['updatedReplicas', 'readyReplicas', 'availableReplicas'];
  yield* checkCounts(status, ['observedGeneration', 'replicas', ...parts, 'unavailableReplicas', 'collisionCount']);
  yield* checkCounts(status, ['terminatingReplicas']);
  yield* checkParts(status, parts);
  yield* checkCollisions(deployment, old);
}
