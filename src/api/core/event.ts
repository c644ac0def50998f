/** Event: what somebody saw happen to an object. */
import type { Event } from '#api/gen/core-v1.js';
import { pathSegmentProblems } from '#apimachinery/names.js';
import { defineResource } from '../resource.js';
import { checkEvent, eventColumns } from './event-rules.js';

export default defineResource<Event>({
  group: '',
  versions: ['v1'],
  kind: 'Event',
  shortNames: ['ev'],
  namespaced: true,
  metadataRepeats: { update: [] },
  storageVersionHash: 'r2yiGXH7wu8=',
  allowCreateOnUpdate: true,
  validateName: pathSegmentProblems,
  metadataLast: true,
  deletion: { propagation: 'none' },
  // Upstream's --event-ttl.
  lifeMs: 60 * 60_000,
  selectableFields: {
    'involvedObject.kind': (event) => event.involvedObject?.kind ?? '',
    'involvedObject.namespace': (event) => event.involvedObject?.namespace ?? '',
    'involvedObject.name': (event) => event.involvedObject?.name ?? '',
    'involvedObject.uid': (event) => event.involvedObject?.uid ?? '',
    'involvedObject.apiVersion': (event) => event.involvedObject?.apiVersion ?? '',
    'involvedObject.resourceVersion': (event) => event.involvedObject?.resourceVersion ?? '',
    'involvedObject.fieldPath': (event) => event.involvedObject?.fieldPath ?? '',
    reason: (event) => event.reason ?? '',
    reportingComponent: (event) => event.reportingComponent ?? '',
    source: (event) => event.source?.component || (event.reportingComponent ?? ''),
    type: (event) => event.type ?? '',
  },
  validate: (event) => checkEvent(event, 'reportingComponent'),
  columns: eventColumns,
});
