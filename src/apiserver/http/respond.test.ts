import { expect, it } from 'vitest';
import { suggestedFlows } from '#api/flowcontrol/bootstrap.js';
import flowSchemas from '#api/flowcontrol/flowschema.js';
import { builtinSchemas } from '#api/schema-table.js';
import type { Table } from '#apimachinery/table.js';
import type { Stored } from '../registry/stored.js';
import { shownObject } from './respond.js';

it('shows flow schemas in the order in which they are tried', async () => {
  const items = suggestedFlows.toReversed().map((object) => ({ object }) as unknown as Stored);
  const answer = { type: 'list' as const, resource: flowSchemas, version: 'v1', metadata: {}, items };
  const media = { format: 'json' as const, pretty: false, as: { kind: 'Table' as const, version: 'v1' as const } };
  const options = { schemas: builtinSchemas, query: new URLSearchParams(), nowMs: 0 };
  const { rows } = (await shownObject(answer as never, media as never, options as never)) as Table;
  const names = rows.map(({ cells }) => cells[0]);
  expect(names.slice(0, 3)).toEqual(['probes', 'system-leader-election', 'system-node-high']);
  expect(names.slice(-3)).toEqual(['kube-system-service-accounts', 'service-accounts', 'global-default']);
});
