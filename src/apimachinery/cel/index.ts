/**
 * The Common Expression Language as Kubernetes uses it, in rules of CustomResourceDefinitions and in policies.
 * https://kubernetes.io/docs/reference/using-api/cel/
 *
 * Load this room when the first expression appears, with `await import(...)`: nothing at start-up needs it.
 *
 *     const self = declareType(schema, { name: 'selfType', isRoot: true });
 *     const environment = kubernetesEnvironment().extend({ variables: [['self', self.type]], structs: structsOf(self) });
 *     const program = compile('self.spec.replicas <= 5', environment, [boolType]); // or throws a CompileError
 *     const cost = estimateCost(program.root, sizesOf(self)).max;
 *     const read = resourceReaderOf(schema);
 *     const { value, cost } = program.evaluate((name) => (name === 'self' ? read(object) : undefined), { costMax });
 *     if (value instanceof CelError) ... // value.message is upstream's
 */
export { refersTo } from './check/references.js';
export { estimateCost } from './cost/estimate.js';
export type { Range, SizeFinder } from './cost/range.js';
export { type FunctionDeclaration, type Library, member, type Overload, overload } from './declarations.js';
export { Environment, type EnvironmentExtension, type StructDeclaration, type StructFinder } from './environment.js';
export type { Variables } from './evaluate/frame.js';
export { kubernetesEnvironment } from './kubernetes.js';
export {
  type AuthorizationDecision,
  type AuthorizationQuery,
  type AuthorizationUser,
  type Authorize,
  authorizerValues,
  type ResourceToCheck,
} from './library/authorizer.js';
export { quantityValue } from './library/quantity.js';
export { semverValue } from './library/semver.js';
export { type PolicyEnvironmentOptions, policyEnvironment, variableType } from './policy/environment.js';
export { jsonPatchType, objectType, StructValue, typeNameProblems } from './policy/patch-types.js';
export { namespaceType, requestType } from './policy/request-types.js';
export {
  CompileError,
  compile,
  costBudget,
  type EvaluateOptions,
  type Evaluation,
  evaluateAsync,
  matchConditionsCostBudget,
  Program,
  perCallCostMax,
} from './program.js';
export { cardinalityMax, type DeclaredType, declareType, sizesOf, structsOf } from './schema/declare.js';
export { escapeName, unescapeName } from './schema/escape.js';
export { plainValue, type Reader, readerOf, resourceReaderOf } from './schema/json-values.js';
export * from './types.js';
export {
  ArrayList,
  CelError,
  CelMap,
  Double,
  Duration,
  EntryMap,
  List,
  Opaque,
  Optional,
  type Result,
  Timestamp,
  Uint,
  type Value,
} from './values.js';
