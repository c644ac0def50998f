/** What an expression speaks of. */
import type { Expr } from '../syntax/ast.js';
import { childrenOf } from './validate.js';

/** Whether some part is this name. */
export function refersTo(root: Expr, name: string): boolean {
  const seen = new Set<Expr>();
  const found = (expr: Expr): boolean => {
    if (seen.has(expr)) return false;
    seen.add(expr);
    return (expr.kind === 'ident' && expr.name === name) || childrenOf(expr).some(found);
  };
  return found(root);
}
