/**
 * Storage as the scheduler sees it: what the API says, and what was decided a moment ago; and the writes that make the
 * one the other. Watched from the first pod on that uses a claim.
 */
import persistentVolumes from '#api/core/persistentvolume/index.js';
import claims from '#api/core/persistentvolumeclaim.js';
import { storageClassOf } from '#api/core/storage-texts.js';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '#api/gen/core-v1.js';
import type { ResourceRef } from '#api/resource.js';
import csiDrivers from '#api/storage/csidriver.js';
import csiNodes from '#api/storage/csinode.js';
import capacities from '#api/storage/csistoragecapacity.js';
import storageClasses from '#api/storage/storageclass.js';
import attachments from '#api/storage/volumeattachment.js';
import type { KubeObject } from '#apimachinery/object.js';
import type { Clock } from '#base/clock.js';
import { copy } from '#base/json.js';
import type { Client } from '#client/client.js';
import { type InformerFactory, keyOf } from '#client/informer.js';
import { isNewer, newer } from './assumed.js';
import { type ClusterChange, type ClusterEvent, SchedulerError } from './framework.js';
import type { VolumePlan } from './volume-match.js';
import { isBound, selectedNode, type VolumeView } from './volumes.js';
import { Waits } from './waits.js';

export interface VolumeWatchOptions {
  client: Client;
  clock: Clock;
  informers: InformerFactory;
  signal: () => AbortSignal;
  onChange(change: ClusterChange): void;
}

const boundByController = 'pv.kubernetes.io/bound-by-controller';

interface Assumed {
  volumes: PersistentVolume[];
  claims: PersistentVolumeClaim[];
}

export class VolumeWatch implements VolumeView {
  readonly #options: VolumeWatchOptions;
  #ready: Promise<void> | undefined;
  /** By the pod's uid. */
  readonly #assumed = new Map<string, Assumed>();
  readonly #assumedVolumes = new Map<string, PersistentVolume>();
  readonly #assumedClaims = new Map<string, PersistentVolumeClaim>();
  readonly #waits: Waits;

  constructor(options: VolumeWatchOptions) {
    this.#options = options;
    this.#waits = new Waits(options);
  }

  /** Resolves when all there is to know about storage is known. */
  ready(): Promise<void> {
    this.#ready ??= this.#watch();
    return this.#ready;
  }

