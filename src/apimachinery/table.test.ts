import { expect, it } from 'vitest';
import { tableOf } from './table.js';

const nowMs = Date.UTC(2026, 0, 1, 0, 5);
const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'default', creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: { nodeName: 'n1' },
};
const columns = [
  { name: 'Name', type: 'string', format: 'name', cell: (object: typeof pod) => object.metadata.name },
  { name: 'Node', type: 'string', priority: 1, cell: (object: typeof pod) => object.spec.nodeName },
  { name: 'IP', type: 'string', cell: () => undefined },
];

it('shows the cells of each object, with its metadata', () => {
  expect(tableOf({ columns, objects: [pod], metadata: { resourceVersion: '7' }, nowMs })).toEqual({
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: { resourceVersion: '7' },
    columnDefinitions: [
      { name: 'Name', type: 'string', format: 'name', description: '', priority: 0 },
      { name: 'Node', type: 'string', format: '', description: '', priority: 1 },
      { name: 'IP', type: 'string', format: '', description: '', priority: 0 },
    ],
    rows: [
      {
        cells: ['web', 'n1', null],
        object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: pod.metadata },
      },
    ],
  });
});

it('includes what is asked for', () => {
  const options = { columns, objects: [pod], metadata: {}, nowMs, version: 'v1beta1' as const };
  expect(tableOf({ ...options, includeObject: 'Object' }).rows[0]?.object).toBe(pod);
  expect(tableOf({ ...options, includeObject: 'None' }).rows[0]?.object).toBeNull();
  expect(tableOf(options).rows[0]?.object?.apiVersion).toBe('meta.k8s.io/v1beta1');
  expect(tableOf({ ...options, headers: false }).columnDefinitions).toBeNull();
});

it('has name and age when nothing is said', () => {
  const table = tableOf({ columns: undefined, objects: [pod], metadata: {}, nowMs });
  expect(table.columnDefinitions?.map((column) => column.name)).toEqual(['Name', 'Age']);
  expect(table.rows[0]?.cells).toEqual(['web', '5m']);
});
