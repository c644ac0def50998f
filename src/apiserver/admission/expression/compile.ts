/** Compiles the expressions of one policy or webhook, each of which may name the variables that are declared before it. */
import {
  boolType,
  CompileError,
  compile,
  dynType,
  jsonPatchType,
  listType,
  nullType,
  objectType,
  type PolicyEnvironmentOptions,
  type Program,
  policyEnvironment,
  stringType,
  type Type,
  variableType,
} from '#apimachinery/cel/index.js';

/** The sort of result that is wanted. */
export type Wanted = 'bool' | 'string' | 'string or null' | 'anything' | 'apply configuration' | 'JSON patch';

export type Compiled =
  | { program: Program; problem?: undefined }
  /** What is wrong with it, in upstream's words. */
  | { program?: undefined; problem: string };

const results: Readonly<Record<Wanted, readonly Type[]>> = {
  bool: [boolType],
  string: [stringType],
  'string or null': [stringType, nullType],
  anything: [],
  'apply configuration': [objectType],
  'JSON patch': [listType(jsonPatchType)],
};

export interface NamedExpression {
  name: string;
  expression: string;
}

export interface CompilerOptions extends Pick<PolicyEnvironmentOptions, 'hasParams' | 'object' | 'params'> {
  /** Absent for webhooks, which have no `variables`. */
  variables?: readonly NamedExpression[];
}

export class ExpressionCompiler {
  readonly #options: Omit<CompilerOptions, 'variables'>;
  readonly #types: Map<string, Type> | undefined;
  /** In the order of their declaration. */
  readonly variables = new Map<string, Compiled>();

  constructor({ variables, ...options }: CompilerOptions) {
    this.#options = options;
    this.#types = variables && new Map();
    for (const { name, expression } of variables ?? []) {
      const compiled = this.compile(expression, 'anything');
      this.variables.set(name, compiled);
      this.#types?.set(name, compiled.program ? variableType(compiled.program.type) : dynType);
    }
  }

  compile(expression: string, wanted: Wanted, { hasAuthorizer = true } = {}): Compiled {
    const environment = policyEnvironment({
      ...this.#options,
      hasAuthorizer,
      hasPatchTypes: wanted === 'apply configuration' || wanted === 'JSON patch',
      // Looked up while the expression is compiled: it holds those that are declared before.
      ...(this.#types && { variables: this.#types }),
    });
    try {
      return { program: compile(expression, environment, results[wanted]) };
    } catch (error) {
      if (!(error instanceof CompileError)) throw error;
      return { problem: error.detail };
    }
  }
}
