import { expect, test } from 'vitest';
import { resolveConfig } from './config.js';
import { flagTexts } from './flag-texts.js';

test('settings are told by the names of their flags, as Go writes their values', () => {
  const flags = { dataDir: '/data', authenticationTokenWebhookCacheTtl: '90s', serviceAccountIssuer: ['a', 'b'] };
  const texts = flagTexts(resolveConfig({ flags, env: {}, root: false, linux: false }));
  expect(texts).toMatchObject({
    'data-dir': '/data',
    port: '6443',
    'anonymous-auth': 'true',
    'authentication-token-webhook-cache-ttl': '1m30s',
    'service-account-issuer': '[a,b]',
    'service-account-key-file': '[]',
    'oidc-signing-algs': '[RS256]',
    'api-audiences': '[]',
    'authorization-config': '',
    // A disk that is shared with the user is nothing to end pods for.
    'eviction-hard': '[memory.available<100Mi]',
    'image-gc-high-threshold': '100',
  });
  expect(Object.keys(texts).filter((name) => !/^[a-z][a-z0-9-]*$/.test(name))).toEqual([]);
});
