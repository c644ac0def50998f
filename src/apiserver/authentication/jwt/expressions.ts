/** Compiles the expressions of an AuthenticationConfiguration. */
import type { ExpressionCompiler } from './claims.js';

const refuse = (): never => {
  throw new Error('expressions are not supported yet');
};

export const expressionCompiler: ExpressionCompiler = { claims: refuse, user: refuse };
