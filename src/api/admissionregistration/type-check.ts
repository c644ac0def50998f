/**
 * Checks the expressions of a ValidatingAdmissionPolicy against the types of the objects that it is about. What is found
 * are warnings: a policy is enforced whatever its types.
 * https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/#type-checking
 */
import type { ExpressionWarning, ValidatingAdmissionPolicy } from '#api/gen/admissionregistration-v1.js';
import {
  CompileError,
  compile,
  type DeclaredType,
  declareType,
  dynType,
  type Environment,
  type PolicyEnvironmentOptions,
  policyEnvironment,
  structsOf,
  type Type,
  variableType,
} from '#apimachinery/cel/index.js';
import type { GroupVersionKind } from '#apimachinery/object.js';
import type { Schema } from '#apimachinery/structural/schema.js';
import type { GroupVersionResource } from '../scheme.js';

/** More are not checked. */
export const kindsToCheckMax = 10;

/** By rule. One that has a wildcard says nothing of types. */
export function resourcesToCheck({ spec }: ValidatingAdmissionPolicy): GroupVersionResource[][] {
  return (spec?.matchConstraints?.resourceRules ?? []).map(({ apiGroups, apiVersions, resources }) => {
    const versions = exact(apiVersions);
    // Subresources have other types than what they are part of.
    const plurals = (resources ?? []).filter((resource) => !/[*/]/.test(resource)).sort();
    return exact(apiGroups).flatMap((group) =>
      versions.flatMap((version) => plurals.map((resource) => ({ group, version, resource }))),
    );
  });
}

function exact(names: readonly string[] = []): string[] {
  return names.some((name) => name.includes('*')) ? [] : [...names].sort();
}

export interface KindSchema {
  kind: GroupVersionKind;
  schema: Schema;
}

/** The parameters may be of anything, where nothing is known of their kind. */
export function typeWarnings(
  policy: ValidatingAdmissionPolicy,
  { objects, params }: { objects: readonly KindSchema[]; params: KindSchema | undefined },
): ExpressionWarning[] {
  const declaredParams = params && declare(params);
  const checks = objects.map((object) => ({
    kind: object.kind,
    environment: environmentFor(policy, { object: declare(object), params: declaredParams }),
  }));
  const warnings: ExpressionWarning[] = [];
  const check = (fieldRef: string, expression: string) => {
    const texts = checks.flatMap(({ kind, environment }) => {
      const problem = problemIn(expression, environment);
      const name = `${kind.group}/${kind.version}, Kind=${kind.kind}`;
      return problem === undefined ? [] : [`${name}: ${problem}\n`];
    });
    if (texts.length > 0) warnings.push({ fieldRef, warning: texts.join('\n') });
  };
  for (const [index, { expression, messageExpression }] of (policy.spec?.validations ?? []).entries()) {
    check(`spec.validations[${index}].expression`, expression);
    if (messageExpression) check(`spec.validations[${index}].messageExpression`, messageExpression);
  }
  return warnings;
}

function declare({ kind, schema }: KindSchema): DeclaredType | undefined {
  return declareType(schema, { name: kind.kind, isRoot: true });
}

function environmentFor(
  { spec }: ValidatingAdmissionPolicy,
  { object, params }: { object: DeclaredType | undefined; params: DeclaredType | undefined },
): Environment {
  const structs = structsOf(...[object, params].filter((declared) => declared !== undefined));
  const variables = new Map<string, Type>();
  const options: PolicyEnvironmentOptions = {
    hasParams: spec?.paramKind !== undefined,
    hasAuthorizer: true,
    variables,
    ...(object && { object: object.type }),
    ...(params && { params: params.type }),
  };
  const environment = policyEnvironment(options).extend({ structs });
  for (const { name, expression } of spec?.variables ?? [])
    variables.set(name, typeOfVariable(expression, environment));
  return environment;
}

/** One that is wrong may be anything: what is wrong with it is told when the policy is written. */
function typeOfVariable(expression: string, environment: Environment): Type {
  try {
    return variableType(compile(expression, environment).type);
  } catch (error) {
    if (error instanceof CompileError) return dynType;
    throw error;
  }
}

function problemIn(expression: string, environment: Environment): string | undefined {
  try {
    compile(expression, environment);
    return undefined;
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    return error.reason === 'Syntax' || error.reason === 'Check' ? error.message : undefined;
  }
}
