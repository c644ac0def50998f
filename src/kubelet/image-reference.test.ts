import { expect, test } from 'vitest';
import type { Secret } from '#api/gen/core-v1.js';
import { parseImage } from './image-reference.js';
import { credentialsFor } from './registry-credentials.js';

test.each([
  ['busybox', 'busybox:latest', 'docker.io', 'library/busybox'],
  ['me/app:1.2', 'me/app:1.2', 'docker.io', 'me/app'],
  ['localhost:5000/app', 'localhost:5000/app:latest', 'localhost:5000', 'app'],
  ['registry.k8s.io/pause:3.10', 'registry.k8s.io/pause:3.10', 'registry.k8s.io', 'pause'],
  [`a.io/x@sha256:${'0'.repeat(64)}`, `a.io/x@sha256:${'0'.repeat(64)}`, 'a.io', 'x'],
])('%s', (image, reference, registry, repository) => {
  expect(parseImage(image)).toEqual({ reference, registry, repository });
});

test.each(['', 'UPPER', 'a b', 'a:b:c', 'a@sha256:1', '-x', 'a//b', 'host.io/'])('%j is no image', (image) => {
  expect(() => parseImage(image)).toThrow(expect.objectContaining({ reason: 'image', waiting: 'InvalidImageName' }));
});

test('credentials are those of the registry, the most particular first', () => {
  const auths = {
    'https://index.docker.io/v1/': { auth: Buffer.from('hub:h:1').toString('base64') },
    'r.io': { username: 'all', password: 'a' },
    'r.io/team': { username: 'team', password: 't' },
    '*.example.com': { username: 'star', password: 's' },
  };
  const secret: Secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's' },
    type: 'kubernetes.io/dockerconfigjson',
    data: { '.dockerconfigjson': Buffer.from(JSON.stringify({ auths })).toString('base64') },
  };
  const users = (image: string) => credentialsFor(parseImage(image), [secret]).map(({ username }) => username);
  expect(credentialsFor(parseImage('busybox'), [secret])).toEqual([{ username: 'hub', password: 'h:1' }]);
  expect(users('r.io/team/app')).toEqual(['team', 'all']);
  expect(users('r.io/teams/app')).toEqual(['all']);
  expect(users('a.example.com/x')).toEqual(['star']);
  expect(users('a.b.example.com/x')).toEqual([]);
});
