import { generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify, SignJWT } from 'jose';
import { beforeEach, describe, expect, it } from 'vitest';
import type { KubeObject } from '#apimachinery/object.js';
import { VirtualClock } from '#base/clock.js';
import { signToken } from '#base/jws.js';
import { SeededPrng } from '#base/prng.js';
import { type ExtendedKeyUsage, encodeName, issueCertificate, toPem } from '#base/x509.js';
import type { Credentials } from './authenticator.js';
import { issuerDiscovery } from './issuer-discovery.js';
import { ServiceAccountTokens } from './service-account-tokens.js';
import { rejectionReason, UnionAuthenticator } from './union.js';
import { X509Authenticator } from './x509.js';

const day = 24 * 3600 * 1000;
const issuer = 'https://kubernetes.default.svc.cluster.local';
let clock: VirtualClock;
beforeEach(() => {
  clock = new VirtualClock();
});

async function refusal(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    expect(error).toMatchObject({ code: 401, message: 'Unauthorized' });
    return rejectionReason(error as never);
  }
  throw new Error('was not refused');
}

describe('X509Authenticator', () => {
  function authority() {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const issuing = { subject: encodeName({ commonName: 'ca' }), key: privateKey };
    const make = (options: {
      commonName?: string;
      organizations?: string[];
      usages?: ExtendedKeyUsage[];
      authority?: boolean;
      key?: KeyObject;
    }) =>
      issueCertificate({
        subject: { commonName: options.commonName, organizations: options.organizations },
        publicKey: options.key ?? generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey,
        issuer: issuing,
        serial: Buffer.alloc(8, 1),
        notBeforeMs: clock.now(),
        notAfterMs: clock.now() + day,
        authority: options.authority,
        keyUsages: options.authority ? ['keyCertSign'] : ['digitalSignature'],
        extendedKeyUsages: options.usages ?? ['clientAuth'],
      });
    const certificate = make({ commonName: 'ca', authority: true, key: publicKey, usages: [] });
    return { make, pem: toPem('CERTIFICATE', certificate) };
  }

  it('takes the user from CN and groups from O, newlines in them included', async () => {
    const { make, pem } = authority();
    const x509 = new X509Authenticator({ authorities: pem, clock });
    const der = make({ commonName: 'jane\nO=system:masters', organizations: ['dev', 'a, O=b'] });
    const { user } = (await x509.authenticate({ certificate: der }))!;
    expect(user).toMatchObject({ name: 'jane\nO=system:masters', groups: ['dev', 'a, O=b'] });
    const fingerprint = new X509Certificate(der).fingerprint256.replaceAll(':', '').toLowerCase();
    expect(user.extra).toEqual({ 'authentication.kubernetes.io/credential-id': [`X509SHA256=${fingerprint}`] });
    expect((await x509.authenticate({ certificate: Buffer.from(der) }))?.user).toBe(user);
  });

  it('refuses certificates of others, for other uses, and outside their time', async () => {
    const ours = authority();
    const theirs = authority();
    const x509 = new X509Authenticator({ authorities: ours.pem, clock });
    const ask = async (certificate: Uint8Array) => x509.authenticate({ certificate });
    expect(await refusal(ask(theirs.make({ commonName: 'kubernetes-admin' })))).toMatch('unknown authority');
    expect(await refusal(ask(ours.make({ commonName: 'a', usages: ['serverAuth'] })))).toMatch(
      'incompatible key usage',
    );
    expect(await refusal(ask(Buffer.from('rubbish')))).toMatch('malformed');
    expect(await ask(ours.make({ organizations: ['only'] }))).toBeUndefined();
    expect(await x509.authenticate({ bearerToken: 'x' })).toBeUndefined();
    const good = ours.make({ commonName: 'a' });
    await ask(good);
    await clock.advance(day + 1000);
    expect(await refusal(ask(good))).toMatch('expired');
  });

  it('accepts several authorities', async () => {
    const [a, b] = [authority(), authority()];
    const x509 = new X509Authenticator({ authorities: a.pem + b.pem, clock });
    expect((await x509.authenticate({ certificate: b.make({ commonName: 'x' }) }))?.user.name).toBe('x');
  });
});

