/** Event: what somebody saw happen to an object, in the form of events.k8s.io; stored as the core Event. */
import type { Event as CoreEvent } from '#api/gen/core-v1.js';
import type { Event } from '#api/gen/events-v1.js';
import coreEvents from '../core/event.js';
import { checkEvent, checkEventUpdate, checkNewEvent, eventColumns } from '../core/event-rules.js';
import { defineResource } from '../resource.js';

export default defineResource<Event>({
  group: 'events.k8s.io',
  versions: ['v1'],
  kind: 'Event',
  shortNames: ['ev'],
  namespaced: true,
  storageVersionHash: 'r2yiGXH7wu8=',
  storagePrefix: 'events',
  storedAs: { resource: coreEvents, encode: toCoreEvent, decode: (stored) => fromCoreEvent(stored as CoreEvent) },
  allowCreateOnUpdate: true,
  deletion: { propagation: 'none' },
  selectableFields: {
    reason: (event) => event.reason ?? '',
    'regarding.kind': (event) => event.regarding?.kind ?? '',
    'regarding.namespace': (event) => event.regarding?.namespace ?? '',
    'regarding.name': (event) => event.regarding?.name ?? '',
    'regarding.uid': (event) => event.regarding?.uid ?? '',
    'regarding.apiVersion': (event) => event.regarding?.apiVersion ?? '',
    'regarding.resourceVersion': (event) => event.regarding?.resourceVersion ?? '',
    'regarding.fieldPath': (event) => event.regarding?.fieldPath ?? '',
    reportingController: (event) => event.reportingController ?? '',
    type: (event) => event.type ?? '',
  },
  validate: (event) => checkEvent(toCoreEvent(event), 'reportingController'),
  validateCreate: (event) => checkNewEvent(toCoreEvent(event)),
  validateUpdate: (event, old) => checkEventUpdate(toCoreEvent(event), toCoreEvent(old)),
  columns: eventColumns.map((column) => ({
    ...column,
    cell: (event, context) => column.cell(toCoreEvent(event), context),
  })),
});

function toCoreEvent(event: Event): CoreEvent {
  const { apiVersion: _, regarding, note, reportingController, ...rest } = event;
  const { deprecatedSource, deprecatedFirstTimestamp, deprecatedLastTimestamp, deprecatedCount, ...same } = rest;
  return {
    ...same,
    apiVersion: 'v1',
    involvedObject: regarding ?? {},
    message: note,
    source: deprecatedSource,
    firstTimestamp: deprecatedFirstTimestamp,
    lastTimestamp: deprecatedLastTimestamp,
    count: deprecatedCount,
    reportingComponent: reportingController,
  };
}

function fromCoreEvent(stored: CoreEvent): Event {
  const { apiVersion: _, involvedObject, message, source, firstTimestamp, lastTimestamp, count, ...rest } = stored;
  const { reportingComponent, eventTime, series, ...same } = rest;
  return {
    ...same,
    apiVersion: 'events.k8s.io/v1',
    // A core Event without an event time is written with a null one.
    eventTime: eventTime as string,
    series: series && { count: series.count ?? 0, lastObservedTime: series.lastObservedTime as string },
    regarding: involvedObject,
    note: message,
    deprecatedSource: source,
    deprecatedFirstTimestamp: firstTimestamp,
    deprecatedLastTimestamp: lastTimestamp,
    deprecatedCount: count,
    reportingController: reportingComponent,
  };
}
