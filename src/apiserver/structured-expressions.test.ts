import { describe, expect, it } from 'vitest';
import type { JWTAuthenticator } from '#api/gen/apiserver-v1.js';
import type { StatusError } from '#apimachinery/errors.js';
import { claimRules } from './authentication/jwt/claims.js';
import { expressionCompiler } from './authentication/jwt/expressions.js';
import { validateJwt } from './authentication/jwt/validation.js';
import { rejectionReason } from './authentication/union.js';
import { compileMatchCondition } from './authorization/match-conditions.js';

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return rejectionReason(error as StatusError);
  }
  throw new Error('was not refused');
}

describe('claims', () => {
  const configuration: JWTAuthenticator = {
    issuer: { url: 'https://a', audiences: ['x'] },
    claimValidationRules: [
      { expression: 'claims.hd == "acme.io"', message: 'the domain is another' },
      { expression: 'claims.exp - claims.iat <= 86400' },
    ],
    claimMappings: {
      username: { expression: 'claims.sub + ":external"' },
      groups: { expression: 'claims.roles.split(",")' },
      uid: { expression: 'claims.?oid.orValue("")' },
      extra: [
        { key: 'acme.io/tenant', valueExpression: 'claims.tenant.name' },
        { key: 'acme.io/none', valueExpression: '[]' },
      ],
    },
    userValidationRules: [{ expression: "!user.username.startsWith('system:')", message: 'that name is ours' }],
  };
  const rules = claimRules(configuration, expressionCompiler);
  const claims = { sub: 'jane', hd: 'acme.io', roles: 'dev,ops', iat: 1000, exp: 2000, tenant: { name: 't' } };

  it('become a user by expressions', () => {
    expect(rules.username(claims)).toBe('jane:external');
    expect(rules.groups(claims)).toEqual(['dev', 'ops']);
    expect([rules.uid(claims), rules.uid({ ...claims, oid: '7' })]).toEqual(['', '7']);
    expect(rules.extra(claims)).toEqual({ 'acme.io/tenant': ['t'] });
    expect(() => rules.validate(claims, { name: 'jane', groups: [] })).not.toThrow();
  });

  it('are refused in the words of the rule', () => {
    const user = { name: 'jane', groups: [] };
    expect(refusal(() => rules.validate({ ...claims, hd: 'x' }, user))).toBe(
      'oidc: error evaluating claim validation expression: validation expression \'claims.hd == "acme.io"\' failed: the domain is another',
    );
    expect(refusal(() => rules.validate({ ...claims, exp: 1e6 }, user))).toContain(
      "validation expression 'claims.exp - claims.iat <= 86400' failed",
    );
    expect(refusal(() => rules.validate(claims, { name: 'system:x', groups: [] }))).toContain('that name is ours');
    expect(refusal(() => rules.username({}))).toContain(
      'oidc: error evaluating username claim expression: expression \'claims.sub + ":external"\' resulted in error: no such key: sub',
    );
    const number = { ...configuration.claimMappings, username: { expression: 'claims.exp' } };
    const other = claimRules({ ...configuration, claimMappings: number } as JWTAuthenticator, expressionCompiler);
    expect(refusal(() => other.username(claims))).toContain('username claim expression must return a string');
  });

  it('are not to be compiled from what is no expression', () => {
    const mappings = { username: { expression: 'claims.' }, uid: {}, groups: {} };
    const userValidationRules = [{ expression: 'user.username' }, { expression: 'user.name == "x"' }];
    const wrong = { ...configuration, claimMappings: mappings, userValidationRules };
    const messages = validateJwt(wrong, 'jwt[0]', { compile: expressionCompiler, disallowedIssuers: [] }).map(
      ({ message }) => message,
    );
    expect(messages).toEqual([
      expect.stringContaining(
        'jwt[0].claimMappings.username.expression: Invalid value: "claims.": compilation failed: ERROR',
      ),
      'jwt[0].userValidationRules[0].expression: Invalid value: "user.username": must evaluate to bool',
      expect.stringContaining("undefined field 'name'"),
    ]);
    expect(validateJwt(configuration, 'jwt[0]', { compile: expressionCompiler, disallowedIssuers: [] })).toEqual([]);
  });
});

describe('match conditions', () => {
  const spec = {
    user: 'jane',
    groups: ['dev'],
    resourceAttributes: {
      verb: 'list',
      resource: 'pods',
      namespace: 'kube-system',
      labelSelector: { requirements: [{ key: 'app', operator: 'In', values: ['web'] }] },
    },
  };

  it.each([
    ["request.resourceAttributes.namespace == 'kube-system'", true],
    ["has(request.resourceAttributes) && request.resourceAttributes.name == ''", true],
    ["!('system:serviceaccounts:kube-system' in request.groups)", true],
    ["request.user.matches('^j.*e$') && request.uid == ''", true],
    ["request.resourceAttributes.labelSelector.requirements.exists(r, r.key == 'app' && 'web' in r.values)", true],
    ['has(request.nonResourceAttributes)', false],
  ])('%s', (expression, expected) => {
    expect(compileMatchCondition(expression)(spec)).toBe(expected);
  });

  it('must be of type bool, and may fail', () => {
    expect(() => compileMatchCondition('request.user')).toThrow('must evaluate to bool but got string');
    expect(() => compileMatchCondition('request.color == "red"')).toThrow("undefined field 'color'");
    expect(() => compileMatchCondition("request.nonResourceAttributes.path == '/x'")(spec)).toThrow(
      /^cel evaluation error: expression .* resulted in error: no such key: nonResourceAttributes/,
    );
  });
});
