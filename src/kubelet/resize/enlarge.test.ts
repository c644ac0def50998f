import { expect, test, vi } from 'vitest';
import type { Container, Pod } from '#api/gen/core-v1.js';
import type { NodeContext } from '../node-context.js';
import { enlarge } from './enlarge.js';

const withCpu = (name: string, cpu: string): Container => ({ name, resources: { limits: { cpu }, requests: { cpu } } });

test('a pod keeps room for what an init container still has until that has less', async () => {
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', uid: 'u1' },
    spec: { initContainers: [withCpu('init', '20m')], containers: [withCpu('main', '10m')] },
  };
  const init = { id: 'c1', name: 'init', sandboxId: 's1', attempt: 0, state: 'running' };
  const ensure = vi.fn(async () => {});
  const context = {
    states: { of: () => ({ sandboxes: [], containers: [init] }) },
    cgroups: { ensure },
    paths: { cgroupRoot: '/t8s' },
  };
  const containers = new Map([['c1', { own: withCpu('init', '25m').resources!, whole: undefined }]]);
  await enlarge(context as unknown as NodeContext, pod, { changes: [], actual: { whole: undefined, containers } });
  expect(ensure).toHaveBeenCalledWith(pod, expect.objectContaining({ cpuQuotaUs: 2500 }));
});
