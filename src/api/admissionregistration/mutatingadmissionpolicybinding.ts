/** MutatingAdmissionPolicyBinding: where a MutatingAdmissionPolicy applies, and with which parameters. */
import type { MutatingAdmissionPolicyBinding } from '#api/gen/admissionregistration-v1.js';
import type { FieldErrors } from '../meta/check.js';
import { defineResource } from '../resource.js';
import { bindingColumns } from './columns.js';
import {
  checkMatchResources,
  checkMutableOperations,
  checkParamRef,
  checkPolicyName,
  defaultMatchResources,
  group,
} from './rules.js';

export default defineResource<MutatingAdmissionPolicyBinding>({
  group,
  versions: ['v1'],
  kind: 'MutatingAdmissionPolicyBinding',
  categories: ['api-extensions'],
  namespaced: false,
  metadataRepeats: { update: ['whole'] },
  freeFinalizers: true,
  // Upstream keeps it as v1beta1.
  storageVersionHash: '90V5FRZZ3Zg=',
  bumpsGeneration: ['spec'],
  allowUnconditionalUpdate: false,
  default: ({ spec }) => defaultMatchResources(spec?.matchResources),
  validate: (binding) => checkSpec(binding),
  columns: bindingColumns,
});

function* checkSpec({ spec = {} }: MutatingAdmissionPolicyBinding): FieldErrors {
  yield* checkPolicyName('spec.policyName', spec.policyName);
  yield* checkParamRef('spec.paramRef', spec.paramRef);
  if (!spec.matchResources) return;
  yield* checkMatchResources('spec.matchResources', spec.matchResources);
  yield* checkMutableOperations('spec.matchResources', spec.matchResources);
}
