import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JWTAuthenticator } from '#api/gen/apiserver-v1.js';
import type { Secret } from '#api/gen/core-v1.js';
import { legacyTokenClaims } from '#apimachinery/legacy-token.js';
import type { KubeObject } from '#apimachinery/object.js';
import { SystemClock, VirtualClock } from '#base/clock.js';
import { signToken, verificationKey } from '#base/jws.js';
import { encodeName, issueCertificate, toPem } from '#base/x509.js';
import type { Authenticator } from './authenticator.js';
import { bootstrapTokens } from './bootstrap-token.js';
import { defaultFrontProxy, frontProxy } from './front-proxy.js';
import { JwtAuthenticator } from './jwt/authenticator.js';
import { claimRules } from './jwt/claims.js';
import { Issuer } from './jwt/issuer.js';
import { legacyTokens } from './legacy-tokens.js';
import { parseTokenFile, tokenFileAuthenticator } from './token-file.js';
import { openTokenWebhook } from './token-webhook.js';
import { audienceAgnostic, remembering } from './tokens.js';
import { rejectionReason } from './union.js';

async function refusal(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return rejectionReason(error as never);
  }
  throw new Error('was not refused');
}

const base64 = (text: string) => Buffer.from(text).toString('base64');
const ask = async (authenticator: Authenticator, bearerToken: string) => authenticator.authenticate({ bearerToken });

describe('a token file', () => {
  it('names users with uid and groups', async () => {
    const file = 't1,jane,7,"dev,a ""b"""\n\nt2,joe,\nt3,ann,9,ops\r\n,nobody,1\n';
    const users = parseTokenFile(file, 'f');
    expect([...users]).toEqual([
      ['t1', { name: 'jane', uid: '7', groups: ['dev', 'a "b"'] }],
      ['t2', { name: 'joe', uid: '', groups: [] }],
      ['t3', { name: 'ann', uid: '9', groups: ['ops'] }],
    ]);
    const tokens = tokenFileAuthenticator(users);
    expect((await ask(tokens, 't3'))?.user.name).toBe('ann');
    expect(await ask(tokens, 't4')).toBeUndefined();
  });

  it('refuses lines that are too short or not closed', () => {
    expect(() => parseTokenFile('t,jane\n', 'f')).toThrow(
      "token file 'f' must have at least 3 columns (token, user name, user uid), found 2",
    );
    expect(() => parseTokenFile('t,"jane,7\n', 'f')).toThrow('bad quotes');
  });
});

describe('bootstrap tokens', () => {
  const clock = new VirtualClock();
  const data = (more: Record<string, string> = {}) =>
    Object.fromEntries(
      Object.entries({
        'token-id': 'abcdef',
        'token-secret': '0123456789abcdef',
        'usage-bootstrap-authentication': 'true',
        ...more,
      }).map(([key, value]) => [key, base64(value)]),
    );
  const of = (more?: Record<string, string>, type = 'bootstrap.kubernetes.io/token') =>
    bootstrapTokens({
      clock,
      secret: async (name) =>
        ({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, type, data: data(more) }) as Secret,
    });
  const token = 'abcdef.0123456789abcdef';

  it('make their bearers system:bootstrappers', async () => {
    const found = await ask(of({ 'auth-extra-groups': 'system:bootstrappers:kubeadm:default' }), token);
    expect(found?.user).toEqual({
      name: 'system:bootstrap:abcdef',
      groups: ['system:bootstrappers', 'system:bootstrappers:kubeadm:default'],
    });
  });

  it('hold only as their secret says', async () => {
    expect(await ask(of({ expiration: '2025-01-01T00:00:00Z' }), token)).toBeUndefined();
    expect(await ask(of({ expiration: 'soon' }), token)).toBeUndefined();
    expect(await ask(of({ 'usage-bootstrap-authentication': 'false' }), token)).toBeUndefined();
    expect(await ask(of({}, 'Opaque'), token)).toBeUndefined();
    expect(await ask(of(), 'abcdef.0123456789abcdeX')).toBeUndefined();
    expect(await ask(of(), 'abcdef.0123456789abcdee')).toBeUndefined();
    expect(await refusal(ask(of({ 'auth-extra-groups': 'system:masters' }), token))).toContain('is invalid');
  });
});

