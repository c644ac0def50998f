/**
 * Looks whether the servers behind APIServices are there and answer, and writes that on them as the condition Available.
 * Requests for a group whose server is not available are answered with 503 at once.
 */
import apiServices from '#api/apiregistration/apiservice.js';
import services from '#api/core/service.js';
import endpointSlices from '#api/discovery/endpointslice.js';
import type { APIService, APIServiceCondition } from '#api/gen/apiregistration-v1.js';
import type { EndpointSlice } from '#api/gen/discovery-v1.js';
import { isReason } from '#apimachinery/errors.js';
import { formatTime } from '#apimachinery/object.js';
import type { Clock } from '#base/clock.js';
import { equal } from '#base/json.js';
import type { Log } from '#base/log.js';
import type { Client } from '#client/client.js';
import { type InformerFactory, keyOf } from '#client/informer.js';
import { WorkQueue } from '#client/workqueue.js';
import type { Aggregator } from './aggregator.js';
import { askRemoteApi } from './ask.js';
import type { RemoteApi } from './remote-api.js';

export interface AvailabilityOptions {
  aggregator: Aggregator;
  client: Client;
  informers: InformerFactory;
  clock: Clock;
  log: Log;
  /** Told when a server is found not to be available that was, or of which nothing was known. */
  onUnavailable?: ((name: string, reason: string) => void) | undefined;
}

type Finding = Pick<APIServiceCondition, 'status' | 'reason' | 'message'>;

/** A server that nothing tells of may come and go: it is asked this often. */
const recheckMs = 30_000;
const askedAtOnce = 5;
const answerTimeoutMs = 5_000;
const asker = { name: 'system:kube-aggregator', groups: ['system:masters'] };

export class Availability {
  readonly #options: AvailabilityOptions;
  readonly #queue: WorkQueue;
  #watches = false;

