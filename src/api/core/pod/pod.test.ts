import { describe, expect, test } from 'vitest';
import type { ContainerStatus, Pod, PodSpec, PodStatus } from '#api/gen/core-v1.js';
import { copy } from '#base/json.js';
import pods from './index.js';
import { qosClassOf } from './resources.js';

const nowMs = Date.parse('2026-01-01T01:00:00Z');

function podOf(spec: Partial<PodSpec>, status?: PodStatus, metadata: Pod['metadata'] = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', creationTimestamp: '2026-01-01T00:58:00Z', ...metadata },
    spec: copy({ containers: [{ name: 'web', image: 'nginx' }], ...spec }),
    ...(status && { status }),
  };
}

describe('defaults', () => {
  test('fill a pod with what upstream fills it with', () => {
    const pod = podOf({
      containers: [
        {
          name: 'web',
          image: 'nginx:1.27',
          ports: [{ containerPort: 80 }],
          resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m' } },
          livenessProbe: { httpGet: { port: 80 } },
          env: [{ name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } }],
        },
      ],
      volumes: [{ name: 'empty' }, { name: 'config', configMap: { name: 'c' } }],
      serviceAccountName: 'robot',
    });
    pods.default!(pod);
    expect(pod.spec).toEqual({
      containers: [
        {
          name: 'web',
          image: 'nginx:1.27',
          imagePullPolicy: 'IfNotPresent',
          terminationMessagePath: '/dev/termination-log',
          terminationMessagePolicy: 'File',
          ports: [{ containerPort: 80, protocol: 'TCP' }],
          resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m', memory: '1Gi' } },
          livenessProbe: {
            httpGet: { port: 80, path: '/', scheme: 'HTTP' },
            timeoutSeconds: 1,
            periodSeconds: 10,
            successThreshold: 1,
            failureThreshold: 3,
          },
          env: [{ name: 'NODE', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'spec.nodeName' } } }],
        },
      ],
      volumes: [
        { name: 'empty', emptyDir: {} },
        { name: 'config', configMap: { name: 'c', defaultMode: 420 } },
      ],
      dnsPolicy: 'ClusterFirst',
      restartPolicy: 'Always',
      schedulerName: 'default-scheduler',
      securityContext: {},
      terminationGracePeriodSeconds: 30,
      enableServiceLinks: true,
      serviceAccountName: 'robot',
      serviceAccount: 'robot',
    });
  });

  test('change nothing when applied again', () => {
    const pod = podOf({ resources: { limits: { cpu: '2' } } });
    pods.default!(pod);
    const once = copy(pod);
    pods.default!(pod);
    expect(pod).toEqual(once);
  });

  test.each([
    ['nginx', 'Always'],
    ['nginx:latest', 'Always'],
    ['nginx:1.27', 'IfNotPresent'],
    ['registry:5000/nginx', 'Always'],
    [`nginx@sha256:${'a'.repeat(64)}`, 'IfNotPresent'],
    [`nginx:latest@sha256:${'a'.repeat(64)}`, 'Always'],
    ['No Such Image', 'IfNotPresent'],
  ])('pull %s %s', (image, policy) => {
    const pod = podOf({ containers: [{ name: 'web', image }] });
    pods.default!(pod);
    expect(pod.spec.containers[0]!.imagePullPolicy).toBe(policy);
  });
});

test('a new pod is pending, with the class that its resources give it', () => {
  const pod = podOf({ schedulingGates: [{ name: 'example.com/wait' }] }, { phase: 'Running' });
  pods.prepareForCreate!(pod);
  expect(pod.status).toMatchObject({ phase: 'Pending', qosClass: 'BestEffort' });
  expect(pod.status!.conditions![0]).toMatchObject({ type: 'PodScheduled', reason: 'SchedulingGated' });
});

test('label keys are resolved into the selector when a pod is made', () => {
  const term = { topologyKey: 'zone', labelSelector: {}, matchLabelKeys: ['app'], mismatchLabelKeys: ['tenant'] };
  const pod = podOf({ affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } } });
  pod.metadata.labels = { app: 'web', tenant: 'a' };
  pods.prepareForCreate!(pod);
  const [merged] = pod.spec.affinity!.podAffinity!.requiredDuringSchedulingIgnoredDuringExecution!;
  expect(merged!.labelSelector!.matchExpressions).toEqual([
    { key: 'app', operator: 'In', values: ['web'] },
    { key: 'tenant', operator: 'NotIn', values: ['a'] },
  ]);
});

