/** What the rules of the grammar have in common: counting how deep they are nested, macros, and going on after mistakes. */
import { type Expr, literal } from './ast.js';
import type { Token, TokenKind } from './lexer.js';
import { expandMacro, MacroError } from './macros.js';
import { ParseAbort, SyntaxFailure, type TokenStream } from './token-stream.js';

/** How often one rule of the grammar may be open within itself. */
const depthMax = 250;

export type Rule = 'expr' | 'relation' | 'calc' | 'member';

export abstract class GrammarRules {
  protected readonly tokens: TokenStream;
  readonly #depth: Record<Rule, number> = { expr: 0, relation: 0, calc: 0, member: 0 };

  constructor(tokens: TokenStream) {
    this.tokens = tokens;
  }

  protected callOrMacro(offset: number, name: string, target: Expr | undefined, args: Expr[]): Expr {
    try {
      return expandMacro({ offset, name, target, args }) ?? { kind: 'call', offset, target, name, args };
    } catch (error) {
      if (!(error instanceof MacroError)) throw error;
      this.tokens.issues.add(error.offset, error.message);
      return literal(offset, '<<error>>');
    }
  }
  /** An operand, and what may follow it again and again; every round counts as one level of nesting. */
  protected chain(rule: Rule, operand: () => Expr, follow: (left: Expr) => Expr | undefined): Expr {
    const depth = this.#depth[rule];
    try {
      this.#enter(rule);
      let left = operand();
      for (let next = follow(left); next; next = follow(left)) {
        this.#enter(rule);
        left = next;
      }
      return left;
    } finally {
      this.#depth[rule] = depth;
    }
  }
  protected nested<T>(rule: Rule, parse: () => T): T {
    this.#enter(rule);
    const value = parse();
    this.#depth[rule]--;
    return value;
  }
  #enter(rule: Rule): void {
    if (++this.#depth[rule] <= depthMax) return;
    this.tokens.issues.add(undefined, `expression recursion limit exceeded: ${depthMax}`);
    throw new ParseAbort();
  }
  protected recovered(error: unknown, start: Token): Expr {
    if (!(error instanceof SyntaxFailure)) throw error;
    this.tokens.recover();
    return literal(start.offset, '<<error>>');
  }
  /** False where the item went wrong, and what follows it was skipped as far as needed. */
  protected recoverable(item: () => void, also: readonly TokenKind[] = []): boolean {
    try {
      item();
      return true;
    } catch (error) {
      if (!(error instanceof SyntaxFailure)) throw error;
      this.tokens.recover(also);
      return false;
    }
  }
}
