/**
 * Keeps an APIService for each group and version of custom resources, as upstream does it: they come and go with their
 * definitions, and are listed with those of other servers.
 */
import apiServices from '#api/apiregistration/apiservice.js';
import { builtInPriorities } from '#api/apiregistration/local-services.js';
import type { APIService } from '#api/gen/apiregistration-v1.js';
import type { Scheme } from '#api/scheme.js';
import { isReason } from '#apimachinery/errors.js';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import type { Client } from '#client/client.js';
import type { InformerFactory } from '#client/informer.js';
import { WorkQueue } from '#client/workqueue.js';

export interface LocalServicesOptions {
  scheme: Scheme;
  client: Client;
  informers: InformerFactory;
  clock: Clock;
  log: Log;
}

const managedLabel = 'kube-aggregator.kubernetes.io/automanaged';
const priorities = { groupPriorityMinimum: 1000, versionPriority: 100 };

/** Until the signal aborts. */
export async function keepLocalServices(options: LocalServicesOptions, signal: AbortSignal): Promise<void> {
  const { scheme, informers, clock, log } = options;
  const queue = new WorkQueue({ clock, name: 'autoregister', backoffMsMin: 5, backoffMsMax: 60_000 });
  const known = informers.of(apiServices);
  await known.synced;
  const addAll = () => {
    for (const name of customVersions(scheme).keys()) queue.add(name);
    for (const { metadata } of known.list()) if (metadata.labels?.[managedLabel] === 'true') queue.add(metadata.name!);
  };
  scheme.onChange(addAll);
  const touched = ({ metadata }: APIService) => queue.add(metadata.name!);
  known.onEvent({ updated: touched, deleted: touched });
  addAll();
  await queue.workOff(signal, async (name) => {
    try {
      await keep(name, options);
      queue.forget(name);
    } catch (error) {
      if (!signal.aborted) log.warn('an APIService could not be kept', { name, err: error });
      queue.addRateLimited(name);
    }
  });
}

async function keep(name: string, { scheme, client, informers }: LocalServicesOptions): Promise<void> {
  const existing = informers.of(apiServices).get(name);
  const wanted = customVersions(scheme).get(name);
  const isOurs = existing?.metadata.labels?.[managedLabel] === 'true';
  try {
    if (wanted && !existing) await client.of(apiServices).create(serviceOf(name, wanted));
    else if (!wanted && existing && isOurs)
      await client.of(apiServices).delete(name, { preconditions: { uid: existing.metadata.uid } });
  } catch (error) {
    if (!isReason(error, 'AlreadyExists', 'NotFound', 'Conflict')) throw error;
  }
}

/** By the names of their APIServices. */
function customVersions(scheme: Scheme): Map<string, { group: string; version: string }> {
  const found = new Map<string, { group: string; version: string }>();
  for (const { group, versions } of scheme.resources()) {
    if (Object.hasOwn(builtInPriorities, group)) continue;
    for (const version of versions) found.set(`${version}.${group}`, { group, version });
  }
  return found;
}

function serviceOf(name: string, { group, version }: { group: string; version: string }): APIService {
  return {
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name, labels: { [managedLabel]: 'true' } },
    spec: { group, version, ...priorities },
  };
}
