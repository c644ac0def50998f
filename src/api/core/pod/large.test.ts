/** Lists of many elements, each of which the rules hold against another list: none may be gone through for each element. */
import { expect, it } from 'vitest';
import type { Container, Pod, PodSpec } from '#api/gen/core-v1.js';
import pods from './index.js';

const count = 20_000;
const many = <T>(each: (index: number) => T) => Array.from({ length: count }, (_, index) => each(index));
const container: Container = { name: 'c', image: 'i' };
const of = (more: Partial<Container>): Partial<PodSpec> => ({ containers: [{ ...container, ...more }] });

const specs: Record<string, Partial<PodSpec>> = {
  'mounts and devices': of({
    volumeMounts: many((i) => ({ name: `v${i}`, mountPath: `/m${i}` })),
    volumeDevices: many((i) => ({ name: `d${i}`, devicePath: `/d${i}` })),
  }),
  'claims of containers and of the pod': {
    ...of({ resources: { claims: many((i) => ({ name: `x${i}` })) } }),
    resourceClaims: many((i) => ({ name: `c${i}`, resourceClaimName: 'a' })),
  },
  'variables from files and volumes': {
    ...of({
      env: many((i) => ({ name: `E${i}`, valueFrom: { fileKeyRef: { volumeName: `v${i}`, path: 'p', key: 'k' } } })),
    }),
    volumes: many((i) => ({ name: `v${i}`, emptyDir: {} })),
  },
  'spread constraints': {
    topologySpreadConstraints: many((i) => ({ maxSkew: 1, topologyKey: `t${i}`, whenUnsatisfiable: 'DoNotSchedule' })),
  },
  'label keys of an affinity term': {
    affinity: {
      podAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          {
            topologyKey: 't',
            labelSelector: { matchExpressions: many((i) => ({ key: `k${i}`, operator: 'Exists' })) },
            matchLabelKeys: many((i) => `m${i}`),
            mismatchLabelKeys: many((i) => `n${i}`),
          },
        ],
      },
    },
  },
  'huge pages of the pod and of many containers': {
    containers: many((i) => ({ name: `c${i}`, image: 'i' })),
    initContainers: [{ name: 'd', image: 'i', resources: { limits: pages('a'), requests: pages('a') } }],
    resources: { limits: pages('b'), requests: pages('b') },
  },
};

function pages(letter: string): Record<string, string> {
  return Object.fromEntries(many((i) => [`hugepages-${i}${letter}`, '1']));
}

it.each(Object.entries(specs))('%s', (_, spec) => {
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'n' },
    spec: { containers: [container], ...spec },
  };
  const start = process.cpuUsage();
  pods.default!(pod);
  const errors = [...pods.validate!(pod), ...pods.validateCreate!(pod)];
  // Of processor time: the machine may have more to do.
  expect(process.cpuUsage(start).user / 1000).toBeLessThan(5000);
  // What is wrong is not told at the length of all that is right.
  expect(errors.reduce((sum, { body }) => sum + body.length, 0)).toBeLessThan(20_000_000);
});
