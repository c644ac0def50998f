/**
 * Follows the FlowSchema and PriorityLevelConfiguration objects, and tells each schema whether its level exists.
 * https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/flow-schema-v1/#FlowSchemaStatus
 */
import flowSchemas from '#api/flowcontrol/flowschema.js';
import priorityLevels from '#api/flowcontrol/prioritylevelconfiguration.js';
import type { FlowSchema, FlowSchemaCondition } from '#api/gen/flowcontrol-v1.js';
import { isReason } from '#apimachinery/errors.js';
import { formatTime } from '#apimachinery/object.js';
import type { Clock } from '#base/clock.js';
import { equal } from '#base/json.js';
import type { Log } from '#base/log.js';
import type { Client } from '#client/client.js';
import type { InformerFactory } from '#client/informer.js';
import type { FlowControl } from './flow-control.js';

const fieldManager = 'api-priority-and-fairness-config-consumer-v1';
/** Changes that come together are read together. */
const settleMs = 50;
const retryMs = 5_000;
/** Somebody else who writes the same status must not be fought without end. */
const writesPerMinuteMax = 6;

export interface FollowOptions {
  flow: FlowControl;
  client: Client;
  informers: InformerFactory;
  clock: Clock;
  log: Log;
}

/** Resolves when the objects are in force; goes on until the signal aborts. */
export async function followFlowControl(options: FollowOptions, signal: AbortSignal): Promise<void> {
  const { flow, informers, clock, log } = options;
  const levels = informers.of(priorityLevels);
  const schemas = informers.of(flowSchemas);
  const writes = new Map<string, number[]>();
  let scheduled = false;
  const apply = () => flow.configure(levels.list(), schemas.list());
  const schedule = (delayMs: number) => {
    if (scheduled || signal.aborted) return;
    scheduled = true;
    const timer = clock.setTimer(delayMs, async () => {
      signal.removeEventListener('abort', cancel);
      scheduled = false;
      apply();
      try {
        const later = await tellDangling(options, { writes, signal });
        if (later) schedule(60_000);
      } catch (error) {
        if (signal.aborted) return;
        log.warn('the status of a flow schema could not be written', { err: error });
        schedule(retryMs);
      }
    });
    const cancel = () => timer.cancel();
    signal.addEventListener('abort', cancel, { once: true });
  };
  await Promise.all([levels.synced, schemas.synced]);
  apply();
  const changed = () => schedule(settleMs);
  const specChanged = (object: { spec?: unknown }, old: { spec?: unknown }) => {
    if (!equal(object.spec, old.spec)) changed();
  };
  levels.onEvent({ added: changed, updated: specChanged, deleted: changed });
  schemas.onEvent({ added: changed, updated: changed, deleted: changed });
  schedule(settleMs);
}

/** Gives whether some must be told later. */
async function tellDangling(
  { client, informers, clock }: FollowOptions,
  { writes, signal }: { writes: Map<string, number[]>; signal: AbortSignal },
): Promise<boolean> {
  const levels = new Set(
    informers
      .of(priorityLevels)
      .list()
      .map(({ metadata }) => metadata.name),
  );
  let later = false;
  for (const schema of informers.of(flowSchemas).list()) {
    const wanted = danglingCondition(schema, levels.has(schema.spec.priorityLevelConfiguration.name));
    const current = schema.status?.conditions?.find(({ type }) => type === 'Dangling');
    const { lastTransitionTime: _, ...said } = current ?? { type: 'Dangling' };
    if (equal(said, wanted)) continue;
    const name = schema.metadata.name!;
    const recent = (writes.get(name) ?? []).filter((atMs) => atMs > clock.now() - 60_000);
    if (recent.length >= writesPerMinuteMax) {
      later = true;
      continue;
    }
    writes.set(name, [...recent, clock.now()]);
    await write(client, { name, signal, condition: { ...wanted, lastTransitionTime: formatTime(clock.now()) } });
  }
  return later;
}

function danglingCondition({ spec }: FlowSchema, isThere: boolean): FlowSchemaCondition {
  const named = `This FlowSchema references the PriorityLevelConfiguration object named ${JSON.stringify(spec.priorityLevelConfiguration.name)}`;
  return isThere
    ? { type: 'Dangling', status: 'False', reason: 'Found', message: `${named} and it exists` }
    : { type: 'Dangling', status: 'True', reason: 'NotFound', message: `${named} but there is no such object` };
}

async function write(
  client: Client,
  { name, condition, signal }: { name: string; condition: FlowSchemaCondition; signal: AbortSignal },
): Promise<void> {
  const body = {
    apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
    kind: 'FlowSchema',
    metadata: { name },
    status: { conditions: [condition] },
  };
  try {
    const options = { type: 'apply', subresource: 'status', force: true, fieldManager, signal } as const;
    await client.of(flowSchemas).patch(name, body, options);
  } catch (error) {
    // It is gone; nobody needs to know any more.
    if (!isReason(error, 'NotFound')) throw error;
  }
}
