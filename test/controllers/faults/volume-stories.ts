/** Volumes and devices: bound to one claim, kept while a pod uses them, made for pods, and gone with them. */
import volumes from '#api/core/persistentvolume/index.js';
import claims from '#api/core/persistentvolumeclaim.js';
import pods from '#api/core/pod/index.js';
import resourceClaims from '#api/devices/resourceclaim.js';
import resourceClaimTemplates from '#api/devices/resourceclaimtemplate.js';
import type { PersistentVolume, PersistentVolumeClaim, Pod, Volume } from '#api/gen/core-v1.js';
import { controllerOf } from '#apimachinery/object.js';
import { below, fraction } from '#base/prng.js';
import type { Law } from './history.js';
import { deleteSome, isLive, livePods } from './pods.js';
import type { Stage, Story } from './storm.js';

const accessModes = ['ReadWriteOnce'];
const sizes = ['1Gi', '2Gi', '3Gi'];
const sizeOf = (storage: string | undefined) => sizes.indexOf(storage ?? '');

function claim(name: string, { namespace }: Stage, storage: string): PersistentVolumeClaim {
  const spec = { accessModes, resources: { requests: { storage } }, storageClassName: namespace };
  return { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name, namespace }, spec };
}

/** Those of the story, which has a class of its own. */
async function volumesOf({ cluster, namespace }: Stage): Promise<PersistentVolume[]> {
  return (await cluster.list(volumes)).filter(({ spec }) => spec?.storageClassName === namespace);
}

async function addPod({ cluster, namespace }: Stage, name: string, spec: Partial<Pod['spec']>): Promise<void> {
  const containers = [{ name: 'c', image: 'i' }];
  const whole = { containers, terminationGracePeriodSeconds: 1, ...spec };
  await cluster.client.of(pods).create({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace }, spec: whole });
}

/**
 * A volume that is kept when its claim goes is never given to another: not once both have said that they belong together,
 * and before that only when its claim has another volume.
 */
const neverGivenTwice = ({ namespace }: Stage): Law => {
  const owners = new Map<string, { claim: string; isAgreed: boolean }>();
  /** By uid: the names of the volume that each claim has, or had. */
  const chosen = new Map<string, string>();
  return (world) => {
    for (const { metadata, spec } of world.list(claims, namespace))
      if (spec?.volumeName) chosen.set(metadata.uid!, spec.volumeName);
    for (const { metadata, spec } of world.list(volumes)) {
      const { uid: claim } = spec?.claimRef ?? {};
      if (spec?.storageClassName !== namespace || !claim) continue;
      const { uid: volume = '', name = '' } = metadata;
      const owner = owners.get(volume);
      if (owner && owner.claim !== claim) {
        const hasOther = (chosen.get(owner.claim) ?? name) !== name;
        if (owner.isAgreed || !hasOther) return `${name} was given to a second claim`;
      }
      owners.set(volume, { claim, isAgreed: chosen.get(claim) === name });
    }
    const taken = world.list(claims, namespace).flatMap(({ spec }) => spec?.volumeName ?? []);
    return new Set(taken).size < taken.length ? `two claims have one of ${taken}` : undefined;
  };
};

/** Claims and volumes of three sizes come and go, and none of them waits for what is there. */
export const binding = (): Story => {
  let made = 0;
  const addVolume = async (stage: Stage) => {
    const capacity = { storage: sizes[below(stage.prng, sizes.length)]! };
    const { namespace } = stage;
    const spec = { capacity, accessModes, storageClassName: namespace, hostPath: { path: '/data' } };
    await stage.cluster.client
      .of(volumes)
      .create({ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: `${namespace}-${made++}` }, spec });
  };
  const addClaim = async (stage: Stage) => {
    const storage = sizes[below(stage.prng, sizes.length)]!;
    await stage.cluster.client.of(claims).create(claim(`c${made++}`, stage, storage));
  };
  const dropClaim = async ({ cluster, namespace, prng }: Stage) => {
    const all = await cluster.list(claims, namespace);
    const one = all[below(prng, Math.max(all.length, 1))];
    if (one) await cluster.client.of(claims).delete(one.metadata.name!, { namespace });
  };
  const dropVolume = async (stage: Stage) => {
    const released = (await volumesOf(stage)).filter(({ status }) => status?.phase === 'Released');
    for (const { metadata } of released) await stage.cluster.client.of(volumes).delete(metadata.name!);
  };
  return {
    name: 'binding',
    async begin(stage) {
      for (let count = 0; count < 3; count++) await addVolume(stage);
      await addClaim(stage);
    },
    trouble: [addVolume, addClaim, addClaim, dropClaim, dropVolume],
    async end(stage) {
      const all = await volumesOf(stage);
      const wanted = await stage.cluster.list(claims, stage.namespace);
      return [oddities(all, wanted), []];
    },
    laws: [neverGivenTwice],
  };
};

function oddities(all: readonly PersistentVolume[], wanted: readonly PersistentVolumeClaim[]): string[] {
  const byUid = new Map(wanted.map((one) => [one.metadata.uid, one]));
  const free = all.filter(({ spec }) => !spec?.claimRef);
  return [
    ...all.flatMap(({ metadata: { name }, spec, status }) => {
      const owner = byUid.get(spec?.claimRef?.uid);
      const phase = !spec?.claimRef ? 'Available' : owner ? 'Bound' : 'Released';
      if (status?.phase !== phase) return `${name} is ${status?.phase}, not ${phase}`;
      return owner && owner.spec?.volumeName !== name ? `${name} is not the volume of its claim` : [];
    }),
    ...wanted.flatMap(({ metadata: { name }, spec, status }) => {
      if (status?.phase === 'Bound') return [];
      const size = sizeOf(spec?.resources?.requests?.['storage']);
      const fits = free.find((one) => sizeOf(one.spec?.capacity?.['storage']) >= size);
      return fits ? `${name} waits, though ${fits.metadata.name} is free` : [];
    }),
  ];
}