describe('quality of service', () => {
  const of = (resources: PodSpec['containers'][number]['resources']) =>
    qosClassOf({ containers: [{ name: 'web', ...(resources && { resources }) }] });
  const both = { cpu: '1', memory: '1Gi' };

  test('follows requests and limits', () => {
    expect(of(undefined)).toBe('BestEffort');
    expect(of({ requests: { cpu: '0' } })).toBe('BestEffort');
    expect(of({ requests: { cpu: '1' } })).toBe('Burstable');
    expect(of({ requests: { cpu: '1' }, limits: both })).toBe('Burstable');
    expect(of({ requests: { cpu: '1000m', memory: '1Gi' }, limits: both })).toBe('Guaranteed');
    expect(of({ requests: { 'example.com/gpu': '1' }, limits: { 'example.com/gpu': '1' } })).toBe('BestEffort');
  });
});

describe('grace of deletion', () => {
  const grace = (pod: Pod, asked?: number) => pods.deletion!.gracePeriodSeconds!(pod, asked);
  const spec = { nodeName: 'one', terminationGracePeriodSeconds: 30 };

  test('is what was asked, else what the pod says', () => {
    expect(grace(podOf(spec))).toBe(30);
    expect(grace(podOf(spec), 5)).toBe(5);
    expect(grace(podOf(spec), 0)).toBe(0);
    expect(grace(podOf({ ...spec, terminationGracePeriodSeconds: -1 }))).toBe(1);
  });

  test('is none where nothing runs', () => {
    expect(grace(podOf({ ...spec, nodeName: '' }))).toBe(0);
    expect(grace(podOf(spec, { phase: 'Succeeded' }), 20)).toBe(0);
  });
});

describe('columns', () => {
  const running: ContainerStatus = {
    name: 'web',
    ready: true,
    restartCount: 0,
    image: '',
    imageID: '',
    state: { running: {} },
  };
  const ended = (exitCode: number, reason?: string) => ({
    ...running,
    ready: false,
    state: { terminated: { exitCode, ...(reason && { reason }) } },
  });
  const show = (pod: Pod) =>
    pods
      .columns!.slice(1, 5)
      .map((column) => column.cell(pod, { nowMs }))
      .join(' ');
  const initContainers = [{ name: 'a' }, { name: 'b' }];

  test.each<[string, string, Pod]>([
    ['a pod that waits for a node', '0/1 Pending 0 2m', podOf({}, { phase: 'Pending' })],
    ['a running pod', '1/1 Running 0 2m', podOf({}, { phase: 'Running', containerStatuses: [running] })],
    [
      'a container that came back',
      '1/1 Running 3 (10m ago) 2m',
      podOf(
        {},
        {
          phase: 'Running',
          containerStatuses: [
            {
              ...running,
              restartCount: 3,
              lastState: { terminated: { exitCode: 1, finishedAt: '2026-01-01T00:50:00Z' } },
            },
          ],
        },
      ),
    ],
    [
      'a container that keeps failing',
      '0/1 CrashLoopBackOff 2 2m',
      podOf(
        {},
        {
          phase: 'Running',
          containerStatuses: [
            { ...running, ready: false, restartCount: 2, state: { waiting: { reason: 'CrashLoopBackOff' } } },
          ],
        },
      ),
    ],
    ['an evicted pod', '0/1 Evicted 0 2m', podOf({}, { phase: 'Failed', reason: 'Evicted' })],
    [
      'a finished pod',
      '0/1 Completed 0 2m',
      podOf({}, { phase: 'Succeeded', containerStatuses: [ended(0, 'Completed')] }),
    ],
    ['a silent failure', '0/1 ExitCode:2 0 2m', podOf({}, { phase: 'Failed', containerStatuses: [ended(2)] })],
    [
      'one container done beside one running',
      '1/1 NotReady 0 2m',
      podOf({}, { phase: 'Running', containerStatuses: [ended(0, 'Completed'), running] }),
    ],
    [
      'the same once ready',
      '1/1 Running 0 2m',
      podOf(
        {},
        {
          phase: 'Running',
          conditions: [{ type: 'Ready', status: 'True' }],
          containerStatuses: [ended(0, 'Completed'), running],
        },
      ),
    ],
    [
      'the second of two init containers',
      '0/1 Init:1/2 0 2m',
      podOf({ initContainers }, { phase: 'Pending', initContainerStatuses: [ended(0), { ...running, name: 'b' }] }),
    ],
    [
      'an init container that failed',
      '0/1 Init:Error 0 2m',
      podOf({ initContainers }, { phase: 'Pending', initContainerStatuses: [ended(1, 'Error')] }),
    ],
    [
      'a sidecar that is up',
      '2/2 Running 0 2m',
      podOf(
        { initContainers: [{ name: 'a', restartPolicy: 'Always' }] },
        {
          phase: 'Running',
          initContainerStatuses: [{ ...running, name: 'a', started: true }],
          containerStatuses: [running],
        },
      ),
    ],
    [
      'a pod on its way out',
      '1/1 Terminating 0 2m',
      podOf({}, { phase: 'Running', containerStatuses: [running] }, { deletionTimestamp: '2026-01-01T00:59:00Z' }),
    ],
    [
      'a gated pod',
      '0/1 SchedulingGated 0 2m',
      podOf(
        {},
        { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }] },
      ),
    ],
  ])('show %s as %s', (_, text, pod) => {
    expect(show(pod)).toBe(text);
  });
});

