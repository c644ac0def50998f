import { expect, it } from 'vitest';
import podResource from '#api/core/pod/index.js';
import type { Pod } from '#api/gen/core-v1.js';
import { StatusError } from '#apimachinery/errors.js';
import { podResize } from './pod-resize.js';
import { request, run, Shelf } from './test-admission.js';

const pod = (generation: number, requests: object, nodeName = 'n') =>
  ({
    metadata: { name: 'p', namespace: 'ns', generation },
    spec: { nodeName, containers: [{ name: 'c', image: 'i', resources: { requests } }] },
  }) as unknown as Pod;

function resize(wanted: Pod, labels: object = { 'kubernetes.io/os': 'linux' }) {
  const shelf = new Shelf();
  shelf.put('nodes', { metadata: { name: 'n', labels }, status: { allocatable: { cpu: '2', memory: '1Gi' } } });
  const asked = { operation: 'UPDATE', subresource: 'resize', old: pod(1, {}) } as const;
  return run(podResize(shelf), request(podResource, wanted, asked)).then(
    () => undefined,
    (error: unknown) => (error instanceof StatusError ? error.status : error),
  );
}

it('lets pods grow to what their node has', async () => {
  expect(await resize(pod(2, { cpu: '2', memory: '1Gi' }))).toBeUndefined();
  expect(await resize(pod(2, { cpu: '2500m', memory: '2Gi' }))).toMatchObject({
    message:
      `pods "p" is forbidden: node didn't have enough allocatable resources: ` +
      'cpu, requested: 2500, allocatable: 2000; memory, requested: 2147483648, allocatable: 1073741824',
    code: 403,
    details: { name: 'p', kind: 'pods', causes: [{ reason: 'NodeCapacity' }] },
  });
  expect(await resize(pod(2, { cpu: '3' }, ''))).toBeUndefined();
  expect(await resize(pod(1, { cpu: '3' }))).toBeUndefined();
});

it('asks for a node that can', async () => {
  expect(await resize(pod(2, {}, 'gone'))).toMatchObject({ message: 'pods "p" is forbidden: node "gone" not found' });
  expect(await resize(pod(2, {}), { 'kubernetes.io/os': 'windows' })).toMatchObject({
    message: 'pods "p" is forbidden: pod resize is only supported on linux nodes, node "n" is "windows"',
    details: { causes: [{ reason: 'UnsupportedPlatform' }] },
  });
});
