/** The expressions of one MutatingAdmissionPolicy, and what they make of an object. Loaded when there is a policy. */
import type { MutatingAdmissionPolicy, Mutation } from '#api/gen/admissionregistration-v1.js';
import { rulesAt } from '#api/versions.js';
import {
  costBudget,
  type List,
  type Result,
  StructValue,
  typeNameProblems,
  type Value,
} from '#apimachinery/cel/index.js';
import { type DecodeTarget, decodeValue } from '#apimachinery/decode.js';
import { internalError, StatusError } from '#apimachinery/errors.js';
import { ConfigurationProblem, mergeConfiguration } from '#apimachinery/managed-fields/merge-configuration.js';
import { formatApiVersion, type KubeObject } from '#apimachinery/object.js';
import { applyJsonPatch, isFailedTest, type JsonObject } from '#apimachinery/patch.js';
import type { SchemaTable } from '#apimachinery/schema.js';
import type { Json } from '#base/json.js';
import { Activation, type Subject } from '../expression/activation.js';
import { ExpressionCompiler } from '../expression/compile.js';
import { compileConditions, evaluate, type Matched, matchAll } from '../expression/conditions.js';
import { jsonOf } from '../expression/json.js';

/** What a mutation could not do; its policy's failurePolicy says what follows. */
export class MutationError extends Error {
  override readonly name = 'MutationError';
}

export type Mutate = (object: KubeObject, subject: Omit<Subject, 'variables'>) => Promise<KubeObject>;

export interface CompiledMutatingPolicy {
  match(subject: Omit<Subject, 'variables'>): Promise<Matched>;
  /** In order; each throws MutationError. */
  mutations: readonly Mutate[];
}

export function compileMutatingPolicy(
  { spec = {} }: MutatingAdmissionPolicy,
  { schemas }: { schemas: SchemaTable },
): CompiledMutatingPolicy {
  const { variables = [], matchConditions = [], mutations = [] } = spec;
  const hasParams = spec.paramKind !== undefined;
  const compiler = new ExpressionCompiler({ hasParams, variables });
  const conditions = compileConditions(matchConditions, compiler);
  const failsOpen = spec.failurePolicy === 'Ignore';
  return {
    match: async (subject) =>
      conditions.length === 0
        ? { matches: true }
        : matchAll(conditions, { ...subject, variables: compiler.variables }, { failsOpen }),
    mutations: mutations.map((mutation) => compileMutation(mutation, compiler, schemas)),
  };
}

function compileMutation(mutation: Mutation, compiler: ExpressionCompiler, schemas: SchemaTable): Mutate {
  const { variables } = compiler;
  const isPatch = mutation.patchType === 'JSONPatch';
  const expression = (isPatch ? mutation.jsonPatch?.expression : mutation.applyConfiguration?.expression) ?? '';
  const compiled = compiler.compile(expression, isPatch ? 'JSON patch' : 'apply configuration');
  const use = isPatch ? usePatch : useConfiguration;
  return async (object, subject) => {
    if (!compiled.program) throw new MutationError(compiled.problem);
    const seen = { ...subject.seen, object };
    const activation = new Activation({ ...subject, seen, variables }, costBudget);
    const { value, problem } = await evaluate({ expression, compiled }, activation);
    if (problem !== undefined) throw new MutationError(problem);
    const { shape } = rulesAt(subject.request.resource, seen.kind.version);
    return use(object, value as Value, { table: schemas, kind: seen.kind, shape });
  };
}

function decoded(value: unknown, target: DecodeTarget): KubeObject {
  const { object } = decodeValue(value, target);
  object.metadata ??= {};
  object.apiVersion = formatApiVersion(target.kind);
  return object;
}

function usePatch(object: KubeObject, value: Value, target: DecodeTarget): KubeObject {
  let after: unknown;
  try {
    after = applyJsonPatch(object as unknown as Json, [...(value as List)].map(operationOf));
  } catch (error) {
    if (isFailedTest(error)) return object;
    if (!(error instanceof StatusError)) throw error;
    const { message, cause } = error;
    throw new MutationError(`JSON Patch: ${cause instanceof Error ? cause.message : message}`, { cause: error });
  }
  try {
    return decoded(after, { ...target, fieldValidation: target.shape ? 'Ignore' : 'Strict' });
  } catch (error) {
    // Whatever the failurePolicy says: the policy did what it wanted, and nothing came of it.
    throw internalError((error as Error).message, { cause: error });
  }
}

function operationOf(operation: Result): unknown {
  if (!(operation instanceof StructValue))
    throw new MutationError('type mismatch: JSONPatchType.expression should evaluate to array of JSONPatch');
  const added = operation.fields.get('value');
  // A part of an object begins at whatever its type says.
  if (added instanceof StructValue) checkTypeNames(added);
  return jsonOf(operation);
}

function useConfiguration(object: KubeObject, value: Value, target: DecodeTarget): KubeObject {
  checkTypeNames(value as StructValue);
  const { apiVersion, kind } = object;
  const applied = { ...(jsonOf(value) as JsonObject), apiVersion, kind };
  const { table, shape } = target;
  try {
    const schema = { table, type: table.kind(target.kind), model: shape?.model };
    return decoded(mergeConfiguration(object as unknown as JsonObject, applied, schema), target);
  } catch (error) {
    if (error instanceof ConfigurationProblem)
      throw new MutationError(`error applying patch: ${error.message}`, { cause: error });
    if (error instanceof StatusError) throw new MutationError(error.message, { cause: error });
    throw error;
  }
}

function checkTypeNames(value: StructValue): void {
  const problems = typeNameProblems(value, [value.struct.name]);
  if (problems.length > 0) throw new MutationError(`type mismatch: ${problems.join('\n')}`);
}
