/** What the scheduler watches, and the picture it makes of it: the snapshot that decisions read. */
import replicaSets from '#api/apps/replicaset.js';
import statefulSets from '#api/apps/statefulset.js';
import namespaces from '#api/core/namespace.js';
import nodes from '#api/core/node.js';
import pods from '#api/core/pod/index.js';
import replicationControllers from '#api/core/replicationcontroller.js';
import services from '#api/core/service.js';
import type { Node, Pod, Service } from '#api/gen/core-v1.js';
import budgets from '#api/policy/poddisruptionbudget.js';
import type { ResourceRef } from '#api/resource.js';
import { controllerOf } from '#apimachinery/object.js';
import { type LabelSelector, labelSelectorFrom } from '#apimachinery/selectors.js';
import type { Clock } from '#base/clock.js';
import { equal } from '#base/json.js';
import type { Prng } from '#base/prng.js';
import type { Client } from '#client/client.js';
import type { InformerFactory } from '#client/informer.js';
import { SchedulerCache } from './cache.js';
import { DeviceWatch } from './devices/device-watch.js';
import type { ClusterChange, Snapshot } from './framework.js';
import { Nominations } from './nominations.js';
import { changesRequests } from './resources.js';
import { VolumeWatch } from './volume-watch.js';

export interface ClusterWatchOptions {
  informers: InformerFactory;
  client: Client;
  clock: Clock;
  prng: Prng;
  signal: () => AbortSignal;
  /** A pod that waits for a node of ours, new or changed. */
  onPending(pod: Pod, old?: Pod): void;
  /** A pod that waits no more. */
  onSettled(uid: string): void;
  onChange(change: ClusterChange): void;
  isOurs(pod: Pod): boolean;
}

const alive = 'status.phase!=Succeeded,status.phase!=Failed';

export class ClusterWatch {
  readonly cache: SchedulerCache;
  readonly nominations = new Nominations();
  readonly volumes: VolumeWatch;
  readonly devices: DeviceWatch;
  readonly #options: ClusterWatchOptions;

  constructor(options: ClusterWatchOptions) {
    this.#options = options;
    this.cache = new SchedulerCache({ namespaceLabels: (name) => this.#namespaceLabels(name) });
    this.volumes = new VolumeWatch(options);
    this.devices = new DeviceWatch(options);
    const { informers } = options;
    informers.of(namespaces).onEvent({
      added: () => this.cache.index.namespaceChanged(),
      updated: ({ metadata }, old) => {
        if (!equal(metadata.labels, old.metadata.labels)) this.cache.index.namespaceChanged();
      },
    });
    informers.of(nodes).onEvent({
      added: (node) => {
        this.cache.setNode(node);
        options.onChange({ event: 'node added', node, place: this.cache.node(node.metadata.name!) });
      },
      updated: (node, old) => this.#nodeChanged(node, old),
      deleted: (node) => {
        this.cache.removeNode(node.metadata.name!);
        options.onChange({ event: 'node removed', node });
      },
    });
    informers.of(pods, { fieldSelector: alive }).onEvent({
      added: (pod) => this.#podChanged(pod),
      updated: (pod, old) => this.#podChanged(pod, old),
      deleted: (pod) => this.#podGone(pod),
    });
    const alsoRead: ResourceRef[] = [services, replicaSets, statefulSets, replicationControllers, budgets];
    for (const ref of alsoRead) informers.of(ref);
  }

  snapshot(): Snapshot {
    const { cache, nominations, volumes, devices } = this;
    return {
      nodes: cache.nodes,
      node: (name) => cache.node(name),
      index: cache.index,
      defaultSelector: (pod) => this.#defaultSelector(pod),
      namespaceLabels: (name) => this.#namespaceLabels(name),
      nominated: (nodeName) => nominations.on(nodeName),
      nominationOf: (pod) => nominations.of(pod),
      budgets: () => this.#options.informers.of(budgets).list(),
      volumes,
      devices,
    };
  }

  /** The pod as it is now; undefined when it waits for a node no more. */
  waiting({ metadata: { namespace, name, uid } }: Pod): Pod | undefined {
    const pod = this.#options.informers.of(pods, { fieldSelector: alive }).get(`${namespace}/${name}`);
    if (pod?.metadata.uid !== uid || pod?.metadata.deletionTimestamp || pod?.spec.nodeName) return undefined;
    return pod;
  }

  /** The pod is on its way there; what it was promised is its now, or free again. */
  assume(pod: Pod, nodeName: string): void {
    this.cache.place(pod, nodeName);
    const promised = this.nominations.delete(pod.metadata.uid!);
    if (promised && promised !== nodeName) this.#freed(pod, promised);
  }

  #podChanged(pod: Pod, old?: Pod): void {
    const { onPending, onSettled, onChange, isOurs } = this.#options;
    const uid = pod.metadata.uid!;
    if (pod.spec.nodeName) {
      const promised = this.nominations.delete(uid);
      if (promised && promised !== pod.spec.nodeName) this.#freed(pod, promised);
      onSettled(uid);
      // The assumed pod is replaced by the real one; only what counts in sums and selectors needs a new NodeInfo.
      const oldPod = old?.spec.nodeName ? old : undefined;
      const asksOtherwise = oldPod !== undefined && changesRequests(pod, oldPod);
      if (!oldPod || asksOtherwise || changesPlacement(pod, oldPod)) this.cache.place(pod, pod.spec.nodeName);
      if (!oldPod) onChange({ event: 'assigned pod added', pod });
      else if (!equal(pod.metadata.labels, oldPod.metadata.labels))
        onChange({ event: 'assigned pod labels', pod, oldPod });
      // It may ask for less than before.
      if (oldPod && asksOtherwise)
        onChange({ event: 'assigned pod changed', pod, oldPod, place: this.cache.node(pod.spec.nodeName) });
    } else if (isOurs(pod) && !pod.metadata.deletionTimestamp) {
      // One that has its node already, and only waits to be bound there, takes the room as if it ran.
      if (this.cache.isPlaced(uid)) return;
      this.nominations.observe(pod, old);
      onPending(pod, old);
    } else this.#settled(pod);
  }

  #settled(pod: Pod): void {
    const uid = pod.metadata.uid!;
    const promised = this.nominations.delete(uid);
    if (promised) this.#freed(pod, promised);
    this.#options.onSettled(uid);
  }