test('warnings name what was most likely not meant', () => {
  const pod = podOf({
    nodeSelector: { 'beta.kubernetes.io/os': 'linux' },
    containers: [
      {
        name: 'web',
        image: 'nginx',
        env: [
          { name: 'A', value: '1' },
          { name: 'A', value: '2' },
        ],
        resources: { limits: { memory: '100m' } },
      },
    ],
  });
  expect(pods.warnings!(pod, undefined)).toEqual([
    'spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead',
    'spec.containers[0].resources.limits[memory]: fractional byte value "100m" is invalid, must be an integer',
    'spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply',
  ]);
  expect(pods.warnings!(pod, pod)).toEqual([]);
});

test('warnings name ports, files and selectors that stand in each other’s way or reach nothing', () => {
  const port = (more: object) => ({ containerPort: 80, protocol: 'TCP', ...more });
  const items = [
    { key: 'a', path: 'x' },
    { key: 'b', path: 'x/y' },
  ];
  const pod = podOf({
    containers: [
      { name: 'web', image: 'nginx', ports: [port({ hostPort: 80 }), port({ hostPort: 80, hostIP: '10.0.0.1' })] },
      { name: 'other', image: 'nginx', ports: [port({ containerPort: 81, hostIP: '10.0.0.1' })] },
    ],
    volumes: [
      { name: 'files', configMap: { name: 'c', items } },
      {
        name: 'all',
        projected: { sources: [{ secret: { name: 's', items } }, { serviceAccountToken: { path: 'x' } }] },
      },
    ],
    affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'zone' }] } },
    hostAliases: [{ ip: '2001:DB8::1' }],
  });
  expect(pods.warnings!(pod, undefined)).toEqual([
    'volume "files" (ConfigMap "c"): overlapping paths: "x/y" with "x"',
    'volume "all" (Projected Secret "s"): overlapping paths: "x/y" with "x"',
    'volume "all" (Projected Secret "s"): overlapping paths: "x/y" with "x"',
    'volume "all" (Projected ServiceAccountToken): overlapping paths: "x" with "x"',
    'volume "all" (Projected ServiceAccountToken): overlapping paths: "x/y" with "x"',
    'spec.containers[0].ports[1]: dangerously ambiguous port definition with spec.containers[0].ports[0]',
    'spec.containers[1].ports[0]: hostIP set without hostPort: {Name: HostPort:0 ContainerPort:81 Protocol:TCP HostIP:10.0.0.1}',
    'spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector: a null labelSelector results in matching no pod',
    'spec.hostAliases[0].ip: IPv6 address "2001:DB8::1" should be in RFC 5952 canonical format ("2001:db8::1")',
  ]);
});
