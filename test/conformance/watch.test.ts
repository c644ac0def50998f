/** Watches of ConfigMaps: which events come, from where on, and in which order. */
import { expect } from 'vitest';
import configmaps from '#api/core/configmap.js';
import type { ConfigMap } from '#api/gen/core-v1.js';
import { copy } from '#base/json.js';
import type { Client } from '#client/client.js';
import { conformance, type Scene } from './conformance.js';
import type { Observation } from './observe.js';

const label = 'watch-this-configmap';
/** How long nothing must come for nothing to be coming. */
const quietMs = 250;

const mapOf = (name: string, value: string, namespace: string): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace, labels: { [label]: value } },
});

async function change(client: Client, object: ConfigMap, edit: (changed: ConfigMap) => void): Promise<ConfigMap> {
  const { name = '', namespace } = object.metadata;
  const changed = copy(await client.of(configmaps).get(name, { namespace }));
  edit(changed);
  return await client.of(configmaps).update(changed);
}

const mutate = (client: Client, object: ConfigMap, mutation: string) =>
  change(client, object, (changed) => {
    changed.data = { ...changed.data, mutation };
  });

function observeLabelled({ observe, namespace }: Scene, values: readonly string[], resourceVersion?: string) {
  return observe(configmaps, { namespace, labelSelector: `${label} in (${values.join(', ')})`, resourceVersion });
}

/** Both see it, and the third sees nothing. */
async function seenBy(
  watches: readonly Observation<ConfigMap>[],
  type: 'ADDED' | 'MODIFIED' | 'DELETED',
  of: ConfigMap,
) {
  for (const watch of watches) {
    const seen = await watch.next();
    expect(watch.events.find(({ object }) => object === seen)?.type).toBe(type);
    if (type !== 'DELETED') expect(seen).toEqual(of);
    else expect(seen.metadata.uid).toBe(of.metadata.uid);
  }
}

conformance(
  '[sig-api-machinery] Watchers should observe add, update, and delete watch notifications on configmaps [Conformance]',
  async (scene) => {
    const { client, namespace } = scene;
    const a = observeLabelled(scene, ['multiple-watchers-A']);
    const b = observeLabelled(scene, ['multiple-watchers-B']);
    const both = observeLabelled(scene, ['multiple-watchers-A', 'multiple-watchers-B']);

    const mapA = await client.of(configmaps).create(mapOf('configmap-a', 'multiple-watchers-A', namespace));
    await seenBy([a, both], 'ADDED', mapA);
    for (const mutation of ['1', '2']) await seenBy([a, both], 'MODIFIED', await mutate(client, mapA, mutation));
    await client.of(configmaps).delete('configmap-a', { namespace });
    await seenBy([a, both], 'DELETED', mapA);
    await b.none({ limitMs: quietMs });

    const mapB = await client.of(configmaps).create(mapOf('configmap-b', 'multiple-watchers-B', namespace));
    await seenBy([b, both], 'ADDED', mapB);
    await client.of(configmaps).delete('configmap-b', { namespace });
    await seenBy([b, both], 'DELETED', mapB);
    await a.none({ limitMs: quietMs });
  },
);

conformance(
  '[sig-api-machinery] Watchers should be able to start watching from a specific resource version [Conformance]',
  async (scene) => {
    const { client, namespace } = scene;
    const map = await client.of(configmaps).create(mapOf('resource-version', 'from-resource-version', namespace));
    const first = await mutate(client, map, '1');
    const second = await mutate(client, map, '2');
    await client.of(configmaps).delete('resource-version', { namespace });
    const watch = observeLabelled(scene, ['from-resource-version'], first.metadata.resourceVersion);
    await seenBy([watch], 'MODIFIED', second);
    await seenBy([watch], 'DELETED', second);
  },
);

conformance(
  '[sig-api-machinery] Watchers should be able to restart watching from the last resource version observed by the previous watch [Conformance]',
  async (scene) => {
    const { client, namespace } = scene;
    const values = ['watch-closed-and-restarted'];
    const broken = observeLabelled(scene, values);
    const map = await client.of(configmaps).create(mapOf('watch-closed', values[0]!, namespace));
    const first = await mutate(client, map, '1');
    await seenBy([broken], 'ADDED', map);
    await seenBy([broken], 'MODIFIED', first);
    const { resourceVersion } = broken.events.at(-1)!.object.metadata;
    broken.stop();
    const second = await mutate(client, map, '2');
    const restarted = observeLabelled(scene, values, resourceVersion);
    await client.of(configmaps).delete('watch-closed', { namespace });
    await seenBy([restarted], 'MODIFIED', second);
    await seenBy([restarted], 'DELETED', second);
  },
);

conformance(
  '[sig-api-machinery] Watchers should observe an object deletion if it stops meeting the requirements of the selector [Conformance]',
  async (scene) => {
    const { client, namespace } = scene;
    const value = 'label-changed-and-restored';
    const watch = observeLabelled(scene, [value]);
    const relabel = (to: string) =>
      change(client, map, ({ metadata }) => {
        metadata.labels![label] = to;
      });
    const map = await client.of(configmaps).create(mapOf('label-changed', value, namespace));
    const first = await mutate(client, map, '1');
    await relabel('wrong-value');
    await seenBy([watch], 'ADDED', map);
    await seenBy([watch], 'MODIFIED', first);
    await seenBy([watch], 'DELETED', map);
    await mutate(client, map, '2');
    await watch.none({ limitMs: quietMs });
    const restored = await relabel(value);
    const third = await mutate(client, map, '3');
    await client.of(configmaps).delete('label-changed', { namespace });
    await seenBy([watch], 'ADDED', restored);
    await seenBy([watch], 'MODIFIED', third);
    await seenBy([watch], 'DELETED', third);
  },
);

conformance(
  '[sig-api-machinery] Watchers should receive events on concurrent watches in same order [Conformance]',
  async ({ client, namespace, observe }) => {
    const list = await client.of(configmaps).list({ namespace });
    const from = (resourceVersion: string | undefined) => observe(configmaps, { namespace, resourceVersion });
    const first = from(list.metadata.resourceVersion);
    const writes = 40;
    const write = async () => {
      for (let at = 0; at < writes; at++) {
        const name = `cm-${at % 5}`;
        if (at < 5) await client.of(configmaps).create(mapOf(name, 'order', namespace));
        else if (at % 7 === 0) {
          await client.of(configmaps).delete(name, { namespace });
          await client.of(configmaps).create(mapOf(name, 'again', namespace));
        } else await mutate(client, mapOf(name, 'order', namespace), String(at));
      }
      await client.of(configmaps).create(mapOf('last', 'order', namespace));
    };
    const written = write();
    // Every event of the first watch begins one more watch, at its own version.
    const others: Observation<ConfigMap>[] = [];
    for (;;) {
      const event = await first.next();
      if (event.metadata.name === 'last') break;
      others.push(from(event.metadata.resourceVersion));
    }
    await written;
    const versions = (watch: Observation<ConfigMap>) =>
      watch.events.map(({ type, object }) => `${type} ${object.metadata.resourceVersion}`);
    expect(others.length).toBeGreaterThan(writes);
    for (const [at, other] of others.entries()) {
      await other.next({ where: ({ metadata }) => metadata.name === 'last' });
      expect(versions(other)).toEqual(versions(first).slice(at + 1));
    }
  },
);
