/**
 * The tokens of an expression while it is parsed, and how the parser complains and carries on after a syntax error:
 * with the words and by the rules of the parser generator that cel-go uses (ANTLR's default error strategy), since
 * its complaints are what authors of CRDs and policies see.
 */
import type { Token, TokenKind } from './lexer.js';
import type { SourceIssues } from './source.js';

/** The order in which alternatives are listed. */
const kindOrder: readonly string[] = [
  ...['<EOF>', "'=='", "'!='", "'in'", "'<'", "'<='", "'>='", "'>'", "'&&'", "'||'", "'['", "']'", "'{'", "'}'"],
  ...["'('", "')'", "'.'", "','", "'-'", "'!'", "'?'", "':'", "'+'", "'*'", "'/'", "'%'", "'true'", "'false'"],
  ...["'null'", 'NUM_FLOAT', 'NUM_INT', 'NUM_UINT', 'STRING', 'BYTES', 'IDENTIFIER', 'ESC_IDENTIFIER'],
];

/** What an expression can begin with. */
export const expressionStart: readonly TokenKind[] = [
  ...(["'['", "'{'", "'('", "'.'", "'-'", "'!'", "'true'", "'false'", "'null'"] as const),
  ...(['NUM_FLOAT', 'NUM_INT', 'NUM_UINT', 'STRING', 'BYTES', 'IDENTIFIER'] as const),
];

/** What can follow a complete operand within an expression. */
const afterOperand: readonly TokenKind[] = [
  ...(["'=='", "'!='", "'in'", "'<'", "'<='", "'>='", "'>'", "'&&'", "'||'"] as const),
  ...(["'?'", "'+'", "'-'", "'*'", "'/'", "'%'"] as const),
];
const afterMember: readonly TokenKind[] = [...afterOperand, "'.'", "'['"];

/** After this many recoveries the text is given up. */
const recoveriesMax = 30;

/** Thrown where a rule cannot go on; the complaint is made already. */
export class SyntaxFailure extends Error {}
/** Thrown where the whole text is given up; the complaint is made already. */
export class ParseAbort extends Error {}

export class TokenStream {
  readonly source: string;
  readonly issues: SourceIssues;
  readonly #tokens: Token[];
  #position = 0;
  /** Set after a complaint until a token fits again, so that one mistake is told once. */
  #isRecovering = false;
  #recoveries = 0;
  /** What ends the constructs that are open, innermost last. */
  readonly #closers: (readonly TokenKind[])[] = [['<EOF>']];

  constructor(source: string, tokens: Token[], issues: SourceIssues) {
    this.source = source;
    this.#tokens = tokens;
    this.issues = issues;
  }

  /** The token that is `ahead` places further on. */
  peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#position + ahead, this.#tokens.length - 1)]!;
  }

  is(...kinds: TokenKind[]): boolean {
    return kinds.includes(this.peek().kind);
  }

  take(): Token {
    const token = this.peek();
    this.#position++;
    this.#isRecovering = false;
    return token;
  }

  takeIf(kind: TokenKind): Token | undefined {
    return this.is(kind) ? this.take() : undefined;
  }

  /** Runs `parse` for a construct that ends at one of `closers`. */
  within<T>(closers: readonly TokenKind[], parse: () => T): T {
    this.#closers.push(closers);
    try {
      return parse();
    } finally {
      this.#closers.pop();
    }
  }

  /** Takes the one token that may come here. A superfluous token is passed over, a missing one is imagined. */
  expect(kind: TokenKind, follow: 'member' | 'expression' | 'none'): Token {
    if (this.is(kind)) return this.take();
    this.#countRecovery();
    if (this.peek(1).kind === kind) {
      this.#complainUnwanted([kind]);
      this.#position++;
      return this.take();
    }
    const next = this.peek();
    const following =
      follow === 'member' ? [...afterMember, ...this.#closers.at(-1)!] : follow === 'expression' ? expressionStart : [];
    if (following.includes(next.kind)) {
      this.#complain(next, `missing ${kind} at '${next.text}'`);
      return { kind, text: '', offset: next.offset };
    }
    throw this.#mismatch([kind]);
  }

  /** Makes sure that one of several tokens is next. False where one superfluous token was passed over. */
  sync(kinds: readonly TokenKind[]): boolean {
    if (kinds.includes(this.peek().kind)) return true;
    if (!kinds.includes(this.peek(1).kind)) throw this.#mismatch(kinds);
    this.#countRecovery();
    this.#complainUnwanted(kinds);
    this.#position++;
    this.#isRecovering = false;
    return false;
  }

  /** For a token that no repetition can go on with: all tokens are passed over up to one that it can. */
  skipSuperfluous(kinds: readonly TokenKind[]): void {
    if (kinds.includes(this.peek().kind)) return;
    this.#complainUnwanted(kinds);
    this.recover(kinds);
    if (!kinds.includes(this.peek().kind)) throw new SyntaxFailure();
  }

  /** After tokens that begin several constructs and continue none. */
  noViableAlternative(start: Token, offending: Token): SyntaxFailure {
    const between = this.source.slice(start.offset + start.text.length, offending.offset);
    const blanks = between.match(/[\t \r\n\f]+|\/\/[^\n]*/g)?.join('') ?? '';
    const text =
      start === offending ? start.text : start.text + blanks + (offending.kind === '<EOF>' ? '' : offending.text);
    const reserved = /^.(true|false|null)$/s.exec(text);
    this.#complain(
      offending,
      reserved
        ? `mismatched input '${reserved[1]}' expecting IDENTIFIER`
        : `no viable alternative at input '${shown(text)}'`,
    );
    return new SyntaxFailure();
  }

  /** Skips to a token with which some open construct can go on, or to one of `also`. */
  recover(also: readonly TokenKind[] = []): void {
    this.#countRecovery();
    this.#isRecovering = true;
    const open = new Set<TokenKind>([...afterOperand, '<EOF>', ...also, ...this.#closers.flat()]);
    while (!open.has(this.peek().kind)) this.#position++;
  }

  #mismatch(expected: readonly TokenKind[]): SyntaxFailure {
    const token = this.peek();
    this.#complain(token, `mismatched input '${shown(token.text)}' expecting ${list(expected)}`);
    return new SyntaxFailure();
  }

  #complainUnwanted(expected: readonly TokenKind[]): void {
    const token = this.peek();
    this.#complain(token, `extraneous input '${shown(token.text)}' expecting ${list(expected)}`);
  }

  #complain(token: Token, message: string): void {
    if (!this.#isRecovering) this.issues.add(token.offset, `Syntax error: ${message}`);
    this.#isRecovering = true;
  }

  #countRecovery(): void {
    if (this.#recoveries++ < recoveriesMax) return;
    const message = `error recovery attempt limit exceeded: ${recoveriesMax}`;
    this.issues.add(this.peek().offset, `Syntax error: ${message}`);
    throw new ParseAbort();
  }
}

const shown = (text: string): string => text.replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t');

function list(kinds: readonly TokenKind[]): string {
  if (kinds.length === 1) return kinds[0]!;
  const sorted = [...kinds].sort((a, b) => kindOrder.indexOf(a) - kindOrder.indexOf(b));
  return `{${sorted.join(', ')}}`;
}
