/**
 * Keeps the priority levels and flow schemas that every cluster begins with, at start: the mandatory ones as they must be,
 * the suggested ones as long as nobody made them his own
 * (https://kubernetes.io/docs/concepts/cluster-administration/flow-control/#maintenance-of-the-mandatory-and-suggested-configuration-objects).
 */
import {
  autoUpdateAnnotation,
  mandatoryFlows,
  mandatoryLevels,
  suggestedFlows,
  suggestedLevels,
} from '#api/flowcontrol/bootstrap.js';
import flowSchemaResource from '#api/flowcontrol/flowschema.js';
import priorityLevelResource from '#api/flowcontrol/prioritylevelconfiguration.js';
import type { FlowSchema, PriorityLevelConfiguration } from '#api/gen/flowcontrol-v1.js';
import type { KubeObject } from '#apimachinery/object.js';
import { copy, equal } from '#base/json.js';
import type { Client } from '#client/client.js';
import { planObjects, runTogether } from './start-objects.js';

const fieldManager = 'api-priority-and-fairness-config-producer-v1';
const mandatory = new Set([...mandatoryLevels, ...mandatoryFlows].map(idOf));

export async function reconcileFlowControl(client: Client, signal?: AbortSignal): Promise<void> {
  const options = { isStale, fieldManager, ...(signal && { signal }) };
  const tasks = await Promise.all([
    planObjects<PriorityLevelConfiguration>(client, {
      ...options,
      ref: priorityLevelResource,
      wanted: [...mandatoryLevels, ...suggestedLevels],
      merge: mergeLevel,
    }),
    planObjects<FlowSchema>(client, {
      ...options,
      ref: flowSchemaResource,
      wanted: [...mandatoryFlows, ...suggestedFlows],
      merge,
    }),
  ]);
  await runTogether(tasks.flat());
}

/** What an older version began with, and nobody has made his own. */
function isStale({ metadata }: KubeObject): boolean {
  return metadata.annotations?.[autoUpdateAnnotation] === 'true';
}

/** The seats that what is exempt lends are the administrator's to choose. */
function mergeLevel(
  existing: PriorityLevelConfiguration,
  wanted: PriorityLevelConfiguration,
): PriorityLevelConfiguration | undefined {
  const exempt = existing.spec?.exempt;
  return merge(existing, exempt && wanted.spec?.exempt ? { ...wanted, spec: { ...wanted.spec, exempt } } : wanted);
}

function merge<T extends KubeObject & { spec?: unknown }>(existing: T, wanted: T): T | undefined {
  const merged = copy(existing);
  const keeps = mandatory.has(idOf(wanted)) || isKept(existing);
  merged.metadata.annotations = { ...merged.metadata.annotations, [autoUpdateAnnotation]: String(keeps) };
  if (keeps) merged.spec = copy(wanted.spec);
  return equal(merged, existing) ? undefined : merged;
}

/** The annotation says so; without one, an object that nobody has changed is the server's. */
function isKept({ metadata }: KubeObject): boolean {
  const said = metadata.annotations?.[autoUpdateAnnotation];
  if (said === 'true' || said === 'false') return said === 'true';
  return metadata.generation === 1;
}

function idOf({ kind, metadata }: KubeObject): string {
  return `${kind}/${metadata.name}`;
}