  claim(namespace: string, name: string): PersistentVolumeClaim | undefined {
    const key = `${namespace}/${name}`;
    return newer(this.#assumedClaims.get(key), this.#options.informers.of(claims).get(key));
  }

  volume(name: string): PersistentVolume | undefined {
    return newer(this.#assumedVolumes.get(name), this.#options.informers.of(persistentVolumes).get(name));
  }

  volumesOfClass(name: string): readonly PersistentVolume[] {
    const found = this.#options.informers.of(persistentVolumes).byIndex('storageClass', name);
    return found.map((volume) => newer(this.#assumedVolumes.get(volume.metadata.name!), volume)!);
  }

  storageClass(name: string) {
    return this.#options.informers.of(storageClasses).get(name);
  }

  csiDriver(name: string) {
    return this.#options.informers.of(csiDrivers).get(name);
  }

  csiNode(name: string) {
    return this.#options.informers.of(csiNodes).get(name);
  }

  capacitiesOfClass(name: string) {
    return this.#options.informers.of(capacities).byIndex('storageClass', name);
  }

  attachmentsOn(nodeName: string) {
    return this.#options.informers.of(attachments).byIndex('node', nodeName);
  }

  assume(pod: Pod, { plan, nodeName }: { plan: VolumePlan; nodeName: string }): void {
    const assumed: Assumed = {
      volumes: plan.bindings.map(({ claim, volume }) => boundTo(volume, claim)),
      claims: plan.provisions.map((claim) => madeFor(claim, nodeName)),
    };
    this.#assumed.set(pod.metadata.uid!, assumed);
    for (const volume of assumed.volumes) this.#assumedVolumes.set(volume.metadata.name!, volume);
    for (const claim of assumed.claims) this.#assumedClaims.set(keyOf(claim), claim);
  }

  forget(pod: Pod): void {
    const assumed = this.#assumed.get(pod.metadata.uid!);
    if (!assumed) return;
    this.#assumed.delete(pod.metadata.uid!);
    for (const { metadata } of assumed.volumes) this.#assumedVolumes.delete(metadata.name!);
    for (const claim of assumed.claims) this.#assumedClaims.delete(keyOf(claim));
  }

  async bind(pod: Pod, { timeoutMs }: { timeoutMs: number }): Promise<void> {
    const assumed = this.#assumed.get(pod.metadata.uid!);
    if (!assumed || assumed.volumes.length + assumed.claims.length === 0) return;
    const { client } = this.#options;
    for (const volume of assumed.volumes) await client.of(persistentVolumes).update(volume);
    for (const claim of assumed.claims) await client.of(claims).update(claim);
    const keys = [
      ...assumed.volumes.map(({ spec }) => `${spec!.claimRef!.namespace}/${spec!.claimRef!.name}`),
      ...assumed.claims.map(keyOf),
    ];
    await this.#waits.until(() => this.#areBound(keys, assumed), {
      timeoutMs,
      late: () => 'binding volumes: context deadline exceeded',
    });
    this.forget(pod);
  }

  /** Throws when what was written is undone: the node was not the right one. */
  #areBound(keys: readonly string[], { claims: made }: Assumed): boolean {
    const informer = this.#options.informers.of(claims);
    for (const key of keys)
      if (!informer.get(key)) throw new SchedulerError(`persistentvolumeclaim "${key}" not found`);
    for (const claim of made) {
      const now = informer.get(keyOf(claim))!;
      if (isNewer(now, claim) && now.metadata.annotations?.[selectedNode] === undefined && !isBound(now))
        throw new SchedulerError(`selectedNode annotation reset for PVC "${claim.metadata.name}"`);
    }
    return keys.every((key) => isBound(informer.get(key)!));
  }

  async #watch(): Promise<void> {
    const { informers, signal } = this.#options;
    signal().addEventListener('abort', () => this.#waits.look(), { once: true });
    informers.of(persistentVolumes).addIndex('storageClass', (volume) => [storageClassOf(volume)]);
    informers.of(capacities).addIndex('storageClass', ({ storageClassName }) => [storageClassName]);
    informers.of(attachments).addIndex('node', ({ spec }) => [spec.nodeName]);
    informers.of(claims).onEvent({
      added: (claim) => this.#claimChanged(claim),
      updated: (claim) => this.#claimChanged(claim),
      deleted: (claim) => {
        this.#waits.look();
        this.#options.onChange({ event: 'claim removed', claim });
      },
    });
    this.#tell(persistentVolumes, 'volume changed');
    this.#tell(storageClasses, 'storage class changed');
    this.#tell(csiDrivers, 'storage driver changed');
    this.#tell(csiNodes, 'storage of node changed');
    this.#tell(capacities, 'storage capacity changed');
    const { onChange } = this.#options;
    informers.of(attachments).onEvent({ deleted: () => onChange({ event: 'attachment removed' }) });
    await informers.synced();
  }

  #claimChanged(claim: PersistentVolumeClaim): void {
    this.#waits.look();
    this.#options.onChange({ event: 'claim changed', claim });
  }

  #tell<T extends KubeObject>(ref: ResourceRef<T>, event: ClusterEvent): void {
    const { informers, onChange } = this.#options;
    const changed = () => onChange({ event });
    informers.of(ref).onEvent({ added: changed, updated: changed });
  }
}

function boundTo(volume: PersistentVolume, claim: PersistentVolumeClaim): PersistentVolume {
  const bound = copy(volume);
  const { namespace, name, uid, resourceVersion } = claim.metadata;
  const isReserved = volume.spec?.claimRef !== undefined;
  const claimRef = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name, uid, resourceVersion };
  bound.spec = { ...bound.spec, claimRef };
  if (!isReserved) bound.metadata.annotations = { ...bound.metadata.annotations, [boundByController]: 'yes' };
  return bound;
}

function madeFor(claim: PersistentVolumeClaim, nodeName: string): PersistentVolumeClaim {
  const { metadata } = claim;
  return { ...claim, metadata: { ...metadata, annotations: { ...metadata.annotations, [selectedNode]: nodeName } } };
}