describe('a proxy in front', () => {
  const clock = new VirtualClock();
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const make = (commonName: string, authority = false, key: KeyObject = publicKey) =>
    issueCertificate({
      subject: { commonName },
      publicKey: key,
      issuer: { subject: encodeName({ commonName: 'proxies' }), key: privateKey },
      serial: Buffer.alloc(8, 1),
      notBeforeMs: clock.now(),
      notAfterMs: clock.now() + 1e9,
      authority,
      keyUsages: [authority ? 'keyCertSign' : 'digitalSignature'],
      extendedKeyUsages: authority ? [] : ['clientAuth'],
    });
  const proxy = frontProxy({ ...defaultFrontProxy, authorities: toPem('CERTIFICATE', make('proxies', true)) }, clock);
  const headers = { 'x-remote-user': 'jane' };
  const rawHeaders = [
    'X-Remote-User',
    'jane',
    'x-remote-group',
    'dev',
    'X-Remote-Group',
    'ops',
    'X-Remote-Extra-Acme.io%2fX',
    'y',
  ];

  it('is believed about its caller', async () => {
    const found = await proxy.authenticate({ certificate: make('front-proxy-client'), headers, rawHeaders });
    expect(found?.user).toEqual({ name: 'jane', groups: ['dev', 'ops'], extra: { 'acme.io/x': ['y'] } });
  });

  it('must bear an allowed name, and name a user', async () => {
    const other = async () => proxy.authenticate({ certificate: make('other'), headers, rawHeaders });
    expect(await refusal(other())).toBe('x509: subject with cn=other is not in the allowed list');
    expect(await proxy.authenticate({ certificate: make('front-proxy-client'), rawHeaders: [] })).toBeUndefined();
    expect(await proxy.authenticate({ headers, rawHeaders })).toBeUndefined();
  });
});

describe('tokens in secrets', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const secret: Secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's', namespace: 'ns', uid: '1' },
    data: {},
  };
  const account: KubeObject = {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'sa', namespace: 'ns', uid: '2' },
  };
  const token = signToken(legacyTokenClaims(secret, account), privateKey);
  const noted: string[] = [];
  const of = (objects: Record<string, KubeObject | undefined>) =>
    legacyTokens({
      keys: [verificationKey(privateKey)],
      clock: new VirtualClock(),
      objects: { get: async (kind) => objects[kind] },
      noteUse: async (_, day) => void noted.push(day),
    });
  const whole = { ...secret, data: { token: base64(token) } };

  it('hold while secret and account are there', async () => {
    const found = await ask(of({ Secret: whole, ServiceAccount: account }), token);
    expect(found?.user).toEqual({
      name: 'system:serviceaccount:ns:sa',
      uid: '2',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:ns'],
    });
    expect(noted).toEqual(['2026-01-01']);
    expect(await refusal(ask(of({ ServiceAccount: account }), token))).toBe('token has been invalidated');
    expect(await refusal(ask(of({ Secret: secret, ServiceAccount: account }), token))).toBe(
      "token doesn't match server's copy",
    );
    const other = { ...account, metadata: { ...account.metadata, uid: '3' } };
    expect(await refusal(ask(of({ Secret: whole, ServiceAccount: other }), token))).toContain('does not match claim');
    const labels = { 'kubernetes.io/legacy-token-invalid-since': '2025-01-01' };
    const marked = { ...whole, metadata: { ...whole.metadata, labels } };
    expect(await refusal(ask(of({ Secret: marked, ServiceAccount: account }), token))).toContain('marked invalid');
    expect(await ask(of({}), 'x')).toBeUndefined();
  });
});

