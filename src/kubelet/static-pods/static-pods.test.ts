/** Pods of the node's own files, from a folder to the node and to the API. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { setUp } from '../test-kubelet.js';
import { ManifestError, readManifest } from './manifest.js';

const origin = { path: '/m/web.yaml', nodeName: 'n1', seen: '2026-01-01T00:00:00Z' };
const manifest = (more = '', image = 'busybox') => `apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers: [{name: c, image: ${image}}]
${more}`;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 't8s-static-'));
});
afterEach(() => rm(folder, { recursive: true }));

test('a manifest becomes a pod of this node, which no taint of it ends', async () => {
  const pod = await readManifest(manifest(), origin);
  expect(pod.metadata).toMatchObject({
    name: 'web-n1',
    namespace: 'default',
    uid: expect.stringMatching(/^[0-9a-f]{32}$/),
  });
  expect(pod.metadata.annotations).toEqual({
    'kubernetes.io/config.hash': pod.metadata.uid,
    'kubernetes.io/config.seen': '2026-01-01T00:00:00Z',
    'kubernetes.io/config.source': 'file',
  });
  expect(pod.spec).toMatchObject({ nodeName: 'n1', restartPolicy: 'Always', terminationGracePeriodSeconds: 30 });
  expect(pod.spec.tolerations).toEqual([{ operator: 'Exists', effect: 'NoExecute' }]);
  const others = await Promise.all([
    readManifest(manifest('', 'other'), origin),
    readManifest(manifest(), { ...origin, path: '/m/other.yaml' }),
  ]);
  expect(new Set([pod, ...others].map(({ metadata }) => metadata.uid)).size).toBe(3);
  expect((await readManifest(manifest(), { ...origin, seen: 'later' })).metadata.uid).toBe(pod.metadata.uid);
});

test.each([
  ['  serviceAccountName: a', 'serviceaccounts'],
  ['  volumes: [{name: v, secret: {secretName: s}}]', 'secrets'],
  ['  volumes: [{name: v, configMap: {name: s}}]', 'configmaps'],
  ['  volumes: [{name: v, persistentVolumeClaim: {claimName: s}}]', 'persistentvolumeclaims'],
  ['  volumes: [{name: v, csi: {driver: d.io}}]', 'csidrivers (via CSI volumes)'],
])('a manifest may not need the API: %s', async (more, what) => {
  await expect(readManifest(manifest(more), origin)).rejects.toThrow(`static pods may not reference ${what}`);
});

test('what is no pod is refused, whatever it is', async () => {
  await expect(readManifest('kind: Service\napiVersion: v1', origin)).rejects.toThrow(ManifestError);
  await expect(readManifest(manifest().replace('name: web', 'name: A_b'), origin)).rejects.toThrow('invalid pod: ');
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string(), fc.json()), async (text) => {
      await expect(readManifest(text, origin)).rejects.toThrow(ManifestError);
    }),
    { numRuns: 50 },
  );
});

async function node(settings: object = {}) {
  // Whoever gives the settings may have more of them, under names of ours.
  const given = { podManifestPath: folder, nodeName: undefined, ...settings };
  const node = await setUp({ kubelet: { settings: given } });
  return { ...node, mirror: () => node.api.pods.get('web-n1') };
}

/** Files are read in real time. */
async function until(clock: { advance(ms: number): Promise<void> }, isSo: () => unknown): Promise<void> {
  for (let tries = 0; !isSo(); tries++) {
    if (tries > 200) throw new Error('it did not come to be');
    await clock.advance(1000);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('a static pod runs, and shows its status on a mirror that belongs to the node', async () => {
  await writeFile(join(folder, 'web.yaml'), manifest());
  await writeFile(join(folder, '.hidden.yaml'), manifest().replace('web', 'hidden'));
  const { clock, mirror, kubelet, api } = await node();
  await until(clock, () => mirror()?.status?.phase === 'Running');
  expect(mirror()!.metadata).toMatchObject({
    annotations: { 'kubernetes.io/config.mirror': kubelet.pods()[0]!.metadata.uid },
    ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'n1', controller: true }],
  });
  expect([...api.pods.keys()]).toEqual(['web-n1']);
  await kubelet.stop();
});

test('a mirror that is deleted comes again, and what it stands for goes on', async () => {
  await writeFile(join(folder, 'web.yaml'), manifest());
  const { clock, mirror, kubelet, api, runtime } = await node();
  await until(clock, () => mirror()?.status?.phase === 'Running');
  const { containers: before } = await runtime.list();
  api.markDeleted('web-n1', 30);
  await until(clock, () => mirror() && !mirror()!.metadata.deletionTimestamp && mirror()!.status?.phase === 'Running');
  expect((await runtime.list()).containers.map(({ id }) => id)).toEqual(before.map(({ id }) => id));
  await kubelet.stop();
});

test('a changed manifest is another pod, which begins when the one before it is gone', async () => {
  await writeFile(join(folder, 'web.yaml'), manifest());
  const { clock, mirror, kubelet } = await node();
  await until(clock, () => mirror()?.status?.phase === 'Running');
  const before = mirror()!.metadata.annotations!['kubernetes.io/config.mirror'];
  await writeFile(join(folder, 'web.yaml'), manifest('', 'other'));
  await until(clock, () => mirror()?.spec.containers[0]?.image === 'other' && mirror()?.status?.phase === 'Running');
  expect(mirror()!.metadata.annotations!['kubernetes.io/config.mirror']).not.toBe(before);
  expect(kubelet.pods()).toHaveLength(1);
  await rm(join(folder, 'web.yaml'));
  await until(clock, () => !mirror() && kubelet.pods().length === 0);
  await kubelet.stop();
});

test('a mirror of a pod that no file describes is taken away', async () => {
  const { clock, api, kubelet } = await node();
  const metadata = {
    name: 'old-n1',
    namespace: 'default',
    uid: 'u',
    annotations: { 'kubernetes.io/config.mirror': 'x' },
  };
  api.put({ apiVersion: 'v1', kind: 'Pod', metadata, spec: { nodeName: 'n1', containers: [] } });
  await until(clock, () => !api.pods.has('old-n1'));
  expect(kubelet.pods()).toEqual([]);
  await kubelet.stop();
});
