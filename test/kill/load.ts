/** Clients that outlive the server: one writes and keeps account of what was acknowledged, one follows by a watch. */
import type { Clock } from '#base/clock.js';
import type { ClusterProcess } from '../cluster-process.js';
import type { Connection } from '../connection.js';

const collection = '/api/v1/namespaces/default/configmaps';
const retryMs = 20;
/** One write of so many makes a new object; the others change those that are there. */
const createEvery = 5;

/** Writes one after the other; what was in work when the server died is written again with a higher turn. */
export class Writer {
  /** Name to the highest turn that the server has acknowledged. */
  readonly acknowledged = new Map<string, number>();
  readonly acknowledgedRevisions = new Set<number>();
  lastRevision = 0;
  readonly #cluster: ClusterProcess;
  readonly #name: string;
  readonly #clock: Clock;
  readonly #names: string[] = [];
  #turn = 0;
  #stopped = false;

  constructor(cluster: ClusterProcess, { name, clock }: { name: string; clock: Clock }) {
    this.#cluster = cluster;
    this.#name = name;
    this.#clock = clock;
  }

  stop(): void {
    this.#stopped = true;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !this.#stopped) {
      const connection = await this.#cluster.connect().catch(() => undefined);
      if (connection) await this.#write(connection, signal);
      else await this.#clock.sleep(retryMs);
    }
  }

  /** Until the connection breaks. Throws what the server answers that it should not. */
  async #write(connection: Connection, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !this.#stopped) {
      const turn = this.#turn++;
      const fresh = turn % createEvery === 0;
      const name = fresh ? `${this.#name}-${turn}` : this.#names[turn % this.#names.length]!;
      if (fresh) this.#names.push(name);
      const body = JSON.stringify({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name },
        data: { turn: String(turn) },
      });
      const reply = await (fresh
        ? connection.request('POST', collection, body)
        : connection.request('PUT', `${collection}/${name}`, body)
      ).catch(() => undefined);
      if (!reply) break;
      if (reply.code === 201 || reply.code === 200) this.#acknowledge(name, turn, reply.body);
      else if (reply.code === 404 && !this.acknowledged.has(name)) this.#names.splice(this.#names.indexOf(name), 1);
      else if (reply.code < 500 && reply.code !== 401 && reply.code !== 403) {
        throw new Error(`a write of ${name} answered ${reply.code}: ${reply.body}`);
      }
      await this.#clock.sleep(2);
    }
    connection.close();
  }

  #acknowledge(name: string, turn: number, body: Buffer): void {
    const revision = Number(JSON.parse(body.toString()).metadata.resourceVersion);
    if (revision <= this.lastRevision) throw new Error(`revision ${revision} after ${this.lastRevision}`);
    this.lastRevision = revision;
    this.acknowledged.set(name, turn);
    this.acknowledgedRevisions.add(revision);
  }
}

/** Watches ConfigMaps from a revision on, and again from the last one that it has seen. */
export class Follower {
  readonly revisions = new Set<number>();
  readonly failures: string[] = [];
  lastRevision = 0;
  readonly #cluster: ClusterProcess;
  readonly #clock: Clock;

  constructor(cluster: ClusterProcess, clock: Clock) {
    this.#cluster = cluster;
    this.#clock = clock;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const connection = await this.#cluster.connect().catch(() => undefined);
      if (connection) await this.#follow(connection, signal);
      await this.#clock.sleep(retryMs);
    }
  }

  async #follow(connection: Connection, signal: AbortSignal): Promise<void> {
    const close = () => connection.close();
    signal.addEventListener('abort', close, { once: true });
    try {
      if (this.lastRevision === 0) {
        const { body } = await connection.request('GET', `${collection}?limit=1`);
        this.lastRevision = Number(JSON.parse(body.toString()).metadata.resourceVersion);
      }
      const from = `${collection}?watch=true&resourceVersion=${this.lastRevision}`;
      const { code, body } = await connection.watch(from, (event) => this.#see(event));
      if (code < 500 && code !== 200 && code !== 401 && code !== 403) this.failures.push(`${code}: ${body}`);
    } catch {
      // The server died; what it had sent is seen, and the next watch begins there.
    } finally {
      signal.removeEventListener('abort', close);
      connection.close();
    }
  }

  #see({ type, object }: { type: string; object: unknown }): void {
    if (type === 'ERROR') {
      this.failures.push(JSON.stringify(object));
      return;
    }
    const revision = Number((object as { metadata: { resourceVersion: string } }).metadata.resourceVersion);
    if (revision <= this.lastRevision) this.failures.push(`event of ${revision} after ${this.lastRevision}`);
    this.lastRevision = revision;
    this.revisions.add(revision);
  }
}
