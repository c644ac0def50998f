/**
 * Runs the pods that files of the node describe, and keeps for each a mirror in the API, so that others see it.
 * https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/
 */
import { watch } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import pods from '#api/core/pod/index.js';
import type { Node, Pod } from '#api/gen/core-v1.js';
import { isReason } from '#apimachinery/errors.js';
import { formatTime } from '#apimachinery/object.js';
import type { Clock } from '#base/clock.js';
import { equal } from '#base/json.js';
import type { Log } from '#base/log.js';
import type { Client } from '#client/client.js';
import { keyOf } from '#client/informer.js';
import type { KubeletSettings } from '../settings.js';
import type { StatusManager } from '../status-manager.js';
import { mirrorAnnotation, mirroredHash } from './origin.js';

/** As upstream, for a file; and for a folder a bound of our own. */
const manifestBytesMax = 10 * 1024 * 1024;
const manifestsMax = 1000;
/** Editors write a file in several steps. */
const settleMs = 50;

export interface StaticPodsOptions {
  settings: Pick<KubeletSettings, 'podManifestPath' | 'fileCheckFrequency'>;
  nodeName: string;
  client: Client;
  clock: Clock;
  log: Log;
  statuses: Pick<StatusManager, 'mirror'>;
  node: () => Node | undefined;
  /** Runs the pod, or goes on with it as it is now. */
  changed: (pod: Pod) => void;
  /** Resolves when nothing of it is left on the node. */
  ended: (pod: Pod) => Promise<void>;
}

interface Manifest {
  text: string;
  /** undefined: it describes none. */
  pod: Pod | undefined;
}

export class StaticPods {
  readonly #options: StaticPodsOptions;
  #manifests = new Map<string, Manifest>();
  /** By `namespace/name`, as the next three. */
  #wanted = new Map<string, Pod>();
  readonly #running = new Map<string, Pod>();
  readonly #mirrors = new Map<string, Pod>();
  readonly #syncs = new Map<string, Promise<void>>();
  readonly #dirty = new Set<string>();
  #isStopped = false;

  constructor(options: StaticPodsOptions) {
    this.#options = options;
  }

