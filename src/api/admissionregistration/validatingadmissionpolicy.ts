/** ValidatingAdmissionPolicy: conditions, in CEL, that requests must meet where a binding says so. */
import type {
  AuditAnnotation,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicySpec,
  Validation,
} from '#api/gen/admissionregistration-v1.js';
import { validateConditions } from '#apimachinery/condition-validation.js';
import { duplicate, invalidValue, required } from '#apimachinery/field-error.js';
import { checkEnum, checkOptionalEnum, checkQualifiedName, each, type FieldErrors } from '../meta/check.js';
import { ageColumn, nameColumn } from '../meta/columns.js';
import { defineResource } from '../resource.js';
import { paramKindColumn } from './columns.js';
import { checkExpression, type ExpressionRules, loadExpressions } from './expressions.js';
import {
  checkMatchConditions,
  checkMatchConstraints,
  checkParamKind,
  checkVariables,
  defaultMatchResources,
  failurePolicies,
  group,
} from './rules.js';

const auditAnnotationsMax = 20;
const valueExpressionBytesMax = 5 * 1024;
const reasons = ['Forbidden', 'Invalid', 'RequestEntityTooLarge'];

export default defineResource<ValidatingAdmissionPolicy>({
  group,
  versions: ['v1'],
  kind: 'ValidatingAdmissionPolicy',
  categories: ['api-extensions'],
  namespaced: false,
  metadataRepeats: { update: ['whole'], status: [] },
  freeFinalizers: true,
  subresources: { status: true },
  statusKeeps: 'settled',
  storageVersionHash: '6OxvlMmQ6is=',
  bumpsGeneration: ['spec'],
  allowUnconditionalUpdate: false,
  default(policy) {
    policy.spec ??= {};
    policy.spec.failurePolicy ??= 'Fail';
    defaultMatchResources(policy.spec.matchConstraints);
  },
  load: loadExpressions,
  validate: ({ metadata, spec }) => checkSpec(spec ?? {}, metadata.name ?? ''),
  validateStatusUpdate: (policy) => checkStatus(policy),
  columns: [
    nameColumn,
    {
      name: 'Validations',
      type: 'integer',
      description: 'Validations indicates the number of validation rules defined in this configuration',
      cell: ({ spec }) => spec?.validations?.length ?? 0,
    },
    paramKindColumn,
    ageColumn,
  ],
});

function* checkSpec(spec: ValidatingAdmissionPolicySpec, name: string): FieldErrors {
  const { paramKind, variables = [], validations = [], auditAnnotations = [] } = spec;
  const hasParams = paramKind !== undefined;
  yield* checkEnum('spec.failurePolicy', spec.failurePolicy, failurePolicies);
  if (paramKind) yield* checkParamKind('spec.paramKind', paramKind);
  yield* checkMatchConstraints('spec.matchConstraints', spec.matchConstraints);
  yield* checkMatchConditions('spec.matchConditions', spec.matchConditions, { hasParams });
  yield* checkVariables('spec.variables', variables, { hasParams });
  if (validations.length + auditAnnotations.length === 0) {
    const why = 'validations or auditAnnotations must contain at least one item';
    yield required('spec.validations', why);
    yield required('spec.auditAnnotations', why);
    return;
  }
  const scope = { hasParams, variables };
  for (const one of each('spec.validations', validations)) yield* checkValidation(one.path, one.value, scope);
  if (auditAnnotations.length > auditAnnotationsMax) {
    const why = `must not have more than ${auditAnnotationsMax} auditAnnotations`;
    yield invalidValue('spec.auditAnnotations', auditAnnotations, why);
  }
  const keys = new Set<string>();
  for (const { path, value } of each('spec.auditAnnotations', auditAnnotations)) {
    yield* checkAuditAnnotation(path, value, { ...scope, name });
    if (keys.has(value.key)) yield duplicate(`${path}.key`, value.key);
    keys.add(value.key);
  }
}

type Scope = Pick<ExpressionRules, 'hasParams' | 'variables'>;

function* checkValidation(path: string, validation: Validation, scope: Scope): FieldErrors {
  const { expression = '', messageExpression = '', message = '', reason } = validation;
  if (expression.trim() === '') yield required(`${path}.expression`, 'expression is not specified');
  else yield* checkExpression(`${path}.expression`, expression, { ...scope, gives: 'bool', hasAuthorizer: true });
  if (messageExpression !== '' && messageExpression.trim() === '')
    yield invalidValue(`${path}.messageExpression`, messageExpression, 'must be non-empty if specified');
  else if (messageExpression !== '') {
    const rules = { ...scope, gives: 'string', hasAuthorizer: false } as const;
    yield* checkExpression(`${path}.messageExpression`, messageExpression, rules);
  }
  if (message !== '' && message.trim() === '')
    yield invalidValue(`${path}.message`, message, 'must be non-empty if specified');
  else if (/[\n\r]/.test(message.trim()))
    yield invalidValue(`${path}.message`, message, 'must not contain line breaks');
  yield* checkOptionalEnum(`${path}.reason`, reason, reasons);
}

function* checkAuditAnnotation(
  path: string,
  { key = '', valueExpression = '' }: AuditAnnotation,
  { name, ...scope }: Scope & { name: string },
): FieldErrors {
  if (name === '') yield invalidValue(`${path}.key`, key, 'requires metadata.name be non-empty');
  else yield* checkQualifiedName(`${path}.key`, `${name}/${key}`);
  const at = `${path}.valueExpression`;
  const trimmed = valueExpression.trim();
  if (trimmed === '') yield required(at, 'valueExpression is not specified');
  else if (Buffer.byteLength(trimmed) > valueExpressionBytesMax)
    yield required(at, `must not exceed ${valueExpressionBytesMax} bytes in length`);
  else yield* checkExpression(at, trimmed, { ...scope, gives: 'string or null', hasAuthorizer: true });
}

function* checkStatus({ status }: ValidatingAdmissionPolicy): FieldErrors {
  const warnings = status?.typeChecking?.expressionWarnings;
  for (const { path, value } of each('status.typeChecking.expressionWarnings', warnings)) {
    if (!value.warning) yield required(`${path}.warning`);
    if (!value.fieldRef?.trim()) yield required(`${path}.fieldRef`);
  }
  yield* validateConditions(status?.conditions, 'status.conditions');
}
