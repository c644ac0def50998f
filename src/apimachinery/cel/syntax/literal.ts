/** The values of literals. */
import { ParseError } from '../../parse-error.js';
import { Double, normalizeInt, Uint, type Value } from '../values.js';
import type { Token } from './lexer.js';
import { unescapeBytes, unescapeText } from './unescape.js';

/** Throws a ParseError for what fits into no value. */
export function literalValue(token: Token, isNegative: boolean): Value {
  switch (token.kind) {
    case 'NUM_INT': {
      const value = normalizeInt(isNegative ? -BigInt(token.text) : BigInt(token.text));
      if (value === undefined) throw new ParseError('CEL', 'invalid int literal');
      return value;
    }
    case 'NUM_UINT': {
      const value = Uint.of(BigInt(token.text.slice(0, -1)));
      if (value === undefined) throw new ParseError('CEL', 'invalid uint literal');
      return value;
    }
    case 'NUM_FLOAT': {
      const value = Number(token.text);
      if (!Number.isFinite(value)) throw new ParseError('CEL', 'invalid double literal');
      return new Double(isNegative ? -value : value);
    }
    case 'STRING':
      return unescapeText(token.text);
    case 'BYTES':
      return unescapeBytes(token.text);
    case "'true'":
      return true;
    case "'false'":
      return false;
    default:
      return null;
  }
}
