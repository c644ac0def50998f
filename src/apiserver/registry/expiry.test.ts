/** Events end an hour after their last news; nothing else ends by itself. */
import { expect, test } from 'vitest';
import configMaps from '#api/core/configmap.js';
import events from '#api/core/event.js';
import { VirtualClock } from '#base/clock.js';
import { silentLog } from '#base/log.js';
import { openMemoryStore } from '#storage/memory.js';
import { expirePeriodically } from './expiry.js';

const minuteMs = 60_000;

test('an event lives for an hour after its last change', async () => {
  const clock = new VirtualClock();
  const store = openMemoryStore();
  const end = new AbortController();
  const put = (key: string, expected: number, times: { created: number; changed?: number }) => {
    const iso = (ms: number) => new Date(ms).toISOString();
    const managedFields = times.changed === undefined ? [] : [{ time: iso(times.changed) }];
    const value = JSON.stringify({ metadata: { creationTimestamp: iso(times.created), managedFields } });
    return store.put(key, Buffer.from(value), expected);
  };
  const startMs = clock.now();
  await put('/registry/events/default/quiet', 0, { created: startMs });
  await put('/registry/events/default/repeated', 0, { created: startMs });
  await put('/registry/configmaps/default/kept', 0, { created: startMs });
  const running = expirePeriodically(() => store, {
    resources: () => [events, configMaps],
    prefixOf: ({ plural }) => `/registry/${plural}/`,
    clock,
    log: silentLog,
    signal: end.signal,
  });
  const keys = async () => (await store.range('/registry/')).entries.map(({ key }) => key.split('/').at(-1));
  await clock.advance(30 * minuteMs);
  await put('/registry/events/default/repeated', 3, { created: startMs, changed: clock.now() });
  await clock.advance(29 * minuteMs);
  expect(await keys()).toEqual(['kept', 'quiet', 'repeated']);
  await clock.advance(2 * minuteMs);
  expect(await keys()).toEqual(['kept', 'repeated']);
  await clock.advance(30 * minuteMs);
  expect(await keys()).toEqual(['kept']);
  end.abort();
  await running;
  await store.close();
});
