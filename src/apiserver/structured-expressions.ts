/**
 * What expressions in configuration files of the API server share: they are compiled once, over one variable, and what
 * comes of them is plain JSON or an error. https://kubernetes.io/docs/reference/using-api/cel/
 */
import {
  boolType,
  CelError,
  CompileError,
  compile,
  kubernetesEnvironment,
  List,
  plainValue,
  type StructDeclaration,
  structType,
  type Type,
  type Value,
} from '#apimachinery/cel/index.js';

export interface ExpressionVariable {
  name: string;
  type: Type;
  structs?: (name: string) => StructDeclaration | undefined;
}

/** Throws Error whose message is upstream's for an expression that cannot be compiled. */
export function compileExpression(
  text: string,
  { name, type, structs }: ExpressionVariable,
  { mustBeBool }: { mustBeBool?: 'must evaluate to bool' | 'must evaluate to bool but got' } = {},
): (value: object) => unknown {
  const environment = kubernetesEnvironment().extend({ variables: [[name, type]], structs });
  let program: ReturnType<typeof compile>;
  try {
    program = compile(text, environment);
  } catch (error) {
    throw error instanceof CompileError ? new Error(error.detail, { cause: error }) : error;
  }
  if (mustBeBool && !program.type.equals(boolType))
    throw new Error(mustBeBool.endsWith('got') ? `${mustBeBool} ${program.type}` : mustBeBool);
  return (given) => {
    const value = plainValue(given);
    const { value: result } = program.evaluate((variable) => (variable === name ? value : undefined));
    if (result instanceof CelError) throw new Error(`expression '${text}' resulted in error: ${result.message}`);
    return plainResult(result);
  };
}

/** Values that JSON has no form for come out as an empty object, which nobody takes for a text or a list of them. */
function plainResult(value: Value): unknown {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return value;
  if (value instanceof List)
    return Array.from({ length: value.size }, (_, index) => plainResult(value.at(index) as Value));
  return {};
}

/** A type of named fields, and how it is found by its name. */
export function declareStruct(name: string, fields: Readonly<Record<string, Type>>): [Type, StructDeclaration] {
  const type = structType(name);
  return [type, { type, fieldType: (field) => (Object.hasOwn(fields, field) ? fields[field] : undefined) }];
}
