import { describe, expect, it } from 'vitest';
import podResource from '#api/core/pod/index.js';
import type { PersistentVolumeClaim, Pod } from '#api/gen/core-v1.js';
import type { Ingress } from '#api/gen/networking-v1.js';
import ingressResource from '#api/networking/ingress.js';
import { defineResource } from '#api/resource.js';
import { defaultIngressClass, defaultStorageClass } from './default-classes.js';
import { runtimeClass } from './runtime-class.js';
import { storageProtection } from './storage-protection.js';
import { refused, request, run, Shelf } from './test-admission.js';
import { mergeTolerations } from './toleration-sets.js';
import { volumeClaimResize } from './volume-claim-resize.js';

const claims = defineResource({ group: '', versions: ['v1'], kind: 'PersistentVolumeClaim', namespaced: true });
const claim = (spec: object = {}, extra: object = {}): PersistentVolumeClaim =>
  ({ metadata: { name: 'd', namespace: 'ns' }, spec, ...extra }) as PersistentVolumeClaim;

const marked = (key: string, name: string, creationTimestamp: string) => ({
  metadata: { name, creationTimestamp, annotations: { [key]: 'true' } },
});

describe('default classes', () => {
  const storageKey = 'storageclass.kubernetes.io/is-default-class';

  it('give claims the newest default, then the first by name', async () => {
    const shelf = new Shelf();
    const plugin = defaultStorageClass({ registry: shelf.registry });
    const classOf = async (object: PersistentVolumeClaim) => {
      await run(plugin, request(claims, object));
      return object.spec?.storageClassName;
    };
    expect(await classOf(claim())).toBeUndefined();
    shelf.put('storageclasses', { metadata: { name: 'plain', creationTimestamp: '2026-01-03T00:00:00Z' } });
    shelf.put('storageclasses', marked(storageKey, 'old', '2026-01-01T00:00:00Z'));
    shelf.put('storageclasses', marked(storageKey, 'c', '2026-01-02T00:00:00Z'));
    shelf.put('storageclasses', marked(storageKey, 'b', '2026-01-02T00:00:00Z'));
    expect(await classOf(claim())).toBe('b');
    expect(await classOf(claim({ storageClassName: '' }))).toBe('');
    const annotations = { 'volume.beta.kubernetes.io/storage-class': 'x' };
    expect(await classOf(claim({}, { metadata: { name: 'd', namespace: 'ns', annotations } }))).toBeUndefined();
  });

  it('give ingresses theirs', async () => {
    const shelf = new Shelf();
    shelf.put('ingressclasses', marked('ingressclass.kubernetes.io/is-default-class', 'nginx', '2026-01-01T00:00:00Z'));
    const plugin = defaultIngressClass({ registry: shelf.registry });
    const classOf = async (annotations: object) => {
      const object = { metadata: { name: 'i', namespace: 'ns', annotations }, spec: {} } as Ingress;
      await run(plugin, request(ingressResource, object));
      return object.spec?.ingressClassName;
    };
    expect(await classOf({})).toBe('nginx');
    expect(await classOf({ 'kubernetes.io/ingress.class': 'other' })).toBeUndefined();
  });
});

describe('PersistentVolumeClaimResize', () => {
  it('lets bound claims grow where their class allows it', async () => {
    const shelf = new Shelf();
    shelf.put('storageclasses', { metadata: { name: 'grows' }, allowVolumeExpansion: true });
    shelf.put('storageclasses', { metadata: { name: 'stays' } });
    const plugin = volumeClaimResize({ registry: shelf.registry });
    const sized = (storage: string, storageClassName: string, phase = 'Bound') =>
      claim({ storageClassName, resources: { requests: { storage } } }, { status: { phase } });
    const grow = (storageClassName: string, phase?: string) =>
      request(claims, sized('2Gi', storageClassName, phase), {
        operation: 'UPDATE',
        old: sized('1Gi', storageClassName, phase),
      });
    await run(plugin, grow('grows'));
    expect(await refused(plugin, grow('grows', 'Pending'))).toBe(
      'persistentvolumeclaims "d" is forbidden: Only bound persistent volume claims can be expanded',
    );
    const why =
      'persistentvolumeclaims "d" is forbidden: only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize';
    for (const name of ['stays', 'missing', '']) expect(await refused(plugin, grow(name))).toBe(why);
    const shrink = request(claims, sized('1Gi', 'stays'), { operation: 'UPDATE', old: sized('2Gi', 'stays') });
    await run(plugin, shrink);
  });
});

describe('StorageObjectInUseProtection', () => {
  it('adds its finalizer once', async () => {
    const object = claim();
    await run(storageProtection, request(claims, object));
    await run(storageProtection, request(claims, object));
    expect(object.metadata.finalizers).toEqual(['kubernetes.io/pvc-protection']);
  });
});

describe('RuntimeClass', () => {
  const shelf = new Shelf();
  shelf.put('runtimeclasses', {
    metadata: { name: 'vm' },
    overhead: { podFixed: { cpu: '250m' } },
    scheduling: { nodeSelector: { vm: 'yes' }, tolerations: [{ key: 'vm', operator: 'Exists' }] },
  });
  const plugin = runtimeClass({ registry: shelf.registry });
  const pod = (spec: object): Pod =>
    ({ metadata: { name: 'p', namespace: 'ns' }, spec: { containers: [], ...spec } }) as unknown as Pod;

  it('sets what the class says', async () => {
    const object = pod({ runtimeClassName: 'vm', nodeSelector: { a: 'b' }, overhead: { cpu: '0.25' } });
    await run(plugin, request(podResource, object));
    expect(object.spec).toMatchObject({
      overhead: { cpu: '250m' },
      nodeSelector: { a: 'b', vm: 'yes' },
      tolerations: [{ key: 'vm', operator: 'Exists' }],
    });
  });

  it.each([
    [{ runtimeClassName: 'x' }, 'pod rejected: RuntimeClass "x" not found'],
    [
      { runtimeClassName: 'vm', overhead: { cpu: '1' } },
      "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
    ],
    [{ overhead: { cpu: '1' } }, 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead'],
    [
      { runtimeClassName: 'vm', nodeSelector: { vm: 'no' } },
      'conflict: runtimeClass.scheduling.nodeSelector[vm] = yes; pod.spec.nodeSelector[vm] = no',
    ],
  ])('refuses %j', async (spec, text) => {
    expect(await refused(plugin, request(podResource, pod(spec)))).toBe(`pods "p" is forbidden: ${text}`);
  });

  it('keeps the widest of tolerations', () => {
    const all = { operator: 'Exists' };
    const a = { key: 'a', operator: 'Equal', value: 'v', effect: 'NoExecute', tolerationSeconds: 30 };
    expect(mergeTolerations([a, { ...a, tolerationSeconds: 60 }])).toEqual([{ ...a, tolerationSeconds: 60 }]);
    expect(mergeTolerations([a, a, { key: 'b', operator: 'Exists' }])).toEqual([a, { key: 'b', operator: 'Exists' }]);
    expect(mergeTolerations([a, all])).toEqual([all]);
  });
});
