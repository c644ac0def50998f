/** Which pods a node is to run: its own watch, or its part of one watch that many nodes of a process share. */
import pods from '#api/core/pod/index.js';
import type { Pod } from '#api/gen/core-v1.js';
import type { Client } from '#client/client.js';
import { Informer, type InformerOptions } from '#client/informer.js';

export interface PodHandlers {
  changed(pod: Pod): void;
  deleted(pod: Pod): void;
}

export interface PodSource {
  /** Tells of all pods of the node and of every change, until the signal aborts; resolves when the first list is told. */
  follow(nodeName: string, handlers: PodHandlers, signal: AbortSignal): Promise<void>;
}

type WatchOptions = Pick<InformerOptions<Pod>, 'clock' | 'prng' | 'log'>;

/** One watch for one node, selected by the server. */
export class OwnPods implements PodSource {
  readonly #client: Client;
  readonly #options: WatchOptions;

  constructor(client: Client, options: WatchOptions) {
    this.#client = client;
    this.#options = options;
  }

  async follow(nodeName: string, handlers: PodHandlers, signal: AbortSignal): Promise<void> {
    const fieldSelector = `spec.nodeName=${nodeName}`;
    const informer = new Informer(this.#client.of(pods), { ...this.#options, fieldSelector });
    informer.onEvent({
      added: (pod) => handlers.changed(pod),
      updated: (pod) => handlers.changed(pod),
      deleted: (pod) => handlers.deleted(pod),
    });
    informer.start(signal).catch((err) => this.#options.log.error('pod watch ended', { err }));
    await Promise.race([informer.synced, aborted(signal)]);
  }
}

/** One watch of all pods, handed out by node name; whoever made the informer starts it. */
export class SharedPods implements PodSource {
  readonly #informer: Informer<Pod>;
  readonly #nodes = new Map<string, PodHandlers>();

  constructor(informer: Informer<Pod>) {
    this.#informer = informer;
    informer.addIndex('nodeName', (pod) => (pod.spec.nodeName ? [pod.spec.nodeName] : []));
    informer.onEvent({
      added: (pod) => this.#of(pod)?.changed(pod),
      updated: (pod) => this.#of(pod)?.changed(pod),
      deleted: (pod) => this.#of(pod)?.deleted(pod),
    });
  }

  async follow(nodeName: string, handlers: PodHandlers, signal: AbortSignal): Promise<void> {
    this.#nodes.set(nodeName, handlers);
    signal.addEventListener('abort', () => this.#nodes.delete(nodeName), { once: true });
    await Promise.race([this.#informer.synced, aborted(signal)]);
    for (const pod of this.#informer.byIndex('nodeName', nodeName)) handlers.changed(pod);
  }

  get({ namespace, name }: { namespace: string; name: string }): Pod | undefined {
    return this.#informer.get(`${namespace}/${name}`);
  }

  #of({ spec }: Pod): PodHandlers | undefined {
    return spec.nodeName ? this.#nodes.get(spec.nodeName) : undefined;
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
