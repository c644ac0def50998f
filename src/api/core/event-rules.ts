/** Rules and columns of Events, which are one object in two API groups. */

import type { Event } from '#api/gen/core-v1.js';
import { humanAge } from '#apimachinery/duration.js';
import { invalidValue, required } from '#apimachinery/field-error.js';
import { validateImmutable } from '#apimachinery/metadata-validation.js';
import { subdomainProblems } from '#apimachinery/names.js';
import { check, checkQualifiedName, type FieldErrors } from '../meta/check.js';
import { nameColumn } from '../meta/columns.js';
import { fieldText } from '../meta/field-text.js';
import { goDump } from '../meta/go-dump.js';
import type { Column } from '../resource.js';

const textLengthMax = 128;
const noteLengthMax = 1024;

/** For both groups. An event with an event time is of the newer sort, and held to more. */
export function* checkEvent(event: Event, componentField: string): FieldErrors {
  const { metadata, involvedObject, eventTime } = event;
  const own = metadata.namespace ?? '';
  const other = involvedObject?.namespace ?? '';
  const isMismatch = eventTime
    ? other === '' && own !== 'default' && own !== 'kube-system'
    : other === ''
      ? own !== '' && own !== 'default'
      : own !== other;
  if (isMismatch) yield invalidValue('involvedObject.namespace', other, 'does not match event.namespace');
  if (eventTime) yield* checkNewerFields(event, componentField);
  yield* check('namespace', own, subdomainProblems);
}

/** `componentField` is how the request's version calls it. */
function* checkNewerFields(event: Event, componentField: string): FieldErrors {
  const { reportingComponent = '', reportingInstance = '', action = '', reason = '', message = '' } = event;
  if (!reportingComponent) yield required(componentField);
  yield* checkQualifiedName(componentField, reportingComponent);
  for (const [path, text] of Object.entries({ reportingInstance, action, reason })) {
    if (!text) yield required(path);
    if (Buffer.byteLength(text) > textLengthMax)
      yield invalidValue(path, '', `can have at most ${textLengthMax} characters`);
  }
  if (Buffer.byteLength(message) > noteLengthMax)
    yield invalidValue('message', '', `can have at most ${noteLengthMax} characters`);
}

/** Of events.k8s.io only: what is new must be of the newer sort altogether. */
export function* checkNewEvent(event: Event): FieldErrors {
  yield* checkSeries(event);
  if (!event.eventTime) yield required('eventTime');
  if (event.type !== 'Normal' && event.type !== 'Warning')
    yield invalidValue('type', '', `has invalid value: ${event.type ?? ''}`);
  const { firstTimestamp, lastTimestamp, count } = event;
  const source = event.source?.component || event.source?.host;
  for (const [path, value] of Object.entries({ firstTimestamp, lastTimestamp, count, source }))
    if (value) yield invalidValue(path, '', 'needs to be unset');
}

function* checkSeries({ series }: Event): FieldErrors {
  if (!series) return;
  if ((series.count ?? 0) < 2) yield invalidValue('series.count', '', 'should be at least 2');
  if (!series.lastObservedTime) yield required('series.lastObservedTime');
}

const fixedFields = [
  'involvedObject',
  'reason',
  'message',
  'source',
  'firstTimestamp',
  'lastTimestamp',
  'count',
  // Told twice by upstream.
  'reason',
  'type',
  'eventTime',
  'action',
  'related',
  'reportingInstance',
] as const;

/** What is an object shows the names that its fields have in Go. */
const objectTypes: Partial<Record<(typeof fixedFields)[number], string>> = {
  involvedObject: 'io.k8s.api.core.v1.ObjectReference',
  related: 'io.k8s.api.core.v1.ObjectReference',
  source: 'io.k8s.api.core.v1.EventSource',
};
/** These are never left out. */
const zeros: Partial<Record<(typeof fixedFields)[number], unknown>> = {
  involvedObject: {},
  reason: '',
  message: '',
  source: {},
  count: 0,
  type: '',
  action: '',
  reportingInstance: '',
};

function shownAs(field: (typeof fixedFields)[number], value: unknown): unknown {
  const shown = value ?? zeros[field] ?? null;
  const type = objectTypes[field];
  return type && shown ? goDump(type, shown) : shown;
}

/** Of events.k8s.io only: nothing but the series goes on. */
export function* checkEventUpdate(event: Event, old: Event): FieldErrors {
  if (JSON.stringify(event.series) !== JSON.stringify(old.series)) yield* checkSeries(event);
  for (const field of fixedFields)
    yield* validateImmutable(field, { value: event[field], old: old[field], show: (value) => shownAs(field, value) });
  const [value, before] = [event.reportingComponent, old.reportingComponent];
  yield* validateImmutable('reportingController', { value, old: before });
}

export const eventColumns: readonly Column<Event>[] = [
  {
    name: 'Last Seen',
    type: 'string',
    description: fieldText('core.v1.Event.lastTimestamp'),
    cell: (event, { nowMs }) => humanAge(lastSeen(event), nowMs),
  },
  { name: 'Type', type: 'string', description: fieldText('core.v1.Event.type'), cell: ({ type }) => type ?? '' },
  {
    name: 'Reason',
    type: 'string',
    description: fieldText('core.v1.Event.reason'),
    cell: ({ reason }) => reason ?? '',
  },
  { name: 'Object', type: 'string', description: fieldText('core.v1.Event.involvedObject'), cell: objectCell },
  {
    name: 'Subobject',
    type: 'string',
    priority: 1,
    description: fieldText('core.v1.ObjectReference.fieldPath'),
    cell: ({ involvedObject }) => involvedObject?.fieldPath ?? '',
  },
  { name: 'Source', type: 'string', priority: 1, description: fieldText('core.v1.Event.source'), cell: sourceCell },
  {
    name: 'Message',
    type: 'string',
    description: fieldText('core.v1.Event.message'),
    cell: ({ message }) => (message ?? '').trim(),
  },
  {
    name: 'First Seen',
    type: 'string',
    priority: 1,
    description: fieldText('core.v1.Event.firstTimestamp'),
    cell: (event, { nowMs }) => humanAge(firstSeen(event), nowMs),
  },
  {
    name: 'Count',
    type: 'string',
    priority: 1,
    description: fieldText('core.v1.Event.count'),
    cell: ({ series, count }) => series?.count ?? (count || 1),
  },
  { ...nameColumn, priority: 1 },
];

function firstSeen({ firstTimestamp, eventTime }: Event): string | undefined {
  return firstTimestamp || eventTime;
}

function lastSeen(event: Event): string | undefined {
  return event.series ? event.series.lastObservedTime : event.lastTimestamp || firstSeen(event);
}

function objectCell({ involvedObject }: Event): string {
  const kind = (involvedObject?.kind ?? '').toLowerCase();
  return involvedObject?.name ? `${kind}/${involvedObject.name}` : kind;
}

function sourceCell({ source, reportingComponent, reportingInstance }: Event): string {
  const component = source?.component || (reportingComponent ?? '');
  const instance = source?.host || reportingInstance;
  return instance ? `${component}, ${instance}` : component;
}