  /** What a pod has left, or will not come to take, is there for others. */
  #freed(pod: Pod, nodeName: string): void {
    this.#options.onChange({ event: 'assigned pod removed', pod, place: this.cache.node(nodeName) });
  }

  #podGone(pod: Pod): void {
    this.#settled(pod);
    this.cache.remove(pod.metadata.uid!);
    if (pod.spec.nodeName) this.#freed(pod, pod.spec.nodeName);
  }

  #nodeChanged(node: Node, old: Node): void {
    const { onChange } = this.#options;
    const allocatable = !equal(node.status?.allocatable, old.status?.allocatable);
    const labels = !equal(node.metadata.labels, old.metadata.labels);
    const taints = !equal(node.spec, old.spec);
    const images = !equal(node.status?.images, old.status?.images);
    const features = !equal(node.status?.declaredFeatures, old.status?.declaredFeatures);
    // Heartbeats change nothing that a decision reads.
    if (allocatable || labels || taints || images || features) this.cache.setNode(node);
    const place = this.cache.node(node.metadata.name!);
    if (allocatable) onChange({ event: 'node allocatable', node, oldNode: old, place });
    if (labels) onChange({ event: 'node labels', node, oldNode: old });
    if (taints) onChange({ event: 'node taints', node, oldNode: old });
    if (features) onChange({ event: 'node features', node, oldNode: old });
  }

  #namespaceLabels(name: string): Record<string, string> | undefined {
    return this.#options.informers.of(namespaces).get(name)?.metadata.labels;
  }

  /** Labels that the pod's services and its controller select by: its like, for spreading. */
  #defaultSelector(pod: Pod): LabelSelector | undefined {
    const { informers } = this.#options;
    const { namespace = '', labels = {} } = pod.metadata;
    const matchLabels: Record<string, string> = {};
    for (const { spec } of informers.of(services).inNamespace(namespace) as Service[]) {
      const entries = Object.entries(spec.selector ?? {});
      if (entries.length > 0 && entries.every(([key, value]) => labels[key] === value))
        Object.assign(matchLabels, spec.selector);
    }
    const selector = this.#controllersSelector(pod);
    if (!selector && Object.keys(matchLabels).length === 0) return undefined;
    return labelSelectorFrom({ ...selector, matchLabels: { ...matchLabels, ...selector?.matchLabels } });
  }

  #controllersSelector(pod: Pod): { matchLabels?: Record<string, string> } | undefined {
    const { informers } = this.#options;
    const owner = controllerOf(pod);
    const key = `${pod.metadata.namespace}/${owner?.name}`;
    switch (owner?.kind) {
      case 'ReplicaSet':
        return informers.of(replicaSets).get(key)?.spec?.selector;
      case 'StatefulSet':
        return informers.of(statefulSets).get(key)?.spec?.selector;
      case 'ReplicationController': {
        const matchLabels = informers.of(replicationControllers).get(key)?.spec?.selector;
        return matchLabels && { matchLabels };
      }
      default:
        return undefined;
    }
  }
}

/** Beside what it asks for. */
function changesPlacement(pod: Pod, old: Pod): boolean {
  return (
    !equal(pod.metadata.labels, old.metadata.labels) ||
    pod.metadata.deletionTimestamp !== old.metadata.deletionTimestamp ||
    pod.status?.startTime !== old.status?.startTime
  );
}

/** What a scheduling attempt reads of the pod; a new status condition of our own must not bring it back. */
export function changesScheduling(pod: Pod, old: Pod): boolean {
  return (
    pod.metadata.generation !== old.metadata.generation ||
    !equal(pod.metadata.labels, old.metadata.labels) ||
    !equal(pod.status?.resourceClaimStatuses, old.status?.resourceClaimStatuses)
  );
}