describe('ServiceAccountTokens', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  let objects: Map<string, KubeObject>;
  let tokens: ServiceAccountTokens;
  const account = { name: 'builder', uid: 'u1' };
  const contents = { namespace: 'ci', serviceAccount: account, audiences: [issuer], expirationSeconds: 3600 };

  function put(kind: string, name: string, uid: string, deletionTimestamp?: string) {
    objects.set(`${kind} ${kind === 'Node' ? '' : 'ci'}/${name}`, {
      apiVersion: 'v1',
      kind,
      metadata: { name, uid, deletionTimestamp },
    });
  }

  function make(extra: Partial<ConstructorParameters<typeof ServiceAccountTokens>[0]> = {}) {
    return new ServiceAccountTokens({
      issuer,
      key: privateKey,
      clock,
      prng: new SeededPrng(1),
      objects: { get: async (kind, { namespace, name }) => objects.get(`${kind} ${namespace}/${name}`) },
      ...extra,
    });
  }

  beforeEach(() => {
    objects = new Map();
    put('ServiceAccount', 'builder', 'u1');
    tokens = make();
  });

  it('issues what another implementation verifies by the published keys', async () => {
    const { token, expiresMs } = tokens.issue({ ...contents, pod: { name: 'p', uid: 'u2' }, warnAfterSeconds: 60 });
    const [, keys] = issuerDiscovery({ issuer, keysUrl: 'https://x/openid/v1/jwks', keys: tokens.verificationKeys });
    const { payload } = await jwtVerify(token, createLocalJWKSet(JSON.parse(keys!.body)), {
      issuer,
      audience: issuer,
      currentDate: new Date(clock.now()),
    });
    const now = clock.now() / 1000;
    expect(payload).toMatchObject({
      sub: 'system:serviceaccount:ci:builder',
      iat: now,
      nbf: now,
      exp: now + 3600,
      'kubernetes.io': {
        namespace: 'ci',
        serviceaccount: account,
        pod: { name: 'p', uid: 'u2' },
        warnafter: now + 60,
      },
    });
    expect(expiresMs).toBe(clock.now() + 3600_000);
    expect(decodeProtectedHeader(token)).toEqual({ alg: 'ES256', kid: tokens.verificationKeys[0]!.id });
  });

  it('tells whose token it is, the same user object each time', async () => {
    put('Pod', 'p', 'u2');
    const { token } = tokens.issue({ ...contents, pod: { name: 'p', uid: 'u2' }, node: { name: 'n', uid: 'u3' } });
    const first = await tokens.authenticate({ bearerToken: token });
    expect(first).toMatchObject({
      audiences: [issuer],
      user: {
        name: 'system:serviceaccount:ci:builder',
        uid: 'u1',
        groups: ['system:serviceaccounts', 'system:serviceaccounts:ci'],
        extra: {
          'authentication.kubernetes.io/pod-name': ['p'],
          'authentication.kubernetes.io/pod-uid': ['u2'],
          'authentication.kubernetes.io/node-name': ['n'],
        },
      },
    });
    expect((await tokens.authenticate({ bearerToken: token }))?.user).toBe(first?.user);
  });

  it('refuses once it has expired, is of another audience, or was tampered with', async () => {
    const { token } = tokens.issue(contents);
    const other = tokens.issue({ ...contents, audiences: ['vault'] }).token;
    expect(await refusal(tokens.authenticate({ bearerToken: other }))).toMatch('audiences');
    const vault = await tokens.authenticate({ bearerToken: other }, { audiences: ['vault', 'x'] });
    expect(vault?.audiences).toEqual(['vault']);
    const [head, , signature] = token.split('.');
    const forged = Buffer.from(JSON.stringify({ iss: issuer, sub: 'x', exp: 9e9 })).toString('base64url');
    expect(await refusal(tokens.authenticate({ bearerToken: `${head}.${forged}.${signature}` }))).toMatch('no key');
    await tokens.authenticate({ bearerToken: token });
    await clock.advance(3600_000 + 1000);
    expect(await refusal(tokens.authenticate({ bearerToken: token }))).toMatch('expired');
  });

  it('refuses algorithms that are not the key’s', async () => {
    const publicPem = tokens.verificationKeys[0]!.key.export({ type: 'spki', format: 'pem' }).toString();
    const claims = { iss: issuer, aud: issuer, sub: 'x', exp: 9e9 };
    const hmac = await new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(publicPem));
    expect(await refusal(tokens.authenticate({ bearerToken: hmac }))).toMatch('not accepted');
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const none = `${part({ alg: 'none' })}.${part(claims)}.`;
    expect(await refusal(tokens.authenticate({ bearerToken: none }))).toMatch('not accepted');
  });

  it.each([
    ['the account is gone', () => objects.delete('ServiceAccount ci/builder')],
    ['the account was made anew', () => put('ServiceAccount', 'builder', 'u9')],
    ['the pod is gone', () => objects.delete('Pod ci/p')],
    ['the pod was made anew', () => put('Pod', 'p', 'u9')],
    ['the pod has been deleting for over a minute', () => put('Pod', 'p', 'u2', '2025-12-31T23:58:59Z')],
  ])('refuses when %s', async (_, change) => {
    put('Pod', 'p', 'u2');
    const { token } = tokens.issue({ ...contents, pod: { name: 'p', uid: 'u2' } });
    await tokens.authenticate({ bearerToken: token });
    change();
    await clock.advance(11_000);
    expect(await refusal(tokens.authenticate({ bearerToken: token }))).toMatch(
      /not found|does not match|invalidated|deleted/,
    );
  });

  it('keeps trusting a pod that has just begun to go', async () => {
    put('Pod', 'p', 'u2', '2025-12-31T23:59:30Z');
    const { token } = tokens.issue({ ...contents, pod: { name: 'p', uid: 'u2' } });
    expect(await tokens.authenticate({ bearerToken: token })).toBeDefined();
  });

  it('leaves tokens of other issuers to others, and knows its earlier keys', async () => {
    const foreign = signToken({ iss: 'https://accounts.example' }, privateKey);
    expect(await tokens.authenticate({ bearerToken: foreign })).toBeUndefined();
    expect(await tokens.authenticate({ bearerToken: 'opaque' })).toBeUndefined();
    const { token } = tokens.issue(contents);
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const rotated = make({ key: rsa, verificationKeys: [privateKey] });
    expect(await rotated.authenticate({ bearerToken: token })).toBeDefined();
    expect(await rotated.authenticate({ bearerToken: rotated.issue(contents).token })).toBeDefined();
    expect(decodeProtectedHeader(rotated.issue(contents).token).alg).toBe('RS256');
    expect(await refusal(tokens.authenticate({ bearerToken: rotated.issue(contents).token }))).toMatch('no key');
  });
});

