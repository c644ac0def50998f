/** Events, by the old group and by their own. */
import { expect } from 'vitest';
import coreEvents from '#api/core/event.js';
import events from '#api/events/event.js';
import type { Event as CoreEvent } from '#api/gen/core-v1.js';
import type { Event } from '#api/gen/events-v1.js';
import { copy } from '#base/json.js';
import { conformance } from './conformance.js';

const names = ['test-event-1', 'test-event-2', 'test-event-3'];

const coreEventOf = (name: string, namespace: string, label: string): CoreEvent => ({
  apiVersion: 'v1',
  kind: 'Event',
  metadata: { name, namespace, labels: { [label]: 'true' } },
  message: `This is ${name}`,
  reason: 'Test',
  type: 'Normal',
  count: 1,
  involvedObject: { namespace },
});

const eventOf = (name: string, namespace: string, label: string): Event => ({
  apiVersion: 'events.k8s.io/v1',
  kind: 'Event',
  metadata: { name, namespace, labels: { [label]: 'true' } },
  regarding: { namespace },
  eventTime: '2017-09-19T15:15:56.000000Z',
  note: `This is ${name}`,
  action: 'Do',
  reason: 'Test',
  type: 'Normal',
  reportingController: 'test-controller',
  reportingInstance: 'test-node',
});

conformance(
  '[sig-instrumentation] Events should manage the lifecycle of an event [Conformance]',
  async ({ client, namespace }) => {
    const selection = { labelSelector: 'testevent-constant=true' };
    const found = async () => {
      const { items } = await client.of(coreEvents).list(selection);
      return items.some(({ metadata }) => metadata.name === 'event-test' && metadata.namespace === namespace);
    };
    await client.of(coreEvents).create(coreEventOf('event-test', namespace, 'testevent-constant'));
    expect(await found()).toBe(true);
    const message = 'This is a test event - patched';
    await client.of(coreEvents).patch('event-test', { message }, { type: 'strategic', namespace });
    const patched = await client.of(coreEvents).get('event-test', { namespace });
    expect(patched.message).toBe(message);
    const changed = { ...copy(patched), series: { count: 100, lastObservedTime: '2017-09-19T15:15:56.000000Z' } };
    const updated = await client.of(coreEvents).update(changed);
    expect(updated.series).toEqual(changed.series);
    await client.of(coreEvents).delete('event-test', { namespace });
    expect(await found()).toBe(false);
  },
);

conformance(
  '[sig-instrumentation] Events should delete a collection of events [Conformance]',
  async ({ client, namespace }) => {
    const selection = { namespace, labelSelector: 'testevent-set=true' };
    for (const name of names) await client.of(coreEvents).create(coreEventOf(name, namespace, 'testevent-set'));
    expect((await client.of(coreEvents).list(selection)).items.length).toBe(names.length);
    await client.of(coreEvents).deleteCollection(selection);
    expect((await client.of(coreEvents).list(selection)).items).toEqual([]);
  },
);

conformance(
  '[sig-instrumentation] Events API should ensure that an event can be fetched, patched, deleted, and listed [Conformance]',
  async ({ client, namespace }) => {
    const selection = { labelSelector: 'testevent-constant=true' };
    const found = async (scope: { namespace?: string }) => {
      const { items } = await client.of(events).list({ ...selection, ...scope });
      return items.some(({ metadata }) => metadata.name === 'event-test' && metadata.namespace === namespace);
    };
    await client.of(events).create(eventOf('event-test', namespace, 'testevent-constant'));
    expect(await found({})).toBe(true);
    expect(await found({ namespace })).toBe(true);
    const bySource = await client.of(coreEvents).list({ namespace, fieldSelector: 'source=test-controller' });
    expect(bySource.items.map(({ metadata }) => metadata.name)).toEqual(['event-test']);
    const byReporter = await client
      .of(events)
      .list({ namespace, fieldSelector: 'reportingController=test-controller' });
    expect(byReporter.items.map(({ metadata }) => metadata.name)).toEqual(['event-test']);

    const cleared = ({ metadata, ...rest }: Event) => {
      const { resourceVersion: _, managedFields: __, ...kept } = metadata;
      return { ...rest, metadata: kept };
    };
    const first = await client.of(events).get('event-test', { namespace });
    const seriesOf = (count: number) => ({ count, lastObservedTime: '2017-09-19T15:49:11.000000Z' });
    const body = { series: seriesOf(2) };
    await client.of(events).patch('event-test', body, { type: 'strategic', namespace });
    const patched = await client.of(events).get('event-test', { namespace });
    expect(cleared(patched)).toEqual({ ...cleared(first), series: seriesOf(2) });
    await client.of(events).update({ ...copy(patched), series: seriesOf(100) });
    const updated = await client.of(events).get('event-test', { namespace });
    expect(cleared(updated)).toEqual({ ...cleared(patched), series: seriesOf(100) });
    await client.of(events).delete('event-test', { namespace });
    expect(await found({})).toBe(false);
    expect(await found({ namespace })).toBe(false);
  },
);

conformance(
  '[sig-instrumentation] Events API should delete a collection of events [Conformance]',
  async ({ client, namespace }) => {
    const selection = { namespace, labelSelector: 'testevent-set=true' };
    for (const name of names) await client.of(events).create(eventOf(name, namespace, 'testevent-set'));
    expect((await client.of(events).list(selection)).items.length).toBe(names.length);
    await client.of(events).deleteCollection(selection);
    expect((await client.of(events).list(selection)).items).toEqual([]);
  },
);
