/**
 * Parses an expression; macros are expanded on the way.
 * https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax
 */
import { ParseError } from '../../parse-error.js';
import { call, type Expr, ident, literal, type MapLiteral, operators, type StructLiteral } from './ast.js';
import { GrammarRules, type Rule } from './grammar-rules.js';
import { type Token, type TokenKind, tokenize } from './lexer.js';
import { literalValue } from './literal.js';
import { codePointCount, type SourceIssues } from './source.js';
import { expressionStart, ParseAbort, SyntaxFailure, TokenStream } from './token-stream.js';

/** Longer expressions are refused. */
const codePointsMax = 100_000;
const memberStart: readonly TokenKind[] = ["'.'", "'['"];

const reservedNames = new Set([
  ...['as', 'break', 'const', 'continue', 'else', 'false', 'for', 'function', 'if', 'import', 'in', 'let', 'loop'],
  ...['package', 'namespace', 'null', 'return', 'true', 'var', 'void', 'while'],
]);

const relations: Partial<Record<TokenKind, string>> = {
  "'<'": operators.less,
  "'<='": operators.lessEquals,
  "'>='": operators.greaterEquals,
  "'>'": operators.greater,
  "'=='": operators.equals,
  "'!='": operators.notEquals,
  "'in'": operators.in,
};
const sums: Partial<Record<TokenKind, string>> = { "'+'": operators.add, "'-'": operators.subtract };
const products: Partial<Record<TokenKind, string>> = {
  "'*'": operators.multiply,
  "'/'": operators.divide,
  "'%'": operators.modulo,
};

/** The tree, or undefined where complaints were added to `issues`. */
export function parse(source: string, issues: SourceIssues): Expr | undefined {
  const size = codePointCount(source);
  if (size > codePointsMax) {
    const limit = `size: ${size}, limit ${codePointsMax}`;
    issues.add(undefined, `expression code point size exceeds limit: ${limit}`);
    return undefined;
  }
  try {
    const expr = new Parser(new TokenStream(source, tokenize(source, issues), issues)).parse();
    return issues.count === 0 ? expr : undefined;
  } catch (error) {
    if (error instanceof ParseAbort) return undefined;
    throw error;
  }
}

class Parser extends GrammarRules {
  parse(): Expr {
    const expr = this.#expr();
    try {
      this.tokens.expect('<EOF>', 'none');
    } catch (error) {
      if (!(error instanceof SyntaxFailure)) throw error;
    }
    return expr;
  }

  #expr(): Expr {
    return this.nested('expr', () => {
      const condition = this.#logical("'||'", operators.or);
      const question = this.tokens.takeIf("'?'");
      if (!question) return condition;
      const yes = this.tokens.within(["':'"], () => this.#logical("'||'", operators.or));
      try {
        this.tokens.expect("':'", 'expression');
      } catch (error) {
        return this.recovered(error, question);
      }
      return call(question.offset, operators.conditional, [condition, yes, this.#expr()]);
    });
  }

  /** A chain of `||` or `&&`, as a balanced tree, so that a long chain is not a deep tree. */
  #logical(kind: "'||'" | "'&&'", operator: string): Expr {
    const operand = () => (kind === "'||'" ? this.#logical("'&&'", operators.and) : this.#relation());
    const terms = [operand()];
    const offsets: number[] = [];
    for (let sign = this.tokens.takeIf(kind); sign; sign = this.tokens.takeIf(kind)) {
      offsets.push(sign.offset);
      terms.push(operand());
    }
    const balance = (low: number, high: number): Expr => {
      if (low > high) return terms[low]!;
      const middle = Math.floor((low + high + 1) / 2);
      return call(offsets[middle]!, operator, [balance(low, middle - 1), balance(middle + 1, high)]);
    };
    return balance(0, offsets.length - 1);
  }

  #relation(): Expr {
    return this.#leftAssociative('relation', relations, () => this.#calc());
  }

  #calc(): Expr {
    return this.#leftAssociative('calc', sums, () => this.#leftAssociative('calc', products, () => this.#unary()));
  }

