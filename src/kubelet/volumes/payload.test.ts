import { expect, it } from 'vitest';
import type { Pod } from '#api/gen/core-v1.js';
import { type PayloadSources, volumePayload } from './payload.js';

const sources = { tokens: { get: async () => ({ token: 't', renewInMs: 1 }) } } as unknown as PayloadSources;
const volume = { name: 'v', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } };
const pod = (securityContext: object, ...users: number[]) =>
  ({
    metadata: { name: 'p', namespace: 'ns' },
    spec: {
      securityContext,
      containers: users.map((runAsUser) => ({ name: `c${runAsUser}`, securityContext: { runAsUser } })),
      initContainers: [{ name: 'i' }],
    },
  }) as unknown as Pod;

it.each<[string, Pod, number, number | undefined]>([
  ['the user of all, and nobody else', pod({ runAsUser: 1000 }), 0o600, 1000],
  ['the group', pod({ fsGroup: 10000 }), 0o600, undefined],
  ['the user of all, and the group', pod({ runAsUser: 1000, fsGroup: 10000 }), 0o600, 1000],
  ['everybody, where nothing is said', pod({}), 0o644, undefined],
  ['everybody, where users differ', pod({ runAsUser: 1000 }, 1001), 0o644, undefined],
])('gives a token to %s', async (_, owner, mode, uid) => {
  const { files } = await volumePayload(volume, owner, sources);
  expect(files.get('token')).toEqual({ data: Buffer.from('t'), mode, uid });
});
