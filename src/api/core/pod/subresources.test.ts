import { describe, expect, test } from 'vitest';
import type { Pod } from '#api/gen/core-v1.js';
import { collect } from '#apimachinery/field-error.js';
import { copy } from '#base/json.js';
import pods from './index.js';
import { ephemeralContainersRules, resizeRules, validateBinding } from './subresources.js';

const texts = (errors: readonly { message: string }[]) => errors.map(({ message }) => message);

function podOf(change: (pod: Pod) => void = () => {}): Pod {
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'default' },
    spec: { containers: [{ name: 'web', image: 'nginx', resources: { requests: { cpu: '1', memory: '1Gi' } } }] },
    status: { phase: 'Running', qosClass: 'Burstable' },
  };
  change(pod);
  pods.default!(pod);
  return pod;
}

test('a binding names a node', () => {
  const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'web' }, target: { kind: 'Minion' } };
  expect(texts(validateBinding(binding))).toEqual([
    'target.kind: Unsupported value: "Minion": supported values: "Node", "<empty>"',
    'target.name: Required value',
  ]);
  expect(validateBinding({ ...binding, target: { name: 'one' } })).toEqual([]);
});

describe('through /ephemeralcontainers', () => {
  const { prepare } = ephemeralContainersRules;
  const validate = (pod: Pod, old: Pod) => collect(ephemeralContainersRules.validate(pod, old));
  const withDebugger = (image: string) =>
    podOf((pod) => (pod.spec.ephemeralContainers = [{ name: 'debug', image, targetContainerName: 'web' }]));

  test('nothing but those containers changes', () => {
    const pod = withDebugger('busybox');
    pod.spec.containers[0]!.image = 'other';
    prepare(pod, podOf());
    expect(pod.spec.containers[0]!.image).toBe('nginx');
    expect(pod.spec.ephemeralContainers).toHaveLength(1);
    expect(validate(pod, podOf())).toEqual([]);
  });

  test('what is there stays as it is', () => {
    expect(texts(validate(podOf(), withDebugger('busybox')))).toEqual([
      'spec.ephemeralContainers: Forbidden: existing ephemeral containers "debug" may not be removed\n',
    ]);
    const [message] = texts(validate(withDebugger('other'), withDebugger('busybox')));
    expect(message).toContain('existing ephemeral containers "debug" may not be changed');
  });

  test('a debugger is no part of the workload', () => {
    const pod = withDebugger('busybox');
    pod.spec.ephemeralContainers![0]!.ports = [{ containerPort: 80, protocol: 'TCP' }];
    pod.spec.ephemeralContainers![0]!.targetContainerName = 'nobody';
    expect(texts(validate(pod, podOf()))).toEqual([
      'spec.ephemeralContainers[0].targetContainerName: Not found: "nobody"',
      'spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container',
    ]);
  });

  test('static pods take none', () => {
    const old = podOf((pod) => {
      pod.metadata.annotations = { 'kubernetes.io/config.mirror': 'x' };
      pod.spec.nodeName = 'one';
    });
    expect(texts(validate(copy(old), old))).toEqual(['[]: Forbidden: static pods do not support ephemeral containers']);
  });
});

describe('through /resize', () => {
  const { prepare } = resizeRules;
  const validate = (pod: Pod, old: Pod) => collect(resizeRules.validate(pod, old));
  const resized = (requests: Record<string, string>, limits?: Record<string, string>) =>
    podOf((pod) => (pod.spec.containers[0]!.resources = { requests, ...(limits && { limits }) }));

  test('cpu and memory change, and nothing else', () => {
    const pod = resized({ cpu: '2', memory: '2Gi' });
    pod.spec.containers[0]!.image = 'other';
    prepare(pod, podOf());
    expect(pod.spec.containers[0]).toMatchObject({ image: 'nginx', resources: { requests: { cpu: '2' } } });
    expect(validate(pod, podOf())).toEqual([]);
    expect(texts(validate(resized({ cpu: '1', memory: '1Gi', 'ephemeral-storage': '1Gi' }), podOf()))).toEqual([
      'spec: Forbidden: only cpu and memory resources are mutable',
    ]);
  });

  test('what was asked stays asked, and the class stays', () => {
    expect(texts(validate(resized({ cpu: '1' }), podOf()))).toEqual([
      'spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed',
    ]);
    const all = { cpu: '1', memory: '1Gi' };
    expect(texts(validate(resized(all, all), podOf()))).toEqual([
      'spec: Invalid value: "Burstable": Pod QOS Class may not change as a result of resizing',
    ]);
  });

  test('the pod as a whole may have more, and not nothing', () => {
    const whole = (cpu?: string) =>
      podOf((pod) => {
        if (cpu) pod.spec.resources = { requests: { cpu, memory: '1Gi' } };
      });
    const pod = whole('3');
    prepare(pod, whole('2'));
    expect(pod.spec.resources?.requests?.['cpu']).toBe('3');
    expect(validate(pod, whole('2'))).toEqual([]);
    expect(texts(validate(whole(), whole('2')))).toEqual([
      'spec.resources: Forbidden: pod-level resources cannot be removed',
    ]);
  });

  test('containers do not come and go', () => {
    const pod = podOf((one) => one.spec.containers.push({ name: 'more', image: 'nginx' }));
    prepare(pod, podOf());
    expect(texts(validate(pod, podOf()))).toEqual([
      'spec.containers: Forbidden: containers may not be added or removed on resize',
    ]);
    const renamed = podOf((one) => (one.spec.containers[0]!.name = 'other'));
    prepare(renamed, podOf());
    expect(texts(validate(renamed, podOf()))).toEqual([
      'spec.containers[0].name: Forbidden: containers may not be renamed or reordered on resize',
    ]);
  });

  test('what restarts on a resize stays', () => {
    const pod = podOf((one) => {
      one.spec.containers[0]!.resizePolicy = [{ resourceName: 'cpu', restartPolicy: 'RestartContainer' }];
    });
    prepare(pod, podOf());
    expect(texts(validate(pod, podOf()))).toEqual(['spec: Forbidden: only cpu and memory resources are mutable']);
  });
});