describe('servers outside', () => {
  let server: Server;
  let url: string;
  let answer: (request: IncomingMessage, body: string) => object | string;
  const asked: string[] = [];

  beforeEach(async () => {
    asked.length = 0;
    server = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      asked.push(request.url!);
      const text = answer(request, body);
      response.end(typeof text === 'string' ? text : JSON.stringify(text));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  it('are asked about a token once', async () => {
    const folder = mkdtempSync(join(tmpdir(), 't8s-webhook-'));
    const path = join(folder, 'kubeconfig');
    const kubeconfig = {
      clusters: [{ name: 'a', cluster: { server: `${url}/authenticate` } }],
      contexts: [{ name: 'a', context: { cluster: 'a', user: '' } }],
      'current-context': 'a',
    };
    writeFileSync(path, JSON.stringify(kubeconfig));
    answer = (_, body) => {
      const { spec, apiVersion } = JSON.parse(body);
      const user = { username: 'jane', uid: '7', groups: ['dev'], extra: { 'acme.io/x': ['y'] } };
      expect([apiVersion, spec.audiences]).toEqual(['authentication.k8s.io/v1', ['api']]);
      return { status: spec.token === 'good' ? { authenticated: true, user } : { error: 'no such token' } };
    };
    const options = { path, version: 'v1', cacheMs: 60_000, audiences: ['api'] } as const;
    const webhook = await openTokenWebhook(options, new SystemClock());
    expect(await ask(webhook, 'good')).toEqual({
      user: { name: 'jane', uid: '7', groups: ['dev'], extra: { 'acme.io/x': ['y'] } },
      audiences: ['api'],
    });
    await ask(webhook, 'good');
    expect(await refusal(ask(webhook, 'bad'))).toBe('no such token');
    expect(await refusal(ask(webhook, 'bad'))).toBe('no such token');
    expect(asked).toEqual(['/authenticate', '/authenticate']);
    rmSync(folder, { recursive: true });
  });

  describe('that sign tokens', () => {
    const first = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const second = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    let keys: object[];
    let clock: VirtualClock;
    const jwk = (key: KeyObject, kid: string, alg: string) => ({
      ...key.export({ format: 'jwk' }),
      kid,
      alg,
      use: 'sig',
    });

    beforeEach(() => {
      clock = new VirtualClock(new SystemClock().now());
      keys = [jwk(first.publicKey, 'one', 'RS256')];
      answer = ({ url: path }) =>
        path === '/keys' ? { keys } : path === '/claims' ? distributed : { issuer: url, jwks_uri: `${url}/keys` };
    });
    let distributed = '';

    const sign = (claims: object, { alg = 'RS256', kid = 'one', key = first.privateKey } = {}) =>
      new SignJWT({ ...claims })
        .setProtectedHeader({ alg, kid })
        .setIssuer(url)
        .setAudience('me')
        .setExpirationTime(Math.floor(clock.now() / 1000) + 600)
        .sign(key);

    function jwt(more: Partial<JWTAuthenticator> = {}) {
      const configuration: JWTAuthenticator = {
        issuer: { url, audiences: ['me'] },
        claimMappings: { username: { claim: 'sub', prefix: 'x:' }, groups: { claim: 'roles', prefix: 'r:' }, uid: {} },
        ...more,
      };
      const issuerOf = (name: string) =>
        new Issuer({ url: name, algorithms: ['RS256', 'ES384'], clock: new SystemClock() });
      const rules = claimRules(configuration, undefined);
      const issuer = new Issuer({ url, algorithms: ['RS256', 'ES384'], clock });
      return new JwtAuthenticator({ configuration, rules, issuer, issuerOf, clock });
    }

    it('say who the bearer is', async () => {
      const found = await ask(jwt(), await sign({ sub: 'jane', roles: ['dev'], jti: '1' }));
      expect(found?.user).toEqual({
        name: 'x:jane',
        groups: ['r:dev'],
        extra: { 'authentication.kubernetes.io/credential-id': ['JTI=1'] },
      });
      expect((await ask(jwt(), await sign({ sub: 'joe', roles: 'ops' })))?.user.groups).toEqual(['r:ops']);
      expect(await ask(jwt(), 'not.a.jwt')).toBeUndefined();
    });

    it('may change their keys', async () => {
      const authenticator = jwt();
      await ask(authenticator, await sign({ sub: 'jane' }));
      keys = [jwk(second.publicKey, 'two', 'ES384')];
      const other = await sign({ sub: 'jane' }, { alg: 'ES384', kid: 'two', key: second.privateKey });
      expect(await refusal(ask(authenticator, other))).toContain('no key verifies');
      await clock.advance(11_000);
      expect((await ask(authenticator, other))?.user.name).toBe('x:jane');
      expect(asked.filter((path) => path === '/keys').length).toBe(2);
    });

    it('are held to audience, time, algorithm and required claims', async () => {
      const rules = { claimValidationRules: [{ claim: 'hd', requiredValue: 'acme.io' }] };
      const authenticator = jwt(rules);
      expect(await refusal(ask(authenticator, await sign({ sub: 'jane' })))).toBe(
        'oidc: required claim hd not present in ID token',
      );
      expect(await refusal(ask(authenticator, await sign({ sub: 'jane', hd: 'x' })))).toBe(
        'oidc: required claim hd value does not match. Got = x, want = acme.io',
      );
      expect((await ask(authenticator, await sign({ sub: 'jane', hd: 'acme.io' })))?.user.name).toBe('x:jane');
      const foreign = jwt({ issuer: { url, audiences: ['other'] } });
      expect(await refusal(ask(foreign, await sign({ sub: 'jane' })))).toContain(
        'expected audience in ["other"] got ["me"]',
      );
      const token = await sign({ sub: 'jane', hd: 'acme.io' });
      await clock.advance(700_000);
      expect(await refusal(ask(authenticator, token))).toContain('token is expired');
      const other = await sign({ sub: 'jane' }, { alg: 'PS256' });
      expect(await refusal(ask(authenticator, other))).toContain('"PS256", which is not accepted');
    });

    it('may tell groups elsewhere', async () => {
      distributed = await sign({ roles: ['far'] });
      const claims = {
        sub: 'jane',
        _claim_names: { roles: 'a' },
        _claim_sources: { a: { endpoint: `${url}/claims` } },
      };
      expect((await ask(jwt(), await sign(claims)))?.user.groups).toEqual(['r:far']);
      const missing = { ...claims, _claim_sources: {} };
      expect(await refusal(ask(jwt(), await sign(missing)))).toContain('missing in _claims_sources');
    });

    it('that cannot be reached let nobody in, and do not fail for ever', async () => {
      answer = () => ({ issuer: 'https://other' });
      const authenticator = jwt();
      const token = await sign({ sub: 'jane' });
      expect(await refusal(ask(authenticator, token))).toBe('oidc: authenticator not initialized');
      answer = ({ url: path }) => (path === '/keys' ? { keys } : { issuer: url, jwks_uri: `${url}/keys` });
      expect(await refusal(ask(authenticator, token))).toBe('oidc: authenticator not initialized');
      await clock.advance(11_000);
      expect((await ask(authenticator, token))?.user.name).toBe('x:jane');
    });
  });
});

it('remembers answers, and keeps tokens to the audiences of the server', async () => {
  let calls = 0;
  const clock = new VirtualClock();
  const inner: Authenticator = {
    name: 'x',
    async authenticate({ bearerToken }) {
      calls++;
      return bearerToken === 't' ? { user: { name: 'u', groups: [] } } : undefined;
    },
  };
  const kept = audienceAgnostic(remembering(inner, { clock, successMs: 1000, failureMs: 0 }), ['api', 'b']);
  expect(await kept.authenticate({ bearerToken: 't' }, { audiences: ['b', 'c'] })).toMatchObject({ audiences: ['b'] });
  await ask(kept, 't');
  expect(calls).toBe(1);
  await clock.advance(1001);
  await ask(kept, 't');
  expect(calls).toBe(2);
  expect(await kept.authenticate({ bearerToken: 't' }, { audiences: ['c'] })).toBeUndefined();
});
