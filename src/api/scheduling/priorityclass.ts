/** PriorityClass: a name for a pod priority. */

import type { PriorityClass } from '#api/gen/scheduling-v1.js';
import { type FieldError, forbiddenField } from '#apimachinery/field-error.js';
import { validateImmutable } from '#apimachinery/metadata-validation.js';
import { checkOptionalEnum, type FieldErrors } from '../meta/check.js';
import { ageColumn, nameColumn } from '../meta/columns.js';
import { fieldText } from '../meta/field-text.js';
import { defineResource } from '../resource.js';

const userValueMax = 1_000_000_000;
const systemPrefix = 'system-';

/** What every cluster has; nobody else may use their names. */
export const systemPriorities: Readonly<Record<string, number>> = {
  'system-node-critical': 2_000_001_000,
  'system-cluster-critical': 2_000_000_000,
};

export default defineResource<PriorityClass>({
  group: 'scheduling.k8s.io',
  versions: ['v1'],
  kind: 'PriorityClass',
  plural: 'priorityclasses',
  shortNames: ['pc'],
  namespaced: false,
  storageVersionHash: '1QwjyaZjj3Y=',
  bumpsGeneration: [],
  default(priorityClass) {
    priorityClass.preemptionPolicy ??= 'PreemptLowerPriority';
  },
  validateCreate: (priorityClass) => checkClass(priorityClass),
  validateUpdate,
  deletion: {
    refuses: (name) => (name in systemPriorities ? 'this is a system priority class and cannot be deleted' : undefined),
  },
  columns: [
    nameColumn,
    {
      name: 'Value',
      type: 'integer',
      description: fieldText('scheduling.v1.PriorityClass.value'),
      cell: ({ value }) => value ?? 0,
    },
    {
      name: 'Global-Default',
      type: 'boolean',
      description: fieldText('scheduling.v1.PriorityClass.globalDefault'),
      cell: ({ globalDefault }) => globalDefault ?? false,
    },
    ageColumn,
    {
      name: 'PreemptionPolicy',
      type: 'string',
      description: fieldText('scheduling.v1.PriorityClass.preemptionPolicy'),
      cell: ({ preemptionPolicy }) => preemptionPolicy ?? '',
    },
  ],
});

function* checkClass(priorityClass: PriorityClass): FieldErrors {
  const { metadata, value = 0, preemptionPolicy } = priorityClass;
  const name = metadata.name ?? '';
  if (name.startsWith(systemPrefix)) {
    const problem = systemProblem(priorityClass, name);
    const reserved = `priority class names with '${systemPrefix}' prefix are reserved for system use only. error:`;
    if (problem) yield forbiddenField('metadata.name', `${reserved} ${problem}`);
  } else if (value > userValueMax)
    yield forbiddenField('value', `maximum allowed value of a user defined priority is ${userValueMax}`);
  yield* checkOptionalEnum('preemptionPolicy', preemptionPolicy, ['PreemptLowerPriority', 'Never']);
}

function systemProblem({ value = 0, globalDefault = false }: PriorityClass, name: string): string | undefined {
  const priority = systemPriorities[name];
  if (priority === undefined) return `${name} is not a known system priority class`;
  if (value !== priority) return `value of ${name} PriorityClass must be ${priority}`;
  return globalDefault ? `globalDefault of ${name} PriorityClass must be false` : undefined;
}

function validateUpdate(priorityClass: PriorityClass, old: PriorityClass): FieldError[] {
  const errors = validateImmutable('preemptionPolicy', {
    value: priorityClass.preemptionPolicy,
    old: old.preemptionPolicy,
  });
  const isChanged = (priorityClass.value ?? 0) !== (old.value ?? 0);
  return isChanged ? [forbiddenField('value', 'may not be changed in an update.'), ...errors] : errors;
}
