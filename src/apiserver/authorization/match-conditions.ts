/** Compiles the match conditions of an AuthorizationConfiguration: expressions over `request`, the review's spec. */
import type { SubjectAccessReviewSpec } from '#api/gen/authorization-v1.js';
import { listType, mapType, type StructDeclaration, stringType, type Type } from '#apimachinery/cel/index.js';
import { compileExpression, declareStruct, type ExpressionVariable } from '../structured-expressions.js';
import type { MatchCondition } from './webhook.js';

const structs = new Map<string, StructDeclaration>();

function struct(name: string, fields: Record<string, Type>): Type {
  const [type, declaration] = declareStruct(`kubernetes.${name}`, fields);
  structs.set(type.name, declaration);
  return type;
}

const texts = listType(stringType);
const requirement = struct('SelectorRequirement', { key: stringType, operator: stringType, values: texts });
const selector = { rawSelector: stringType, requirements: listType(requirement) };

const request: ExpressionVariable = {
  name: 'request',
  type: struct('SubjectAccessReviewSpec', {
    resourceAttributes: struct('ResourceAttributes', {
      namespace: stringType,
      verb: stringType,
      group: stringType,
      version: stringType,
      resource: stringType,
      subresource: stringType,
      name: stringType,
      fieldSelector: struct('FieldSelectorAttributes', selector),
      labelSelector: struct('LabelSelectorAttributes', selector),
    }),
    nonResourceAttributes: struct('NonResourceAttributes', { path: stringType, verb: stringType }),
    user: stringType,
    groups: texts,
    extra: mapType(stringType, texts),
    uid: stringType,
  }),
  structs: (name) => structs.get(name),
};

/** Throws Error that says why the expression does not compile. */
export function compileMatchCondition(expression: string): MatchCondition {
  const evaluate = compileExpression(expression, request, { mustBeBool: 'must evaluate to bool but got' });
  return (spec) => {
    try {
      return evaluate(wholeOf(spec)) === true;
    } catch (error) {
      throw new Error(`cel evaluation error: ${(error as Error).message}`, { cause: error });
    }
  };
}

/** With the empty texts that the review leaves out: an expression may name them. */
function wholeOf({ user = '', groups = [], uid = '', extra = {}, ...target }: SubjectAccessReviewSpec): object {
  const { resourceAttributes, nonResourceAttributes } = target;
  const empty = { namespace: '', verb: '', group: '', version: '', resource: '', subresource: '', name: '' };
  return {
    user,
    groups,
    uid,
    extra,
    ...(resourceAttributes && { resourceAttributes: { ...empty, ...withoutUndefined(resourceAttributes) } }),
    ...(nonResourceAttributes && { nonResourceAttributes }),
  };
}

function withoutUndefined(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
