import { expect, it } from 'vitest';
import podResource from '#api/core/pod/index.js';
import type { Container, Pod, ResourceRequirements } from '#api/gen/core-v1.js';
import { StatusError } from '#apimachinery/errors.js';
import { nodeDeclaredFeatures } from './node-declared-features.js';
import { request, run, Shelf } from './test-admission.js';

interface Shape {
  generation: number;
  whole?: string;
  init?: Partial<Container> & { cpu: string };
  nodeName?: string;
}

const asking = (cpu: string): ResourceRequirements => ({ requests: { cpu } });

function pod({ generation, whole = '1', init: { cpu, ...init } = { cpu: '1' }, nodeName = 'n' }: Shape): Pod {
  const initContainers = [{ name: 'i', resources: asking(cpu), ...init }];
  const spec = { nodeName, resources: asking(whole), containers: [{ name: 'c' }], initContainers };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace: 'ns', generation }, spec };
}

function change(old: Shape, now: Shape, declaredFeatures: readonly string[] = [], subresource = 'resize') {
  const shelf = new Shelf();
  shelf.put('nodes', { metadata: { name: 'n' }, status: { declaredFeatures } });
  const asked = { operation: 'UPDATE', subresource, old: pod(old) } as const;
  return run(nodeDeclaredFeatures(shelf), request(podResource, pod(now), asked)).then(
    () => undefined,
    (error: unknown) => (error instanceof StatusError ? error.message : error),
  );
}

const whole = 'InPlacePodLevelResourcesVerticalScaling';
const init = 'InPlacePodVerticalScalingInitContainers';
const lacks = (features: string) =>
  `pods "p" is forbidden: pod update requires features ${features} which are not available on node "n"`;

it.each<[string, Shape, Shape, readonly string[], string | undefined]>([
  ['nothing changes', { generation: 1 }, { generation: 1, whole: '2' }, [], undefined],
  ['the pod as a whole', { generation: 1 }, { generation: 2, whole: '2' }, [], lacks(whole)],
  ['the node can', { generation: 1 }, { generation: 2, whole: '2' }, [whole], undefined],
  ['an init container', { generation: 1 }, { generation: 2, init: { cpu: '2' } }, [whole], lacks(init)],
  ['both', { generation: 1 }, { generation: 2, whole: '2', init: { cpu: '2' } }, [], lacks(`${whole}, ${init}`)],
  [
    'a sidecar',
    { generation: 1, init: { cpu: '1', restartPolicy: 'Always' } },
    { generation: 2, init: { cpu: '2', restartPolicy: 'Always' } },
    [],
    undefined,
  ],
  ['no node yet', { generation: 1, nodeName: '' }, { generation: 2, whole: '2', nodeName: '' }, [], undefined],
  [
    'no such node',
    { generation: 1 },
    { generation: 2, whole: '2', nodeName: 'x' },
    [],
    'pods "p" is forbidden: node "x" not found',
  ],
])('asks the node what it can follow: %s', async (_, old, now, declared, message) => {
  expect(await change(old, now, declared)).toBe(message);
});
