/** ComponentStatus: the health of a control plane part, computed when asked for. */
import type { ComponentCondition, ComponentStatus } from '#api/gen/core-v1.js';
import { nameColumn } from '../meta/columns.js';
import { defineResource } from '../resource.js';

export default defineResource<ComponentStatus>({
  group: '',
  versions: ['v1'],
  kind: 'ComponentStatus',
  plural: 'componentstatuses',
  shortNames: ['cs'],
  namespaced: false,
  verbs: ['get', 'list'],
  deprecation: 'v1 ComponentStatus is deprecated in v1.19+',
  columns: [
    nameColumn,
    { name: 'Status', type: 'string', description: 'Status of the component conditions', cell: statusCell },
    {
      name: 'Message',
      type: 'string',
      description: 'Message of the component conditions',
      cell: (component) => healthOf(component)?.message ?? '',
    },
    {
      name: 'Error',
      type: 'string',
      description: 'Error of the component conditions',
      cell: (component) => healthOf(component)?.error ?? '',
    },
  ],
});

function healthOf({ conditions }: ComponentStatus): ComponentCondition | undefined {
  return conditions?.find(({ type }) => type === 'Healthy');
}

function statusCell(component: ComponentStatus): string {
  const status = healthOf(component)?.status;
  return status === 'True' ? 'Healthy' : status === 'False' ? 'Unhealthy' : 'Unknown';
}
