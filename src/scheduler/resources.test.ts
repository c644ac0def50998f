/** What the scheduler takes a pod to need. */
import { expect, test } from 'vitest';
import type { Pod, PodStatus } from '#api/gen/core-v1.js';
import { changesRequests, podRequests } from './resources.js';

const cpu = (amount: string) => ({ requests: { cpu: amount } });
const status = (name: string, actual: string, allocated?: string) => ({
  name,
  resources: cpu(actual),
  allocatedResources: allocated ? { cpu: allocated } : undefined,
});

function podOf(given: Partial<PodStatus>, spec: Partial<Pod['spec']> = {}): Pod {
  const initContainers = [
    { name: 'first', resources: cpu('100m') },
    { name: 'side', resources: cpu('100m'), restartPolicy: 'Always' },
  ];
  const containers = [{ name: 'c', resources: cpu('500m') }];
  return {
    metadata: { generation: 1 },
    spec: { containers, initContainers, ...spec },
    status: given,
  } as unknown as Pod;
}

const infeasible = [{ type: 'PodResizePending', status: 'True', reason: 'Infeasible' }];

test.each<[string, Partial<PodStatus>, number]>([
  ['what it asks for, before a kubelet has told', {}, 600],
  ['what it asks for, where it has that', { containerStatuses: [status('c', '500m', '500m')] as never }, 600],
  ['what it has, until it has given it back', { containerStatuses: [status('c', '2', '500m')] as never }, 2100],
  ['what it was granted, until it has given it back', { containerStatuses: [status('c', '500m', '1')] as never }, 1100],
  ['what it asks for, while it has less', { containerStatuses: [status('c', '200m', '200m')] as never }, 600],
  [
    'what it has, where the node cannot ever give what it asks for',
    { containerStatuses: [status('c', '200m', '300m')] as never, conditions: infeasible },
    400,
  ],
  ['what its sidecars have', { initContainerStatuses: [status('side', '1', '1')] as never }, 1500],
  ['no matter what its other init containers had', { initContainerStatuses: [status('first', '3')] as never }, 600],
])('a pod under resize counts by %s', (_, given, milliCpu) => {
  expect(podRequests(podOf(given)).requested.milliCpu).toBe(milliCpu);
});

test('a pod that is resized as a whole counts by the larger too', () => {
  const resources = { requests: { cpu: '1', 'hugepages-2Mi': '4Mi' } };
  const given = { resources: { requests: { cpu: '2', memory: '1Gi' } }, allocatedResources: { cpu: '1' } };
  const { requested } = podRequests(podOf(given, { resources }));
  expect(requested).toMatchObject({ milliCpu: 2000, memoryBytes: 0 });
  expect(requested.scalars.get('hugepages-2Mi')).toBe(4 << 20);
});

test('nothing is assumed of containers for a resource that the pod as a whole or one of them names', () => {
  const { nonZero } = podRequests(podOf({}, { resources: { requests: { memory: '1Gi' } }, initContainers: [] }));
  expect(nonZero).toMatchObject({ milliCpu: 500, memoryBytes: 2 ** 30 });
  const silent = [{ name: 'a' }, { name: 'b' }] as Pod['spec']['containers'];
  expect(podRequests(podOf({}, { containers: silent, initContainers: [] })).nonZero.milliCpu).toBe(200);
});

test('only a status that changes what counts makes room, or takes it', () => {
  const [before, told] = [podOf({}), podOf({ containerStatuses: [status('c', '500m', '500m')] as never })];
  expect(changesRequests(told, before)).toBe(false);
  const shrinking = podOf({ containerStatuses: [status('c', '2', '500m')] as never });
  expect(changesRequests(shrinking, told)).toBe(true);
  expect(changesRequests(told, shrinking)).toBe(true);
});
