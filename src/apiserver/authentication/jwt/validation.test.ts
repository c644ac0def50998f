import { expect, it } from 'vitest';
import type { JWTAuthenticator } from '#api/gen/apiserver-v1.js';
import { validateAuthentication, validateJwt } from './validation.js';

it('says what is wrong with a configuration of issuers', () => {
  const compile = { claims: () => () => true, claimsRule: () => () => true, user: () => () => true };
  const options = { compile, disallowedIssuers: ['https://own'] };
  const messages = (jwt: JWTAuthenticator) => validateJwt(jwt, 'jwt[0]', options).map(({ message }) => message);
  const good: JWTAuthenticator = {
    issuer: { url: 'https://a', audiences: ['x'] },
    claimMappings: { username: { claim: 'sub', prefix: '' }, uid: {}, groups: {} },
  };
  expect(messages(good)).toEqual([]);
  expect(messages({ ...good, issuer: { url: 'http://u@a?b#c', audiences: ['x', 'x'] } })).toEqual([
    'jwt[0].issuer.url: Invalid value: "http://u@a?b#c": URL scheme must be https',
    'jwt[0].issuer.url: Invalid value: "http://u@a?b#c": URL must not contain a username or password',
    'jwt[0].issuer.url: Invalid value: "http://u@a?b#c": URL must not contain a query',
    'jwt[0].issuer.url: Invalid value: "http://u@a?b#c": URL must not contain a fragment',
    'jwt[0].issuer.audiences[1]: Duplicate value: "x"',
    'jwt[0].issuer.audienceMatchPolicy: Invalid value: "": audienceMatchPolicy must be MatchAny for multiple audiences',
  ]);
  expect(
    messages({
      ...good,
      claimMappings: { username: { claim: 'sub' }, uid: {}, groups: {}, extra: [{ key: 'x.k8s.io/a' }] },
    }),
  ).toEqual([
    'jwt[0].claimMappings.username.prefix: Required value: prefix is required when claim is set. It can be set to an empty string to disable prefixing',
    'jwt[0].claimMappings.extra[0].key: Invalid value: "x.k8s.io/a": k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use',
    'jwt[0].claimMappings.extra[0].valueExpression: Required value',
  ]);
  const email = { username: { expression: 'claims.email' }, uid: {}, groups: {} };
  expect(messages({ ...good, claimMappings: email })[0]).toContain('claims.email_verified must be used');
  const twice = { apiVersion: '', kind: '', jwt: [good, good] };
  expect(validateAuthentication(twice, options).map(({ message }) => message)).toEqual([
    'jwt[1].issuer.url: Duplicate value: "https://a"',
  ]);
});
