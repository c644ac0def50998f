/** ConfigMaps and Secrets that pods name: read when a container starts, watched while a volume shows them. */
import configMaps from '#api/core/configmap.js';
import secrets from '#api/core/secret.js';
import type { ConfigMap, Pod, Secret, VolumeProjection } from '#api/gen/core-v1.js';
import { isReason, notFound } from '#apimachinery/errors.js';
import type { KubeObject } from '#apimachinery/object.js';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import type { Prng } from '#base/prng.js';
import type { Client } from '#client/client.js';
import { Informer } from '#client/informer.js';
import type { ConfigSource } from './environment.js';

export interface ConfigObjectsOptions {
  client: Client;
  clock: Clock;
  prng: Prng;
  log: Log;
}

interface Watched {
  stop: AbortController;
  /** What to call on a change, by the uid of the pod that shows it. */
  users: Map<string, () => void>;
  /** The resourceVersion that was read last. */
  read: string | undefined;
}

/** `secret/default/db`. */
type ObjectKey = string;

export class ConfigObjects implements ConfigSource {
  readonly #options: ConfigObjectsOptions;
  /** Bounded by the volumes of the pods here. */
  readonly #watched = new Map<ObjectKey, Watched>();
  readonly #keysOfPod = new Map<string, Set<ObjectKey>>();

  constructor(options: ConfigObjectsOptions) {
    this.#options = options;
  }

  async configMap(namespace: string, name: string): Promise<ConfigMap> {
    const object = await named('configmap', name, this.#options.client.of(configMaps).get(name, { namespace }));
    this.#wasRead(`configmap/${namespace}/${name}`, object);
    return object;
  }

  async secret(namespace: string, name: string): Promise<Secret> {
    const object = await named('secret', name, this.#options.client.of(secrets).get(name, { namespace }));
    this.#wasRead(`secret/${namespace}/${name}`, object);
    return object;
  }

  /** Calls `changed` when an object that a volume of the pod shows is made, changed or deleted. */
  watch(pod: Pod, changed: () => void): void {
    const uid = pod.metadata.uid!;
    const keys = new Set(shownObjects(pod));
    for (const key of this.#keysOfPod.get(uid) ?? []) if (!keys.has(key)) this.#leave(key, uid);
    for (const key of keys) this.#join(key, { uid, changed });
    this.#keysOfPod.set(uid, keys);
  }

  unwatch(podUid: string): void {
    for (const key of this.#keysOfPod.get(podUid) ?? []) this.#leave(key, podUid);
    this.#keysOfPod.delete(podUid);
  }

  stop(): void {
    for (const { stop } of this.#watched.values()) stop.abort();
    this.#watched.clear();
    this.#keysOfPod.clear();
  }

  #join(key: ObjectKey, { uid, changed }: { uid: string; changed: () => void }): void {
    const known = this.#watched.get(key);
    if (known) {
      known.users.set(uid, changed);
      return;
    }
    const watched: Watched = { stop: new AbortController(), users: new Map([[uid, changed]]), read: undefined };
    this.#watched.set(key, watched);
    const [kind, namespace = '', name] = key.split('/');
    const selection = { namespace, fieldSelector: `metadata.name=${name}` };
    const { client } = this.#options;
    const informer: Informer<KubeObject> =
      kind === 'secret'
        ? (new Informer(client.of(secrets), { ...this.#options, ...selection }) as unknown as Informer<KubeObject>)
        : (new Informer(client.of(configMaps), { ...this.#options, ...selection }) as unknown as Informer<KubeObject>);
    const tell = () => {
      for (const call of watched.users.values()) call();
    };
    // A pod reads the object itself too; what it has read already is no news.
    const tellNews = (object: KubeObject) => object.metadata.resourceVersion !== watched.read && tell();
    informer.onEvent({ added: tellNews, updated: tellNews, deleted: tell });
    informer.start(watched.stop.signal).catch((err) => this.#options.log.error('watch ended', { key, err }));
  }

  #wasRead(key: ObjectKey, { metadata }: KubeObject): void {
    const watched = this.#watched.get(key);
    if (watched) watched.read = metadata.resourceVersion;
  }

  #leave(key: ObjectKey, uid: string): void {
    const watched = this.#watched.get(key);
    if (!watched) return;
    watched.users.delete(uid);
    if (watched.users.size > 0) return;
    watched.stop.abort();
    this.#watched.delete(key);
  }
}

/** The kubelet's users know the singular: `secret "db" not found`. */
async function named<T>(resource: string, name: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw isReason(error, 'NotFound') ? notFound({ group: '', resource, name }) : error;
  }
}

function* shownObjects(pod: Pod): Generator<ObjectKey> {
  const { namespace } = pod.metadata;
  for (const { configMap, secret, projected } of pod.spec.volumes ?? []) {
    const projections: VolumeProjection[] = projected?.sources ?? [];
    const all = [...projections, { configMap, secret: secret && { name: secret.secretName } }];
    for (const one of all) {
      if (one.configMap?.name) yield `configmap/${namespace}/${one.configMap.name}`;
      if (one.secret?.name) yield `secret/${namespace}/${one.secret.name}`;
    }
  }
}
