import { describe, expect, it } from 'vitest';
import podResource from '#api/core/pod/index.js';
import type { Pod } from '#api/gen/core-v1.js';
import { defineResource } from '#api/resource.js';
import { limitRanger } from './limit-ranger.js';
import { refused, request, run, Shelf } from './test-admission.js';

const claims = defineResource({ group: '', versions: ['v1'], kind: 'PersistentVolumeClaim', namespaced: true });

function withLimits(...limits: object[]) {
  const shelf = new Shelf();
  shelf.put('limitranges', { metadata: { name: 'l', namespace: 'ns' }, spec: { limits } });
  return limitRanger({ registry: shelf.registry });
}

const pod = (spec: object = {}): Pod =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'ns' },
    spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
  }) as Pod;
const container = (name: string, requests: object = {}, limits: object = {}) => ({
  name,
  resources: { requests, limits },
});

describe('LimitRanger', () => {
  it('fills in what containers leave out, and notes it', async () => {
    const plugin = withLimits({
      type: 'Container',
      defaultRequest: { memory: '1Gi', cpu: '100m' },
      default: { cpu: '1' },
    });
    const object = pod({ containers: [container('c', { cpu: '5m' })], initContainers: [{ name: 'i' }] });
    await run(plugin, request(podResource, object));
    expect(object.spec.containers[0]!.resources).toEqual({
      requests: { cpu: '5m', memory: '1Gi' },
      limits: { cpu: '1' },
    });
    expect(object.metadata.annotations).toEqual({
      'kubernetes.io/limit-ranger':
        'LimitRanger plugin set: memory request for container c; cpu limit for container c; cpu, memory request for init container i; cpu limit for init container i',
    });
  });

  it.each<[string, object, object, string]>([
    [
      'min',
      { min: { cpu: '100m' } },
      container('c'),
      'minimum cpu usage per Container is 100m.  No request is specified',
    ],
    [
      'min',
      { min: { cpu: '100m' } },
      container('c', { cpu: '50m' }),
      'minimum cpu usage per Container is 100m, but request is 50m',
    ],
    [
      'min',
      { min: { cpu: '100m' } },
      container('c', { cpu: '0.1' }, { cpu: '50m' }),
      'minimum cpu usage per Container is 100m, but limit is 50m',
    ],
    [
      'max',
      { max: { memory: '1Gi' } },
      container('c'),
      'maximum memory usage per Container is 1Gi.  No limit is specified',
    ],
    [
      'max',
      { max: { memory: '1Gi' } },
      container('c', {}, { memory: '2Gi' }),
      'maximum memory usage per Container is 1Gi, but limit is 2Gi',
    ],
    [
      'ratio',
      { maxLimitRequestRatio: { cpu: '2' } },
      container('c', { cpu: '100m' }, { cpu: '250m' }),
      'cpu max limit to request ratio per Container is 2, but provided ratio is 2.500000',
    ],
    [
      'ratio',
      { maxLimitRequestRatio: { cpu: '2' } },
      container('c', {}, { cpu: '1' }),
      'cpu max limit to request ratio per Container is 2, but no request is specified or request is 0',
    ],
    [
      'all',
      { min: { cpu: '1' }, max: { cpu: '2' } },
      container('c'),
      '[minimum cpu usage per Container is 1.  No request is specified, maximum cpu usage per Container is 2.  No limit is specified]',
    ],
  ])('holds containers to %s', async (_, limit, one, text) => {
    const plugin = withLimits({ type: 'Container', ...limit });
    expect(await refused(plugin, request(podResource, pod({ containers: [one] })))).toBe(
      `pods "p" is forbidden: ${text}`,
    );
  });

  it('holds pods to limits on their sum, of which init containers are a part by their peak', async () => {
    const plugin = withLimits({ type: 'Pod', max: { cpu: '1' } });
    const of = (containers: object[], initContainers: object[]) =>
      request(podResource, pod({ containers, initContainers }));
    const half = (name: string) => container(name, {}, { cpu: '500m' });
    await run(plugin, of([half('a'), half('b')], [container('i', {}, { cpu: '1' })]));
    expect(await refused(plugin, of([half('a'), half('b'), half('c')], []))).toContain('but limit is 1500m');
    const sidecar = { ...half('s'), restartPolicy: 'Always' };
    expect(await refused(plugin, of([half('a'), half('b')], [sidecar]))).toContain('but limit is 1500m');
  });

  it('holds claims to what they may ask for', async () => {
    const plugin = withLimits({ type: 'PersistentVolumeClaim', min: { storage: '1Gi' }, max: { storage: '2Gi' } });
    const claim = (storage: string) =>
      request(claims, { metadata: { name: 'd', namespace: 'ns' }, spec: { resources: { requests: { storage } } } });
    await run(plugin, claim('2Gi'));
    expect(await refused(plugin, claim('3Gi'))).toBe(
      'persistentvolumeclaims "d" is forbidden: maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi',
    );
    expect(await refused(plugin, claim('1Mi'))).toContain('minimum storage usage per PersistentVolumeClaim is 1Gi');
  });

  it('leaves updates of pods, what is being deleted, and other namespaces alone', () => {
    const plugin = withLimits({ type: 'Container', min: { cpu: '1' } });
    const old = pod();
    expect(plugin.handles(request(podResource, pod(), { operation: 'UPDATE', old }))).toBe(false);
    expect(plugin.handles(request(podResource, pod(), { operation: 'UPDATE', old, subresource: 'resize' }))).toBe(true);
    const going = { metadata: { name: 'd', namespace: 'ns', deletionTimestamp: '2026-01-01T00:00:00Z' } };
    expect(plugin.handles(request(claims, going, { operation: 'UPDATE', old: going as never }))).toBe(false);
  });
});
