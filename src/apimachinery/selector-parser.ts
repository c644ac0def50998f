/**
 * Reads the text of a label selector: `x in (a,,b),!y,z=1,n>5`. The grammar and the words of its complaints are those
 * of k8s.io/apimachinery's `labels` package, which people see in kubectl.
 */
import { invalidValue } from './field-error.js';
import { checkedRequirement, type LabelOperator, type LabelRequirement } from './label-requirement.js';
import { qualifiedNameProblems } from './names.js';
import { ParseError } from './parse-error.js';

interface Token {
  kind: 'end' | 'word' | ')' | '(' | ',' | '!' | '==' | '=' | '>' | '<' | '!=' | 'in' | 'notin';
  text: string;
}

const tokenPattern = /[ \t\r\n]+|(==|!=|[=!(),><])|([^=!(),>< \t\r\n]+)/y;
const binaryOperators = 'in, notin, =, ==, !=, gt, lt';

/** Throws a ParseError. The requirements are in the order of the text. */
export function parseRequirements(text: string): LabelRequirement[] {
  return new SelectorParser(tokenize(text)).parse();
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  tokenPattern.lastIndex = 0;
  for (let match = tokenPattern.exec(text); match; match = tokenPattern.exec(text)) {
    const [, symbol, word] = match;
    if (symbol) tokens.push({ kind: symbol as Token['kind'], text: symbol });
    else if (word) tokens.push({ kind: word === 'in' || word === 'notin' ? word : 'word', text: word });
  }
  tokens.push({ kind: 'end', text: '' });
  return tokens;
}

class SelectorParser {
  readonly #tokens: Token[];
  #position = 0;

  constructor(tokens: Token[]) {
    this.#tokens = tokens;
  }

  parse(): LabelRequirement[] {
    const requirements: LabelRequirement[] = [];
    for (;;) {
      const token = this.#peek();
      if (token.kind === 'end') return requirements;
      if (token.kind !== 'word' && token.kind !== '!')
        throw fail(`found '${token.text}', expected: !, identifier, or 'end of string'`);
      requirements.push(this.#requirement());
      const next = this.#take();
      if (next.kind === 'end') return requirements;
      if (next.kind !== ',') throw fail(`found '${next.text}', expected: ',' or 'end of string'`);
      const after = this.#peek();
      if (after.kind !== 'word' && after.kind !== '!')
        throw fail(`found '${after.text}', expected: identifier after ','`);
    }
  }

  #requirement(): LabelRequirement {
    try {
      return this.#readRequirement();
    } catch (error) {
      if (error instanceof ParseError) throw fail(`unable to parse requirement: ${error.message}`);
      throw error;
    }
  }

  #readRequirement(): LabelRequirement {
    let token = this.#take();
    const isNegated = token.kind === '!';
    if (isNegated) token = this.#take();
    if (token.kind !== 'word') throw fail(`found '${token.text}', expected: identifier`);
    const key = token.text;
    const problems = qualifiedNameProblems(key);
    // Upstream has no path here, and prints it as Go prints nothing.
    if (problems.length > 0) throw fail(invalidValue('<nil>', key, problems.join('; ')).message);
    const next = this.#peek().kind;
    if (isNegated || next === 'end' || next === ',')
      return checkedRequirement({ key, operator: isNegated ? '!' : 'exists', values: [] });
    const operator = this.#operator();
    const values = operator === 'in' || operator === 'notin' ? this.#list() : this.#value();
    return checkedRequirement({ key, operator, values: [...new Set(values)].sort() });
  }

  #operator(): LabelOperator {
    const token = this.#take({ keywords: true });
    switch (token.kind) {
      case 'in':
      case 'notin':
      case '=':
      case '==':
      case '!=':
        return token.kind;
      case '>':
        return 'gt';
      case '<':
        return 'lt';
      default:
        throw fail(`found '${token.text}', expected: ${binaryOperators}`);
    }
  }

  #list(): string[] {
    const open = this.#take();
    if (open.kind !== '(') throw fail(`found '${open.text}' expected: '('`);
    const first = this.#peek();
    if (first.kind === ')') {
      this.#take();
      return [''];
    }
    if (first.kind !== 'word' && first.kind !== ',')
      throw fail(`found '${first.text}', expected: ',', ')' or identifier`);
    const values = this.#listItems();
    this.#take();
    return values;
  }

  /** Up to the closing parenthesis; nothing between commas is the empty value. */
  #listItems(): string[] {
    const values: string[] = [];
    for (;;) {
      const token = this.#take();
      const next = this.#peek();
      if (token.kind === 'word') {
        values.push(token.text);
        if (next.kind === ')') return values;
        if (next.kind !== ',') throw fail(`found '${next.text}', expected: ',' or ')'`);
      } else if (token.kind === ',') {
        if (values.length === 0) values.push('');
        if (next.kind === ',' || next.kind === ')') values.push('');
        if (next.kind === ')') return values;
      } else {
        throw fail(`found '${token.text}', expected: ',', or identifier`);
      }
    }
  }

  #value(): string[] {
    const next = this.#peek().kind;
    if (next === 'end' || next === ',') return [''];
    const token = this.#take();
    if (token.kind !== 'word') throw fail(`found '${token.text}', expected: identifier`);
    return [token.text];
  }

  /** `in` and `notin` are words wherever an operator cannot stand. */
  #peek(): Token {
    const token = this.#tokens[this.#position]!;
    return token.kind === 'in' || token.kind === 'notin' ? { kind: 'word', text: token.text } : token;
  }

  #take({ keywords = false } = {}): Token {
    const token = keywords ? this.#tokens[this.#position]! : this.#peek();
    if (this.#position < this.#tokens.length - 1) this.#position++;
    return token;
  }
}

function fail(message: string): ParseError {
  return new ParseError('LabelSelector', message);
}