  #leftAssociative(rule: Rule, kinds: Partial<Record<TokenKind, string>>, operand: () => Expr): Expr {
    return this.chain(rule, operand, (left) => {
      const operator = kinds[this.tokens.peek().kind];
      if (!operator) return undefined;
      const sign = this.tokens.take();
      return call(sign.offset, operator, [left, operand()]);
    });
  }

  #unary(): Expr {
    const start = this.tokens.peek();
    try {
      this.tokens.sync(expressionStart);
      if (this.tokens.is("'!'")) return this.#negation();
      if (this.tokens.is("'-'") && !this.#isSignOfLiteral()) return this.#negative();
      return this.#member();
    } catch (error) {
      return this.recovered(error, start);
    }
  }

  #isSignOfLiteral(): boolean {
    return ['NUM_INT', 'NUM_FLOAT'].includes(this.tokens.peek(1).kind);
  }

  /** `!!x` is x. */
  #negation(): Expr {
    const { offset } = this.tokens.peek();
    let count = 0;
    for (; this.tokens.takeIf("'!'"); count++) {}
    this.tokens.skipSuperfluous(expressionStart);
    const next = this.tokens.peek();
    if (next.kind === "'-'" && !this.#isSignOfLiteral())
      throw this.tokens.noViableAlternative(next, this.tokens.peek(1));
    return this.#repeated(operators.not, offset, count);
  }

  /** `---x` is `-x`. */
  #negative(): Expr {
    const { offset } = this.tokens.peek();
    let count = 0;
    for (; this.tokens.is("'-'"); count++) {
      const next = this.tokens.peek(1);
      if (!expressionStart.includes(next.kind) || next.kind === "'!'")
        throw this.tokens.noViableAlternative(this.tokens.peek(), next);
      this.tokens.take();
    }
    return this.#repeated(operators.negate, offset, count);
  }

  /** Applied an even number of times, a sign is as none. */
  #repeated(operator: string, offset: number, count: number): Expr {
    const operand = this.#member();
    return count % 2 === 0 ? operand : this.callOrMacro(offset, operator, undefined, [operand]);
  }

  #member(): Expr {
    return this.chain(
      'member',
      () => this.#primary(),
      (operand) => {
        if (this.tokens.is("'.'")) return this.#selection(operand);
        const bracket = this.tokens.takeIf("'['");
        if (!bracket) return undefined;
        this.tokens.sync([...expressionStart, "'?'"]);
        const isOptional = this.tokens.takeIf("'?'") !== undefined;
        const index = this.tokens.within(["']'"], () => this.#expr());
        this.tokens.expect("']'", 'member');
        return call(bracket.offset, isOptional ? operators.optionalIndex : operators.index, [operand, index]);
      },
    );
  }

  #selection(operand: Expr): Expr {
    const dot = this.tokens.peek();
    const after = this.tokens.peek(1);
    if (!["'?'", 'IDENTIFIER', 'ESC_IDENTIFIER'].includes(after.kind))
      throw this.tokens.noViableAlternative(dot, after);
    this.tokens.take();
    const isOptional = this.tokens.takeIf("'?'") !== undefined;
    const name = isOptional ? this.#optionalName() : this.tokens.peek();
    if (!name) return literal(dot.offset, '<<error>>');
    this.tokens.take();
    const open = isOptional || name.kind === 'ESC_IDENTIFIER' ? undefined : this.tokens.takeIf("'('");
    if (open) return this.callOrMacro(open.offset, name.text, operand, this.#arguments());
    const field = this.#fieldName(name);
    if (isOptional) return call(dot.offset, operators.optionalSelect, [operand, literal(name.offset, field)]);
    return { kind: 'select', offset: dot.offset, operand, field, isTest: false };
  }

  /** What must stand behind `.?`. */
  #optionalName(): Token | undefined {
    const isThere = this.recoverable(() => {
      this.tokens.sync(['IDENTIFIER', 'ESC_IDENTIFIER']);
    }, memberStart);
    if (!isThere) this.tokens.issues.add(this.tokens.peek().offset, 'unsupported ident kind');
    return isThere ? this.tokens.peek() : undefined;
  }

  /** What stands between the parentheses of a call, up to the closing one. */
  #arguments(): Expr[] {
    const args: Expr[] = [];
    this.tokens.sync([...expressionStart, "')'"]);
    this.tokens.within(["')'", "','"], () => {
      if (this.tokens.is("')'")) return;
      do args.push(this.#expr());
      while (this.tokens.takeIf("','"));
    });
    this.tokens.expect("')'", 'member');
    return args;
  }

  #primary(): Expr {
    const token = this.tokens.peek();
    switch (token.kind) {
      case "'('": {
        this.tokens.take();
        const expr = this.tokens.within(["')'"], () => this.#expr());
        this.tokens.expect("')'", 'member');
        return expr;
      }
      case "'['":
        return this.#list();
      case "'{'":
        return this.#map();
      case "'.'":
        if (this.tokens.peek(1).kind !== 'IDENTIFIER') return this.#dotWithoutName();
        return this.#name();
      case 'IDENTIFIER':
        return this.#name();
      default:
        return this.#literal();
    }
  }

  /** The dot may still select a field of what is missing before it. */
  #dotWithoutName(): Expr {
    const dot = this.tokens.peek();
    this.recoverable(() => {
      throw this.tokens.noViableAlternative(dot, this.tokens.peek(1));
    }, memberStart);
    return literal(dot.offset, '<<error>>');
  }

  #list(): Expr {
    const { offset } = this.tokens.take();
    const elements: Expr[] = [];
    const optional = new Set<number>();
    this.#items("']'", [...expressionStart, "'?'"], () => {
      if (this.tokens.takeIf("'?'")) optional.add(elements.length);
      elements.push(this.#expr());
    });
    return { kind: 'list', offset, elements, optional };
  }

  #map(): Expr {
    const { offset } = this.tokens.take();
    const entries: MapLiteral['entries'] = [];
    this.#items("'}'", [...expressionStart, "'?'"], () => {
      const isOptional = this.tokens.takeIf("'?'") !== undefined;
      const key = this.tokens.within(["':'"], () => this.#expr());
      const colon = this.tokens.expect("':'", 'expression');
      entries.push({ key, value: this.#expr(), isOptional, offset: colon.offset });
    });
    return { kind: 'map', offset, entries };
  }

  #struct(typeName: string): StructLiteral {
    const { offset } = this.tokens.take();
    const fields: StructLiteral['fields'] = [];
    this.#items("'}'", ["'?'", 'IDENTIFIER', 'ESC_IDENTIFIER'], () => {
      const isOptional = this.tokens.takeIf("'?'") !== undefined;
      this.tokens.sync(['IDENTIFIER', 'ESC_IDENTIFIER']);
      const name = this.#fieldName(this.tokens.take());
      const colon = this.tokens.expect("':'", 'expression');
      fields.push({ name, value: this.#expr(), isOptional, offset: colon.offset });
    });
    return { kind: 'struct', offset, typeName, fields };
  }

  /** Items with commas between them and perhaps one behind, up to `closer`. */
  #items(closer: "']'" | "'}'", start: readonly TokenKind[], item: () => void): void {
    this.tokens.sync([...start, "','", closer]);
    this.tokens.within([closer, "','"], () => {
      while (!this.tokens.is(closer, "','")) {
        if (!this.recoverable(item)) return;
        if (!this.tokens.sync(["','", closer])) break;
        if (!start.includes(this.tokens.peek(1).kind)) break;
        if (!this.tokens.takeIf("','")) break;
      }
    });
    this.tokens.takeIf("','");
    this.tokens.expect(closer, 'member');
  }

  /** A name, a call of a function, or a struct such as `a.b.C{x: 1}`. */
  #name(): Expr {
    const dot = this.tokens.takeIf("'.'");
    const token = this.tokens.peek();
    const typeLength = this.#structNameLength();
    if (typeLength > 0) {
      const parts: string[] = [];
      for (let i = 0; i < typeLength; i++) parts.push(this.tokens.take().text);
      return this.#struct((dot ? '.' : '') + parts.join(''));
    }
    this.tokens.take();
    const name = (dot ? '.' : '') + token.text;
    const open = this.tokens.takeIf("'('");
    const args = open && this.#arguments();
    if (reservedNames.has(token.text)) {
      this.tokens.issues.add((dot ?? token).offset, `reserved identifier: ${token.text}`);
      return literal(token.offset, '<<error>>');
    }
    return open ? this.callOrMacro(open.offset, name, undefined, args!) : ident(token.offset, name);
  }

  /** How many tokens the name of a struct has; 0 where what follows is none. */
  #structNameLength(): number {
    for (let i = 0; this.tokens.peek(i).kind === 'IDENTIFIER'; i += 2) {
      const after = this.tokens.peek(i + 1).kind;
      if (after === "'{'") return i + 1;
      if (after !== "'.'") return 0;
    }
    return 0;
  }

  #fieldName(token: Token): string {
    // The language allows it by now; Kubernetes does not.
    if (token.kind === 'ESC_IDENTIFIER') this.tokens.issues.add(token.offset, "unsupported syntax: '`'");
    return token.text;
  }

  #literal(): Expr {
    const sign = this.tokens.takeIf("'-'");
    const token = this.tokens.take();
    const { offset } = sign ?? token;
    try {
      return literal(offset, literalValue(token, sign !== undefined));
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      this.tokens.issues.add(offset, error.message);
      return literal(offset, '<<error>>');
    }
  }
}
