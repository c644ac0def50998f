/** From claims to a user, by name or by expression, and the rules that both must satisfy. */
import type {
  ClaimMappings,
  ClaimValidationRule,
  JWTAuthenticator,
  UserValidationRule,
} from '#api/gen/apiserver-v1.js';
import { describeUser, type UserInfo } from '../authenticator.js';
import { rejected } from '../union.js';

type Claims = Record<string, unknown>;

/** An expression that has been compiled. Gives plain JSON; throws Error when it cannot be evaluated. */
export type Expression = (value: object) => unknown;

/** Compiles an expression over `claims` or `user`. Throws Error with the reason when it does not compile. */
export interface ExpressionCompiler {
  claims(text: string): Expression;
  /** One that must be true. */
  claimsRule(text: string): Expression;
  user(text: string): Expression;
}

export interface ClaimRules {
  username(claims: Claims): string;
  groups(claims: Claims): string[];
  /** '' for none. */
  uid(claims: Claims): string;
  extra(claims: Claims): Record<string, string[]>;
  validate(claims: Claims, user: UserInfo): void;
}

/** All throw StatusError (401). `compile` is asked only where the configuration, which is valid, has expressions. */
export function claimRules(
  { claimMappings, claimValidationRules = [], userValidationRules = [] }: JWTAuthenticator,
  compile: ExpressionCompiler | undefined,
): ClaimRules {
  const { username, groups, uid, extra = [] } = claimMappings ?? ({} as ClaimMappings);
  const ofClaims = (text: string | undefined) => (text ? compile!.claims(text) : undefined);
  const [ofUsername, ofGroups, ofUid] = [username, groups, uid].map((one) => ofClaims(one?.expression));
  const ofExtra = extra.map(({ key = '', valueExpression = '' }) => ({ key, expression: ofClaims(valueExpression)! }));
  const validateClaims = claimValidationRules.map((rule) =>
    claimCheck(rule, rule.expression ? compile!.claimsRule(rule.expression) : undefined),
  );
  const validateUser = userValidationRules.map((rule) => userCheck(rule, compile!.user(rule.expression ?? '')));
  return {
    username: (claims) => {
      if (!ofUsername) return usernameByClaim(claims, username ?? {});
      const name = evaluate(ofUsername, claims, 'username claim');
      if (typeof name !== 'string')
        throw evaluating('username claim', new Error('username claim expression must return a string'));
      if (!name) throw rejected('oidc: empty username via CEL expression is not allowed');
      return name;
    },
    groups: (claims) => {
      if (ofGroups) return strings(evaluate(ofGroups, claims, 'group claim'), 'group claim');
      return groupsByClaim(claims, groups ?? {});
    },
    uid: (claims) => {
      if (uid?.claim) return text(claims, uid.claim, `parse uid claim "${uid.claim}"`);
      if (!ofUid) return '';
      const value = evaluate(ofUid, claims, 'uid claim');
      if (typeof value !== 'string')
        throw evaluating('uid claim', new Error('uid claim expression must return a string'));
      return value;
    },
    extra: (claims) => {
      const found: Record<string, string[]> = {};
      for (const { key, expression } of ofExtra) {
        const values = strings(evaluate(expression, claims, 'extra claim'), 'extra claim');
        if (values.length > 0) found[key] = values;
      }
      return found;
    },
    validate: (claims, user) => {
      for (const check of validateClaims) check(claims);
      const described = { uid: '', groups: [], extra: {}, ...describeUser(user) };
      for (const check of validateUser) check(described);
    },
  };
}

function claimCheck(rule: ClaimValidationRule, expression: Expression | undefined): (claims: Claims) => void {
  const { claim = '', requiredValue = '', message } = rule;
  if (expression)
    return (claims) => requireTrue(expression, claims, { rule: rule.expression!, message, what: 'claim validation' });
  return (claims) => {
    if (!Object.hasOwn(claims, claim)) throw rejected(`oidc: required claim ${claim} not present in ID token`);
    const value = text(claims, claim, `parse claim ${claim}`);
    if (value !== requiredValue)
      throw rejected(`oidc: required claim ${claim} value does not match. Got = ${value}, want = ${requiredValue}`);
  };
}

function userCheck({ expression: rule = '', message }: UserValidationRule, expression: Expression) {
  return (user: object) => requireTrue(expression, user, { rule, message, what: 'user info validation rule' });
}

function requireTrue(
  expression: Expression,
  value: object,
  { rule, message, what }: { rule: string; message: string | undefined; what: string },
): void {
  const name = what === 'claim validation' ? 'claim validation expression' : what;
  let holds: unknown;
  try {
    holds = expression(value);
  } catch (error) {
    throw rejected(`oidc: error evaluating ${name}: ${(error as Error).message}`, { cause: error });
  }
  if (holds === true) return;
  throw rejected(
    `oidc: error evaluating ${name}: validation expression '${rule}' failed${message ? `: ${message}` : ''}`,
  );
}

function usernameByClaim(claims: Claims, { claim = '', prefix = '' }: { claim?: string; prefix?: string }): string {
  const name = text(claims, claim, `parse username claims "${claim}"`);
  if (claim === 'email' && Object.hasOwn(claims, 'email_verified')) {
    const verified = claims['email_verified'];
    if (typeof verified !== 'boolean') throw rejected("oidc: parse 'email_verified' claim: not a boolean");
    if (!verified) throw rejected('oidc: email not verified');
  }
  return `${prefix}${name}`;
}

/** One group may stand as a string. */
function groupsByClaim(claims: Claims, { claim, prefix = '' }: { claim?: string; prefix?: string }): string[] {
  if (!claim || !Object.hasOwn(claims, claim)) return [];
  const values = [claims[claim]].flat();
  if (!values.every((value) => typeof value === 'string'))
    throw rejected(`oidc: parse groups claim "${claim}": not a string or a list of strings`);
  return (values as string[]).map((group) => `${prefix}${group}`);
}

function text(claims: Claims, claim: string, what: string): string {
  const value = Object.hasOwn(claims, claim) ? claims[claim] : undefined;
  if (value === undefined) throw rejected(`oidc: ${what}: claim not present`);
  if (typeof value !== 'string') throw rejected(`oidc: ${what}: not a string`);
  return value;
}

function evaluate(expression: Expression, claims: Claims, what: string): unknown {
  try {
    return expression(claims);
  } catch (error) {
    throw evaluating(what, error as Error);
  }
}

function evaluating(what: string, error: Error) {
  return rejected(`oidc: error evaluating ${what} expression: ${error.message}`, { cause: error });
}

/** A string, a list of strings or null; empty strings are left out. */
function strings(value: unknown, what: string): string[] {
  const values = value === null || value === undefined ? [] : [value].flat();
  if (!values.every((one) => typeof one === 'string'))
    throw evaluating(what, new Error('expression must return a string or a list of strings'));
  return (values as string[]).filter((one) => one !== '');
}
