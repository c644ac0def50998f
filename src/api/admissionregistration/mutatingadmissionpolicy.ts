/** MutatingAdmissionPolicy: changes, in CEL, that are made to objects where a binding says so. */
import type {
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicySpec,
  Mutation,
} from '#api/gen/admissionregistration-v1.js';
import { invalidValue, notSupported, required } from '#apimachinery/field-error.js';
import { checkEnum, each, type FieldErrors } from '../meta/check.js';
import { ageColumn, nameColumn } from '../meta/columns.js';
import { defineResource } from '../resource.js';
import { paramKindColumn } from './columns.js';
import { checkExpression, type ExpressionRules, loadExpressions } from './expressions.js';
import {
  checkMatchConditions,
  checkMatchConstraints,
  checkMutableOperations,
  checkParamKind,
  checkVariables,
  defaultMatchResources,
  failurePolicies,
  group,
} from './rules.js';

export default defineResource<MutatingAdmissionPolicy>({
  group,
  versions: ['v1'],
  kind: 'MutatingAdmissionPolicy',
  categories: ['api-extensions'],
  namespaced: false,
  metadataRepeats: { update: ['whole'] },
  freeFinalizers: true,
  // Upstream keeps it as v1beta1.
  storageVersionHash: 'LYmCf+UMVdg=',
  bumpsGeneration: ['spec'],
  allowUnconditionalUpdate: false,
  default(policy) {
    policy.spec ??= {};
    policy.spec.failurePolicy ??= 'Fail';
    defaultMatchResources(policy.spec.matchConstraints);
  },
  load: loadExpressions,
  validate: ({ spec }) => checkSpec(spec ?? {}),
  columns: [
    nameColumn,
    {
      name: 'Mutations',
      type: 'integer',
      description: 'Mutation indicates the number of mutations rules defined in this configuration',
      cell: ({ spec }) => spec?.mutations?.length ?? 0,
    },
    paramKindColumn,
    ageColumn,
  ],
});

function* checkSpec(spec: MutatingAdmissionPolicySpec): FieldErrors {
  const { paramKind, variables = [], mutations = [] } = spec;
  const hasParams = paramKind !== undefined;
  yield* checkEnum('spec.failurePolicy', spec.failurePolicy, failurePolicies);
  if (paramKind) yield* checkParamKind('spec.paramKind', paramKind);
  yield* checkMatchConstraints('spec.matchConstraints', spec.matchConstraints);
  yield* checkMutableOperations('spec.matchConstraints', spec.matchConstraints);
  yield* checkMatchConditions('spec.matchConditions', spec.matchConditions, { hasParams });
  yield* checkVariables('spec.variables', variables, { hasParams });
  if (mutations.length === 0) yield required('spec.mutations', 'mutations must contain at least one item');
  for (const { path, value } of each('spec.mutations', mutations))
    yield* checkMutation(path, value, { hasParams, variables });
  yield* checkEnum('spec.reinvocationPolicy', spec.reinvocationPolicy, ['IfNeeded', 'Never']);
}

/** The field that holds each sort of patch, and how expressions are told of it. */
const patchFields = {
  ApplyConfiguration: { field: 'applyConfiguration', other: 'jsonPatch', gives: 'apply configuration' },
  JSONPatch: { field: 'jsonPatch', other: 'applyConfiguration', gives: 'JSON patch' },
} as const;

function* checkMutation(
  path: string,
  mutation: Mutation,
  scope: Pick<ExpressionRules, 'hasParams' | 'variables'>,
): FieldErrors {
  const { patchType } = mutation;
  if (!patchType) {
    yield required(`${path}.patchType`);
    return;
  }
  if (patchType !== 'ApplyConfiguration' && patchType !== 'JSONPatch') {
    yield notSupported(`${path}.patchType`, patchType, Object.keys(patchFields));
    return;
  }
  const { field, other, gives } = patchFields[patchType];
  const at = `${path}.${field}.expression`;
  const expression = mutation[field]?.expression ?? '';
  if (!mutation[field]) yield required(`${path}.${field}`, `must be specified when patchType is ${patchType}`);
  else if (expression.trim() === '') yield required(at);
  else yield* checkExpression(at, expression, { ...scope, gives, hasAuthorizer: true });
  if (mutation[other])
    yield invalidValue(`${path}.${other}`, `{${other}}`, `must not be specified when patchType is ${patchType}`);
}