/** No claim goes while a pod uses it that was there before anybody wanted the claim to go. */
const keptWhileUsed = ({ namespace }: Stage): Law => {
  const users = new Map<string, Set<string>>();
  const usersOf = (name: string, all: readonly Pod[]) =>
    all
      .filter((pod) => (pod.spec.volumes ?? []).some((one) => one.persistentVolumeClaim?.claimName === name))
      .map(({ metadata }) => metadata.uid!);
  return (world, { resource, type, object }) => {
    const { metadata } = object;
    if (resource.plural !== 'persistentvolumeclaims' || metadata.namespace !== namespace) return undefined;
    const { name = '', uid = '', deletionTimestamp } = metadata;
    const now = usersOf(name, world.list(pods, namespace));
    if (deletionTimestamp && !users.has(uid)) users.set(uid, new Set(now));
    if (type !== 'deleted') return undefined;
    return now.some((pod) => users.get(uid)?.has(pod)) ? `${name} went while a pod used it` : undefined;
  };
};

/** A claim is deleted and made again while pods that use it come and go. */
export const protection = (): Story => {
  const name = 'kept';
  let made = 0;
  const volume: Volume = { name: 'v', persistentVolumeClaim: { claimName: name } };
  const add = (stage: Stage) => addPod(stage, `p${made++}`, { volumes: [volume] });
  const make = async (stage: Stage) => {
    await stage.cluster.client.of(claims).create(claim(name, stage, '1Gi'));
  };
  return {
    name: 'protection',
    async begin(stage) {
      await make(stage);
      await add(stage);
    },
    trouble: [add, make, deleteSome, ({ cluster, namespace }) => cluster.client.of(claims).delete(name, { namespace })],
    async end(stage) {
      const found = (await stage.cluster.list(claims, stage.namespace))[0];
      const isUsed = (await livePods(stage)).length > 0;
      const isGoing = Boolean(found?.metadata.deletionTimestamp);
      return [
        isGoing && !isUsed ? 'left behind' : found?.metadata.finalizers,
        found && ['kubernetes.io/pvc-protection'],
      ];
    },
    laws: [keptWhileUsed],
  };
};

/** Pods with volumes of their own: each has its claim, and no claim is left of a pod that went. */
export const ephemeral = (): Story => {
  const spec = { accessModes, resources: { requests: { storage: '1Gi' } }, storageClassName: 'none' };
  const volume: Volume = { name: 'v', ephemeral: { volumeClaimTemplate: { spec } } };
  const add = (stage: Stage) => addPod(stage, `p${below(stage.prng, 3)}`, { volumes: [volume] });
  return {
    name: 'ephemeral',
    begin: add,
    trouble: [add, add, deleteSome],
    async end(stage) {
      const all = (await stage.cluster.list(claims, stage.namespace)).map(
        (one) => `${one.metadata.name} of ${controllerOf(one)?.uid}`,
      );
      const wanted = (await livePods(stage)).map(({ metadata }) => `${metadata.name}-v of ${metadata.uid}`);
      return [all.sort(), wanted.sort()];
    },
  };
};

const gpu = { devices: { requests: [{ name: 'gpu', exactly: { deviceClassName: 'gpu.example.com' } }] } };

/** A claim for each pod that is to have one of a template, named in its status, and none that is left behind. */
export const deviceClaims = (): Story => {
  const resources = { claims: [{ name: 'gpu' }] };
  const add = (stage: Stage) =>
    addPod(stage, `p${below(stage.prng, 3)}`, {
      containers: [{ name: 'c', image: 'i', resources }],
      resourceClaims: [{ name: 'gpu', resourceClaimTemplateName: 't' }],
    });
  const finish = async (stage: Stage) => {
    const [pod] = await livePods(stage);
    const { namespace } = stage;
    const body = { status: { phase: 'Succeeded' } };
    if (pod && fraction(stage.prng) < 0.7)
      await stage.cluster.client
        .of(pods)
        .patch(pod.metadata.name!, body, { type: 'merge', namespace, subresource: 'status' });
  };
  return {
    name: 'device claims',
    async begin(stage) {
      const { cluster, namespace } = stage;
      const body = { apiVersion: 'resource.k8s.io/v1', kind: 'ResourceClaimTemplate' };
      await cluster.client
        .of(resourceClaimTemplates)
        .create({ ...body, metadata: { name: 't', namespace }, spec: { spec: gpu } });
      await add(stage);
    },
    trouble: [add, add, deleteSome, finish],
    async end(stage) {
      const { cluster, namespace } = stage;
      const all = (await cluster.list(resourceClaims, namespace)).map(
        (one) =>
          `${one.metadata.name} of ${controllerOf(one)?.uid} for ${one.status?.reservedFor?.map(({ uid }) => uid)}`,
      );
      const using = (await cluster.list(pods, namespace)).filter(isLive);
      const wanted = using.map(({ metadata: { uid }, status }) => {
        const [named] = status?.resourceClaimStatuses ?? [];
        return `${named?.resourceClaimName} of ${uid} for undefined`;
      });
      return [all.sort(), wanted.sort()];
    },
  };
};
