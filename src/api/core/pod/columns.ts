/** The columns of `kubectl get pods`. */

import type { Pod } from '#api/gen/core-v1.js';
import { humanAge } from '#apimachinery/duration.js';
import type { RowCondition } from '#apimachinery/table.js';
import { ageColumn, nameColumn } from '../../meta/columns.js';
import { fieldText } from '../../meta/field-text.js';
import type { Column } from '../../resource.js';
import { summarize } from './status-text.js';

export const podColumns: readonly Column<Pod>[] = [
  nameColumn,
  {
    name: 'Ready',
    type: 'string',
    description: 'The aggregate readiness state of this pod for accepting traffic.',
    cell: readyCell,
  },
  {
    name: 'Status',
    type: 'string',
    description: 'The aggregate status of the containers in this pod.',
    cell: (pod) => summarize(pod).status,
  },
  {
    name: 'Restarts',
    type: 'string',
    description:
      'The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.',
    cell: restartsCell,
  },
  ageColumn,
  {
    name: 'IP',
    type: 'string',
    priority: 1,
    description: fieldText('core.v1.PodStatus.podIP'),
    cell: (pod) => pod.status?.podIPs?.[0]?.ip || '<none>',
  },
  {
    name: 'Node',
    type: 'string',
    priority: 1,
    description: fieldText('core.v1.PodSpec.nodeName'),
    cell: (pod) => pod.spec.nodeName || '<none>',
  },
  {
    name: 'Nominated Node',
    type: 'string',
    priority: 1,
    description: fieldText('core.v1.PodStatus.nominatedNodeName'),
    cell: (pod) => pod.status?.nominatedNodeName || '<none>',
  },
  {
    name: 'Readiness Gates',
    type: 'string',
    priority: 1,
    description: fieldText('core.v1.PodSpec.readinessGates'),
    cell: gatesCell,
  },
];

const endMessages: Record<string, string> = {
  Succeeded: 'The pod has completed successfully.',
  Failed: 'The pod failed.',
};

export function podRowConditions({ status }: Pod): RowCondition[] {
  const reason = status?.phase ?? '';
  const message = endMessages[reason];
  return message ? [{ type: 'Completed', status: 'True', reason, message }] : [];
}

function readyCell(pod: Pod): string {
  const { readyContainers, totalContainers } = summarize(pod);
  return `${readyContainers}/${totalContainers}`;
}

function restartsCell(pod: Pod, { nowMs }: { nowMs: number }): string {
  const { restarts, lastRestart } = summarize(pod);
  return restarts > 0 && lastRestart ? `${restarts} (${humanAge(lastRestart, nowMs)} ago)` : `${restarts}`;
}

function gatesCell({ spec, status }: Pod): string {
  const gates = spec.readinessGates ?? [];
  if (gates.length === 0) return '<none>';
  const open = gates.filter(({ conditionType }) =>
    status?.conditions?.some(({ type, status: value }) => type === conditionType && value === 'True'),
  );
  return `${open.length}/${gates.length}`;
}