  constructor(options: AvailabilityOptions) {
    this.#options = options;
    const { aggregator, clock } = options;
    this.#queue = new WorkQueue({
      clock,
      name: 'RemoteAvailabilityController',
      backoffMsMin: 5,
      backoffMsMax: recheckMs,
    });
    aggregator.onChange((key, remote) => {
      if (remote) this.#queue.add(key);
    });
  }

  /** Until the signal aborts. */
  run(signal: AbortSignal): Promise<void> {
    return this.#queue.workOff(signal, async (key) => {
      try {
        await this.#check(key, signal);
      } catch (error) {
        if (!signal.aborted)
          this.#options.log.warn('the state of an APIService could not be told', { key, err: error });
        this.#queue.addRateLimited(key);
      }
    });
  }

  async #check(key: string, signal: AbortSignal): Promise<void> {
    const remote = this.#options.aggregator.remotes.get(key);
    if (!remote) {
      this.#queue.forget(key);
      return;
    }
    await this.#watchServices();
    const finding = (await this.#obstacle(remote)) ?? (await this.#ask(remote, signal));
    await this.#tell(remote.service, finding);
    if (finding.reason === 'FailedDiscoveryCheck') this.#queue.addRateLimited(key);
    else {
      this.#queue.forget(key);
      this.#queue.addAfter(key, recheckMs);
    }
  }

  /** From the first server elsewhere on, what becomes of services matters. */
  async #watchServices(): Promise<void> {
    const { informers } = this.#options;
    const all = [informers.of(services), informers.of(endpointSlices)] as const;
    if (!this.#watches) {
      this.#watches = true;
      const touched = (name: string) => {
        for (const [key, remote] of this.#options.aggregator.remotes) {
          const reference = remote.service.spec.service;
          if (`${reference?.namespace}/${reference?.name}` === name) this.#queue.add(key);
        }
      };
      const ofService = (service: Parameters<typeof keyOf>[0]) => touched(keyOf(service));
      const ofSlice = ({ metadata }: EndpointSlice) =>
        touched(`${metadata.namespace}/${metadata.labels?.['kubernetes.io/service-name']}`);
      all[0].onEvent({ added: ofService, updated: ofService, deleted: ofService });
      all[1].onEvent({ added: ofSlice, updated: ofSlice, deleted: ofSlice });
    }
    await Promise.all(all.map(({ synced }) => synced));
  }

  async #obstacle({ service: { spec } }: RemoteApi): Promise<Finding | undefined> {
    const { informers } = this.#options;
    const { namespace = '', name = '', port = 443 } = spec.service ?? {};
    const shown = `service/${name} in ${JSON.stringify(namespace)}`;
    const service = informers.of(services).get(`${namespace}/${name}`);
    if (!service) return no('ServiceNotFound', `${shown} is not present`);
    if ((service.spec.type ?? 'ClusterIP') !== 'ClusterIP') return undefined;
    const found = service.spec.ports?.find((one) => one.port === port);
    if (!found) return no('ServicePortError', `${shown} is not listening on port ${port}`);
    const portName = found.name ?? '';
    const slices = informers
      .of(endpointSlices)
      .list()
      .filter(
        ({ metadata }) => metadata.namespace === namespace && metadata.labels?.['kubernetes.io/service-name'] === name,
      );
    if (slices.length === 0) return no('EndpointsNotFound', `cannot find endpointslices for ${shown}`);
    if (slices.some((slice) => isServing(slice, portName))) return undefined;
    const why = `endpointslices for ${shown} have no addresses with port name ${JSON.stringify(portName)}`;
    return no('MissingEndpoints', why);
  }

  /** One good answer of several is enough. */
  async #ask(remote: RemoteApi, signal: AbortSignal): Promise<Finding> {
    const { group, version } = remote;
    const path = group ? `/apis/${group}/${version}` : `/api/${version}`;
    const ask = async () => {
      const { url, status } = await askRemoteApi(remote, {
        path,
        user: asker,
        timeoutMs: answerTimeoutMs,
        signal,
        ...this.#options,
      });
      if (status >= 200 && status < 300) return;
      throw new Error(`failing or missing response from ${url}: bad status from ${url}: ${status}`);
    };
    try {
      await Promise.any(Array.from({ length: askedAtOnce }, ask));
      return { status: 'True', reason: 'Passed', message: 'all checks passed' };
    } catch (error) {
      return no('FailedDiscoveryCheck', ((error as AggregateError).errors.at(-1) as Error).message);
    }
  }

  async #tell(service: APIService, finding: Finding): Promise<void> {
    const conditions = service.status?.conditions ?? [];
    const before = conditions.find(({ type }) => type === 'Available');
    const lastTransitionTime =
      before?.status === finding.status && before.lastTransitionTime
        ? before.lastTransitionTime
        : formatTime(this.#options.clock.now());
    const next: APIServiceCondition = { type: 'Available', ...finding, lastTransitionTime };
    if (before && equal(before, next)) return;
    const { name = '' } = service.metadata;
    const others = conditions.filter(({ type }) => type !== 'Available');
    try {
      const status = { ...service.status, conditions: [...others, next] };
      await this.#options.client.of(apiServices).updateStatus({ ...service, status });
    } catch (error) {
      // Somebody was faster; the informer brings what is now.
      if (!isReason(error, 'NotFound', 'Conflict')) throw error;
      return;
    }
    if (finding.status === 'False' && before?.status !== 'False') {
      this.#options.onUnavailable?.(name, finding.reason ?? '');
    }
  }
}

function no(reason: string, message: string): Finding {
  return { status: 'False', reason, message };
}

function isServing({ endpoints = [], ports = [] }: EndpointSlice, portName: string): boolean {
  const hasReady = endpoints.some(({ conditions }) => conditions?.ready !== false);
  return hasReady && ports.some(({ name, port }) => (name ?? '') === portName && port !== undefined);
}
