/** PodDisruptionBudget: how many of a set of pods may be taken down on purpose at one time. */
import type { PodDisruptionBudget, PodDisruptionBudgetSpec } from '#api/gen/policy-v1.js';
import { validateConditions } from '#apimachinery/condition-validation.js';
import { invalidValue } from '#apimachinery/field-error.js';
import { validateLabelSelector } from '#apimachinery/metadata-validation.js';
import { pathSegmentProblems } from '#apimachinery/names.js';
import { checkNonNegative, checkOptionalEnum, type FieldErrors } from '../meta/check.js';
import { ageColumn, nameColumn } from '../meta/columns.js';
import { checkIntOrPercent, checkNotOver100Percent } from '../meta/int-or-percent.js';
import { defineResource } from '../resource.js';

export default defineResource<PodDisruptionBudget>({
  group: 'policy',
  versions: ['v1'],
  kind: 'PodDisruptionBudget',
  shortNames: ['pdb'],
  namespaced: true,
  metadataRepeats: { update: [], status: [] },
  subresources: { status: true },
  storageVersionHash: 'EVWiDmWqyJw=',
  bumpsGeneration: ['spec'],
  allowUnconditionalUpdate: false,
  validateName: pathSegmentProblems,
  metadataLast: true,
  default(budget) {
    budget.spec ??= {};
  },
  validate: ({ spec }) => checkSpec(spec),
  validateStatusUpdate: (budget) => checkStatus(budget),
  columns: [
    nameColumn,
    {
      name: 'Min Available',
      type: 'string',
      description: 'The minimum number of pods that must be available.',
      cell: ({ spec }) => String(spec?.minAvailable ?? 'N/A'),
    },
    {
      name: 'Max Unavailable',
      type: 'string',
      description: 'The maximum number of pods that may be unavailable.',
      cell: ({ spec }) => String(spec?.maxUnavailable ?? 'N/A'),
    },
    {
      name: 'Allowed Disruptions',
      type: 'integer',
      description: 'Calculated number of pods that may be disrupted at this time.',
      cell: ({ status }) => status?.disruptionsAllowed ?? 0,
    },
    ageColumn,
  ],
});

function* checkSpec(spec: PodDisruptionBudgetSpec): FieldErrors {
  const { minAvailable, maxUnavailable, selector, unhealthyPodEvictionPolicy } = spec;
  if (minAvailable !== undefined && maxUnavailable !== undefined)
    yield invalidValue('spec', goSpec(spec), 'minAvailable and maxUnavailable cannot be both set');
  for (const [path, value] of Object.entries({
    'spec.minAvailable': minAvailable,
    'spec.maxUnavailable': maxUnavailable,
  })) {
    yield* checkIntOrPercent(path, value);
    yield* checkNotOver100Percent(path, value);
  }
  yield* validateLabelSelector(selector, 'spec.selector');
  const policies = ['AlwaysAllow', 'IfHealthyBudget'];
  yield* checkOptionalEnum('spec.unhealthyPodEvictionPolicy', unhealthyPodEvictionPolicy, policies);
}

/** As upstream's own type shows itself, whose fields have Go's names. */
function goSpec({ minAvailable, selector, maxUnavailable, unhealthyPodEvictionPolicy }: PodDisruptionBudgetSpec) {
  return {
    MinAvailable: minAvailable,
    Selector: selector ?? null,
    MaxUnavailable: maxUnavailable,
    UnhealthyPodEvictionPolicy: unhealthyPodEvictionPolicy ?? null,
  };
}

function* checkStatus({ status }: PodDisruptionBudget): FieldErrors {
  if (!status) return;
  for (const field of ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'] as const)
    yield* checkNonNegative(`status.${field}`, status[field]);
  yield* validateConditions(status.conditions, 'status.conditions');
}
