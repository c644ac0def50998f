import { expect, test } from 'vitest';
import type { PodTemplateSpec } from '#api/gen/core-v1.js';
import { dataHash, sameTemplate, templateHash } from './template-hash.js';

const template = (extra: object = {}, labels: Record<string, string> = { app: 'web' }): PodTemplateSpec => ({
  metadata: { labels },
  spec: { containers: [{ name: 'c', image: 'i' }], ...extra },
});

test('the hash label, nulls and empty values do not make another template', () => {
  const noisy = { ...template({}, { app: 'web', 'pod-template-hash': 'x' }) };
  const metadata = { ...noisy.metadata, creationTimestamp: null as unknown as string, annotations: {} };
  const spec = { ...noisy.spec!, tolerations: [], securityContext: {} };
  expect(sameTemplate({ metadata, spec }, template())).toBe(true);
});

test('an image, a label or a selector that becomes empty does', () => {
  expect(sameTemplate(template({ containers: [{ name: 'c', image: 'j' }] }), template())).toBe(false);
  expect(sameTemplate(template({}, { app: 'other' }), template())).toBe(false);
  const volumes = (source: object) => template({ volumes: [{ name: 'v', ...source }] });
  expect(sameTemplate(volumes({ emptyDir: {} }), volumes({}))).toBe(false);
});

/** Fields of many kinds: inlined structs, pointers to nothing and to something, maps, amounts that are large and small. */
const rich: PodTemplateSpec = {
  metadata: { labels: { b: '2', a: '1' }, annotations: { x: 'a<b' } },
  spec: {
    volumes: [
      { name: 'e', emptyDir: { sizeLimit: '1536Mi' } },
      { name: 'p', projected: { sources: [{ serviceAccountToken: { path: 't' } }], defaultMode: 420 } },
    ],
    initContainers: [{ name: 'i', image: 'i', restartPolicy: 'Always' }],
    containers: [
      {
        name: 'c',
        image: 'i',
        env: [{ name: 'R', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '0' } } }],
        resources: { limits: { cpu: '1500m', memory: '8Gi', 'x.y/z': '12345678901234567890' } },
        livenessProbe: { httpGet: { path: '/', port: 'http', scheme: 'HTTP' }, periodSeconds: 10 },
        securityContext: { runAsUser: 0, capabilities: { add: ['NET_ADMIN'] } },
      },
    ],
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    securityContext: {},
    serviceAccountName: 's',
    serviceAccount: 's',
    tolerations: [{ operator: 'Exists' }],
  },
};

/** As kube-controller-manager 1.36 names them. */
test.each([
  ['568b685c5b', template(), undefined],
  ['557bbd698d', template(), 0],
  ['54fcd5bfcf', template(), 300],
  ['699958bc6b', rich, undefined],
])("the name is upstream's: %s", (name, of, collisions) => {
  expect(templateHash(of, collisions)).toBe(name);
});

test('so is that of a revision, whose data Go writes with what HTML would take for its own escaped', () => {
  const containers = [
    {
      name: 'c',
      image: 'i',
      resources: {},
      terminationMessagePath: '/dev/termination-log',
      terminationMessagePolicy: 'File',
      imagePullPolicy: 'Always',
    },
  ];
  const spec = {
    containers,
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    securityContext: {},
    schedulerName: 'default-scheduler',
  };
  const metadata = { labels: { app: 'web' }, annotations: { x: 'a<b>&' } };
  expect(dataHash({ spec: { template: { $patch: 'replace', metadata, spec } } }, 0)).toBe('6f64b9bcc9');
});