describe('UnionAuthenticator', () => {
  const jane = { user: { name: 'jane', groups: ['dev'] } };
  const byToken = {
    name: 'fixed',
    authenticate: async ({ bearerToken }: { bearerToken?: string }) => (bearerToken === 'good' ? jane : undefined),
  };
  const x509 = new X509Authenticator({ authorities: '', clock: new VirtualClock() });
  const union = new UnionAuthenticator({ authenticators: [x509, byToken] });

  it('adds system:authenticated, keeping one object for one user', async () => {
    const first = await union.authenticate({ bearerToken: 'good' });
    expect(first?.user.groups).toEqual(['dev', 'system:authenticated']);
    expect((await union.authenticate({ bearerToken: 'good' }))?.user).toBe(first?.user);
  });

  it('lets callers without credentials in as anonymous, but not those whose credentials fail', async () => {
    const ask = async (credentials: Credentials) => union.authenticate(credentials);
    expect((await union.authenticate({}))?.user).toEqual({
      name: 'system:anonymous',
      groups: ['system:unauthenticated'],
    });
    expect(await refusal(ask({ bearerToken: 'bad' }))).toBe('invalid bearer token');
    expect(await refusal(ask({ certificate: Buffer.from('x') }))).toMatch('malformed');
    const closed = new UnionAuthenticator({ authenticators: [byToken], anonymous: { enabled: false } });
    expect(await closed.authenticate({})).toBeUndefined();
  });

  it('takes a good token beside a bad certificate', async () => {
    const found = await union.authenticate({ certificate: Buffer.from('x'), bearerToken: 'good' });
    expect(found?.user.name).toBe('jane');
  });
});
