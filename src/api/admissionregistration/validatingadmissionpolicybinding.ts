/** ValidatingAdmissionPolicyBinding: where a ValidatingAdmissionPolicy applies, and what happens on a failure. */
import type { ValidatingAdmissionPolicyBinding } from '#api/gen/admissionregistration-v1.js';
import { invalidValue, required } from '#apimachinery/field-error.js';
import { checkOptionalEnum, checkUnique, each, type FieldErrors } from '../meta/check.js';
import { defineResource } from '../resource.js';
import { bindingColumns } from './columns.js';
import { checkMatchResources, checkParamRef, checkPolicyName, defaultMatchResources, group } from './rules.js';

const actions = ['Audit', 'Deny', 'Warn'];

export default defineResource<ValidatingAdmissionPolicyBinding>({
  group,
  versions: ['v1'],
  kind: 'ValidatingAdmissionPolicyBinding',
  categories: ['api-extensions'],
  namespaced: false,
  metadataRepeats: { update: ['whole'] },
  freeFinalizers: true,
  storageVersionHash: 'v9715VZqakg=',
  bumpsGeneration: ['spec'],
  allowUnconditionalUpdate: false,
  default: ({ spec }) => defaultMatchResources(spec?.matchResources),
  validate: (binding) => checkSpec(binding),
  columns: bindingColumns,
});

function* checkSpec({ spec }: ValidatingAdmissionPolicyBinding): FieldErrors {
  yield* checkPolicyName('spec.policyName', spec.policyName);
  yield* checkParamRef('spec.paramRef', spec.paramRef);
  if (spec.matchResources) yield* checkMatchResources('spec.matchResources', spec.matchResources);
  yield* checkActions('spec.validationActions', spec.validationActions ?? []);
}

function* checkActions(path: string, chosen: readonly string[]): FieldErrors {
  for (const one of each(path, chosen)) yield* checkOptionalEnum(one.path, one.value, actions);
  yield* checkUnique(path, chosen);
  if (chosen.includes('Deny') && chosen.includes('Warn')) {
    const why =
      'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)';
    yield invalidValue(path, chosen, why);
  }
  if (chosen.length === 0) yield required(path, 'at least one validation action is required');
}
