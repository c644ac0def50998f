/** The OpenAPI documents of aggregated servers: asked for when they come, and now and then; told with this server's own. */
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import { WorkQueue } from '#client/workqueue.js';
import type { DocumentRequest, DocumentResponse } from '../document.js';
import type { RemoteSpec } from '../openapi/merge.js';
import type { Aggregator } from './aggregator.js';
import { askRemoteApi } from './ask.js';
import type { RemoteApi } from './remote-api.js';

const refreshMs = 60_000;
const timeoutMs = 20_000;
const asker = { name: 'system:aggregator', groups: [] };

interface Index {
  paths?: Record<string, { serverRelativeURL?: string }>;
}

interface Known {
  /** Where its OpenAPI v3 document is. */
  url?: string;
  spec?: RemoteSpec;
}

export class RemoteOpenApi {
  readonly #options: { aggregator: Aggregator; clock: Clock; log: Log };
  readonly #queue: WorkQueue;
  readonly #known = new Map<string, Known>();
  readonly #listeners = new Set<() => void>();

  constructor(options: { aggregator: Aggregator; clock: Clock; log: Log }) {
    this.#options = options;
    const { aggregator, clock } = options;
    this.#queue = new WorkQueue({
      clock,
      name: 'open_api_aggregation_controller',
      backoffMsMin: 500,
      backoffMsMax: refreshMs,
    });
    aggregator.onChange((key, remote) => {
      if (remote) this.#queue.add(key);
      else if (this.#known.delete(key)) this.#tell();
    });
  }

  /** By path, `apis/metrics.k8s.io/v1beta1`: where its document is. */
  *urls(): Iterable<[path: string, url: string]> {
    for (const [key, { url }] of this.#known) if (url) yield [`apis/${key}`, url];
  }

  /** Of OpenAPI v2. */
  *specs(): Iterable<RemoteSpec> {
    for (const { spec } of this.#known.values()) if (spec) yield spec;
  }

  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** The document of a version that another server serves; undefined where that is this one. */
  async respond(groupVersion: string, request: DocumentRequest): Promise<DocumentResponse | undefined> {
    const remote = this.#options.aggregator.remotes.get(groupVersion);
    if (!remote || !this.#known.get(groupVersion)?.url) return undefined;
    const query = request.query?.size ? `?${request.query}` : '';
    const headers: Record<string, string> = {};
    if (request.ifNoneMatch) headers['if-none-match'] = request.ifNoneMatch;
    const { clock } = this.#options;
    const reply = await askRemoteApi(remote, { path: request.path + query, user: asker, timeoutMs, clock, headers });
    const kept: Record<string, string> = {};
    for (const name of ['content-type', 'etag', 'cache-control', 'location', 'vary']) {
      const value = reply.headers[name];
      if (value !== undefined) kept[name] = String(value);
    }
    return { status: reply.status, headers: kept, body: Buffer.from(reply.text) };
  }

  /** Until the signal aborts. */
  run(signal: AbortSignal): Promise<void> {
    return this.#queue.workOff(signal, (key) => this.#refresh(key, signal));
  }

  async #refresh(key: string, signal: AbortSignal): Promise<void> {
    const remote = this.#options.aggregator.remotes.get(key);
    if (!remote?.isAvailable) {
      // It is looked at again when its condition changes.
      this.#queue.forget(key);
      return;
    }
    try {
      const [url, spec] = await Promise.all([this.#askIndex(remote, signal), this.#askSpec(remote, signal)]);
      if (!this.#options.aggregator.serves(key, remote)) return;
      this.#queue.forget(key);
      this.#queue.addAfter(key, refreshMs);
      const before = this.#known.get(key);
      if (before?.url === url && before?.spec?.etag === spec?.etag) return;
      this.#known.set(key, { url, spec });
      this.#tell();
    } catch (error) {
      if (signal.aborted) return;
      this.#options.log.debug('an aggregated server does not tell its OpenAPI', { key, err: error });
      this.#queue.addRateLimited(key);
    }
  }

  async #askIndex(remote: RemoteApi, signal: AbortSignal): Promise<string | undefined> {
    const { clock } = this.#options;
    const { status, text } = await askRemoteApi(remote, { path: '/openapi/v3', user: asker, timeoutMs, signal, clock });
    // A server may have none.
    if (status !== 200) return undefined;
    return (JSON.parse(text) as Index).paths?.[`apis/${remote.group}/${remote.version}`]?.serverRelativeURL;
  }

  async #askSpec(remote: RemoteApi, signal: AbortSignal): Promise<RemoteSpec | undefined> {
    const { clock } = this.#options;
    const reply = await askRemoteApi(remote, { path: '/openapi/v2', user: asker, timeoutMs, signal, clock });
    if (reply.status !== 200) return undefined;
    const { paths = {}, definitions = {}, parameters = {} } = JSON.parse(reply.text) as Partial<RemoteSpec>;
    const { group, version } = remote;
    const etag = String(reply.headers['etag'] ?? reply.text.length);
    return { group, version, etag, paths, definitions, parameters };
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
