import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import configmaps from '#api/core/configmap.js';
import type { ConfigMap } from '#api/gen/core-v1.js';
import type { StatusError } from '#apimachinery/errors.js';
import type { WatchEvent } from '#client/transport.js';
import { startTestServer } from './test-server.js';

let test: ReturnType<typeof startTestServer>;
beforeEach(() => {
  test = startTestServer();
});
afterEach(() => test.close());

const configMap = (name: string, data: Record<string, string> = {}, labels?: Record<string, string>): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default', labels },
  data,
});

async function failure(promise: Promise<unknown>): Promise<StatusError> {
  try {
    await promise;
  } catch (error) {
    return error as StatusError;
  }
  throw new Error('was not refused');
}

const here = { namespace: 'default' };

describe('watch', () => {
  const summary = ({ type, object }: WatchEvent) =>
    `${type} ${(object as ConfigMap).metadata.name ?? ''}@${(object as ConfigMap).metadata.resourceVersion}`;

  async function take(events: AsyncIterable<WatchEvent>, count: number): Promise<string[]> {
    const seen: string[] = [];
    for await (const event of events) if (seen.push(summary(event)) === count) break;
    return seen;
  }

  it('gives what is there, then what changes', async () => {
    const client = test.client.of<ConfigMap>(configmaps);
    await client.create(configMap('a'));
    const events = take(client.watch(here), 3);
    await test.clock.advance(0);
    await client.update(configMap('a', { x: '1' }));
    await client.delete('a', here);
    expect(await events).toEqual(['ADDED a@2', 'MODIFIED a@3', 'DELETED a@4']);
  });

  it('continues after a version', async () => {
    const client = test.client.of<ConfigMap>(configmaps);
    const { metadata } = await client.create(configMap('a'));
    await client.create(configMap('b'));
    const { resourceVersion } = metadata;
    expect(await take(client.watch({ ...here, resourceVersion }), 1)).toEqual(['ADDED b@3']);
  });

  it('turns changes into additions and deletions for a selector', async () => {
    const client = test.client.of<ConfigMap>(configmaps);
    const events = take(client.watch({ ...here, labelSelector: 'on' }), 3);
    await test.clock.advance(0);
    await client.create(configMap('a'));
    await client.update(configMap('a', {}, { on: '' }));
    await client.update(configMap('a', { x: '1' }, { on: '' }));
    await client.update(configMap('a', { x: '1' }));
    expect(await events).toEqual(['ADDED a@3', 'MODIFIED a@4', 'DELETED a@5']);
  });

  it('marks the end of initial events, and sends bookmarks each minute', async () => {
    const client = test.client.of<ConfigMap>(configmaps);
    await client.create(configMap('a'));
    const events: WatchEvent[] = [];
    const end = new AbortController();
    const watching = (async () => {
      const options = {
        sendInitialEvents: true,
        allowWatchBookmarks: true,
        resourceVersionMatch: 'NotOlderThan' as const,
      };
      for await (const event of client.watch({ ...here, ...options, signal: end.signal })) events.push(event);
    })();
    await test.clock.advance(60_000);
    expect(events.map(summary)).toEqual(['ADDED a@2', 'BOOKMARK @2', 'BOOKMARK @2']);
    expect((events[1]!.object as ConfigMap).metadata.annotations).toEqual({ 'k8s.io/initial-events-end': 'true' });
    end.abort();
    await watching;
  });

  it('ends in time', async () => {
    const watching = take(test.client.of(configmaps).watch({ timeoutSeconds: 5 }), 1);
    await test.clock.advance(5000);
    expect(await watching).toEqual([]);
  });

  it('answers a version that is forgotten with 410', async () => {
    const small = startTestServer({ cacheLimits: { historyEventsMax: 1 } });
    const client = small.client.of<ConfigMap>(configmaps);
    for (const name of ['a', 'b', 'c']) await client.create(configMap(name));
    await small.store.compact(4);
    const error = await failure(take(client.watch({ ...here, resourceVersion: '1' }), 1));
    expect([error.code, error.message]).toEqual([410, 'too old resource version: 1 (4)']);
    await small.close();
  });

  it('ends a watcher that falls too far behind, and no other', async () => {
    const small = startTestServer({ cacheLimits: { backlogEventsMax: 2 } });
    const client = small.client.of<ConfigMap>(configmaps);
    const slow = client.watch(here)[Symbol.asyncIterator]();
    const quick = take(client.watch(here), 5);
    const first = slow.next();
    await small.clock.advance(0);
    await client.create(configMap('a'));
    expect(summary((await first).value)).toBe('ADDED a@2');
    for (const name of ['b', 'c', 'd', 'e']) {
      await client.create(configMap(name));
      await small.clock.advance(0);
    }
    expect((await failure(slow.next())).reason).toBe('ServiceUnavailable');
    expect(await quick).toHaveLength(5);
    await small.close();
  });
});