  /** Runs what is there now; `run` then follows the changes. */
  async start(): Promise<void> {
    await this.#read();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, settings } = this.#options;
    const { podManifestPath: path, fileCheckFrequency } = settings;
    signal.addEventListener('abort', () => (this.#isStopped = true), { once: true });
    while (path && !signal.aborted) {
      const change = this.#change(path, signal);
      await Promise.race([clock.sleep(fileCheckFrequency, change.signal).catch(() => {}), change.happened]);
      change.end();
      if (!signal.aborted) await this.#read();
    }
    await Promise.allSettled(this.#syncs.values());
  }

  /** A mirror pod as the API shows it now. */
  observe(mirror: Pod): void {
    this.#mirrors.set(keyOf(mirror), mirror);
    this.#wake(keyOf(mirror));
  }

  forget(mirror: Pod): void {
    const key = keyOf(mirror);
    if (this.#mirrors.get(key)?.metadata.uid !== mirror.metadata.uid) return;
    this.#mirrors.delete(key);
    this.#options.statuses.mirror(mirroredHash(mirror)!, undefined);
    this.#wake(key);
  }

  /** Not every file system tells of changes; then the clock alone does. */
  #change(path: string, signal: AbortSignal): { signal: AbortSignal; happened: Promise<void>; end: () => void } {
    const { clock, log } = this.#options;
    const done = new AbortController();
    const either = AbortSignal.any([signal, done.signal]);
    const happened = new Promise<void>((resolve) => {
      try {
        const watcher = watch(path, { signal: either }, () => clock.setTimer(settleMs, resolve));
        watcher.on('error', (err) => log.debug('manifests are not watched', { path, err }));
      } catch (err) {
        log.debug('manifests are not watched', { path, err });
      }
    });
    return { signal: either, happened, end: () => done.abort() };
  }

  async #read(): Promise<void> {
    const { settings, log } = this.#options;
    const path = settings.podManifestPath;
    const manifests = new Map<string, Manifest>();
    try {
      for (const one of path ? await manifestFiles(path) : []) {
        const manifest = await this.#manifest(one);
        if (manifest) manifests.set(one, manifest);
      }
    } catch (err) {
      log.warn('manifests could not be read', { path, err });
      return;
    }
    this.#manifests = manifests;
    const before = this.#wanted;
    const found = [...manifests.values()].flatMap(({ pod }) => (pod ? [pod] : []));
    this.#wanted = new Map(found.map((pod) => [keyOf(pod), pod]));
    for (const key of new Set([...before.keys(), ...this.#wanted.keys(), ...this.#mirrors.keys()])) this.#wake(key);
  }

  async #manifest(path: string): Promise<Manifest | undefined> {
    const { nodeName, clock, log } = this.#options;
    try {
      const { size } = await stat(path);
      if (size > manifestBytesMax) throw new Error(`it is larger than ${manifestBytesMax} bytes`);
      const text = await readFile(path, 'utf8');
      const known = this.#manifests.get(path);
      if (known?.text === text) return known;
      const { readManifest } = await import('./manifest.js');
      const seen = formatTime(clock.now());
      const pod = await readManifest(text, { path, nodeName, seen }).catch((err: unknown) => {
        log.error('manifest describes no pod that can run', { path, err });
        return undefined;
      });
      return { text, pod };
    } catch (err) {
      // It may have gone in between.
      log.warn('manifest could not be read', { path, err });
      return undefined;
    }
  }

  /** One at a time for each name: an earlier pod of it must be gone before the next begins. */
  #wake(key: string): void {
    this.#dirty.add(key);
    if (this.#syncs.has(key)) return;
    this.#syncs.set(key, this.#syncAll(key));
  }

  async #syncAll(key: string): Promise<void> {
    await Promise.resolve();
    while (this.#dirty.delete(key) && !this.#isStopped) {
      try {
        await this.#sync(key);
      } catch (err) {
        this.#options.log.warn('static pod could not be brought in step, trying again', { pod: key, err });
      }
    }
    // No turn after the last look: who wakes it from now on begins anew.
    this.#syncs.delete(key);
  }

  async #sync(key: string): Promise<void> {
    const { changed, ended } = this.#options;
    const running = this.#running.get(key);
    if (running && running.metadata.uid !== this.#wanted.get(key)?.metadata.uid) {
      await ended(running);
      this.#running.delete(key);
    }
    const wanted = this.#wanted.get(key);
    if (wanted && !this.#running.has(key)) {
      this.#running.set(key, wanted);
      changed(wanted);
    }
    await this.#reflect(key, wanted);
  }

  async #reflect(key: string, wanted: Pod | undefined): Promise<void> {
    const { statuses, changed } = this.#options;
    const mirror = this.#mirrors.get(key);
    if (mirror && (!wanted || mirror.metadata.deletionTimestamp || mirroredHash(mirror) !== wanted.metadata.uid)) {
      await this.#removeMirror(mirror);
    } else if (wanted && mirror) {
      statuses.mirror(wanted.metadata.uid!, mirror);
      const known = this.#running.get(key)!;
      if (equal(known.status, mirror.status)) return;
      // What was said of it, by an earlier kubelet even, holds on.
      const now = { ...known, status: mirror.status };
      this.#running.set(key, now);
      changed(now);
    } else if (wanted) await this.#createMirror(wanted);
  }

  async #createMirror(pod: Pod): Promise<void> {
    const { client, node, nodeName } = this.#options;
    const { uid: nodeUid, deletionTimestamp } = node()?.metadata ?? {};
    if (!nodeUid || deletionTimestamp) return;
    const { uid, namespace, ...metadata } = pod.metadata;
    const owner = { apiVersion: 'v1', kind: 'Node', name: nodeName, uid: nodeUid, controller: true };
    const annotations = { ...metadata.annotations, [mirrorAnnotation]: uid! };
    const mirror = { ...pod, metadata: { ...metadata, namespace, annotations, ownerReferences: [owner] } };
    try {
      await client.of(pods).create(mirror);
    } catch (error) {
      // The watch will show whose it is.
      if (!isReason(error, 'AlreadyExists')) throw error;
    }
  }

  async #removeMirror({ metadata }: Pod): Promise<void> {
    const { name = '', namespace, uid } = metadata;
    try {
      await this.#options.client.of(pods).delete(name, { namespace, gracePeriodSeconds: 0, preconditions: { uid } });
    } catch (error) {
      if (!isReason(error, 'NotFound', 'Conflict')) throw error;
    }
  }
}

/** In order of names; hidden ones are no manifests. */
async function manifestFiles(path: string): Promise<string[]> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return undefined;
  });
  if (!found) return [];
  if (found.isFile()) return [path];
  const names = (await readdir(path)).filter((name) => !name.startsWith('.')).sort();
  const files: string[] = [];
  for (const name of names.slice(0, manifestsMax)) {
    const one = join(path, name);
    if ((await stat(one).catch(() => undefined))?.isFile()) files.push(one);
  }
  return files;
}
