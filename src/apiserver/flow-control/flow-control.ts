/**
 * Priority and fairness: every request is classified by a flow schema, takes seats of its priority level while it is in
 * work, waits in a queue when there are none, and is refused when the queue is full or the wait too long. Where there is
 * room that costs an addition here and there.
 * https://kubernetes.io/docs/concepts/cluster-administration/flow-control/
 */
import type { FlowSchema, PriorityLevelConfiguration } from '#api/gen/flowcontrol-v1.js';
import { tooManyRequests } from '#apimachinery/errors.js';
import type { Clock } from '#base/clock.js';
import type { UserInfo } from '../authentication/authenticator.js';
import { PlainError } from '../call.js';
import { isLongRunning, type RequestInfo } from '../request-info.js';
import type { Classification } from './classification.js';
import type { FlowMetrics } from './flow-metrics.js';
import { type Level, Levels, type Schema } from './levels.js';
import { Refusal } from './queue-set.js';
import { distinguisherOf, matchesRequest, rulesFor } from './rules.js';
import type { Ticket } from './ticket-queue.js';
import { estimateWork, type LoadOf } from './work.js';

export interface FlowLimits {
  readsMax: number;
  writesMax: number;
}

/** Upstream's --max-requests-inflight and --max-mutating-requests-inflight; levels share out their sum. */
export const defaultFlowLimits: FlowLimits = { readsMax: 400, writesMax: 200 };

export interface FlowControlOptions {
  clock: Clock;
  limits?: FlowLimits;
  loadOf?: LoadOf;
  metrics?: FlowMetrics;
}

export interface Admitted {
  /** Undefined for requests that are not controlled: those that last as long as the client likes. */
  classification?: Classification;
  /** To be called when the request is done. */
  leave(): void;
}

/** A refusal, with what its answer's headers tell. */
export class Shed extends PlainError {
  readonly classification: Classification;
  readonly retryAfterSeconds: number;

  constructor(classification: Classification, retryAfterSeconds: number) {
    const { status, message } = tooManyRequests('Too many requests, please try again later.', retryAfterSeconds);
    super(status, message, { headers: { 'retry-after': String(retryAfterSeconds) } });
    this.classification = classification;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** A quarter of a request's time may be spent waiting (upstream's rule, of its --request-timeout of a minute). */
const waitMs = 15_000;
const rebalancePeriodMs = 10_000;
const readVerbs = new Set(['get', 'list', 'watch', 'head', 'options']);
/** The schemas that have rules about a user, of the schemas that were in force. */
interface Candidates {
  schemas: readonly Schema[];
  list: { schema: Schema; rules: ReturnType<typeof rulesFor> }[];
}

const uncontrolled: Admitted = Object.freeze({ leave() {} });

export class FlowControl {
  readonly levels: Levels;
  readonly #clock: Clock;
  readonly #loadOf: LoadOf;
  readonly #metrics: FlowMetrics | undefined;
  readonly #executing = { reads: 0, writes: 0 };
  /** Who asks mostly asks again. */
  readonly #candidates = new WeakMap<UserInfo, Candidates>();

  constructor({ clock, limits = defaultFlowLimits, loadOf = () => undefined, metrics }: FlowControlOptions) {
    this.#clock = clock;
    this.#loadOf = loadOf;
    this.#metrics = metrics;
    this.levels = new Levels({ clock, seats: limits.readsMax + limits.writesMax });
  }

  get inFlight(): { reads: number; writes: number } {
    return this.#executing;
  }

  configure(levels: readonly PriorityLevelConfiguration[], schemas: readonly FlowSchema[]): void {
    this.levels.configure(levels, schemas);
  }

  /** Moves seats to where they are wanted, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#clock.sleep(rebalancePeriodMs, signal).catch(() => {});
      if (!signal.aborted) this.levels.rebalance();
    }
  }

  /** A promise only where the request must wait. Throws Shed, a StatusError (429). */
  enter(info: RequestInfo, user: UserInfo, signal: () => AbortSignal): Admitted | Promise<Admitted> {
    if (isLongRunning(info) && info.verb !== 'watch') return uncontrolled;
    const schema = this.#schemaOf(info, user);
    const { level, object } = schema;
    const ticket = level.queues.start({
      schema: object.metadata.name!,
      flow: level.tellsFlowsApart ? distinguisherOf(object, info, user) : '',
      work: estimateWork(info, { loadOf: this.#loadOf, seatsMax: level.seatsMax }),
      about: { info, user },
      waitMs,
      signal,
    });
    if (!(ticket instanceof Promise)) return this.#admit(schema, ticket, info);
    return ticket.then((decided) => this.#admit(schema, decided, info));
  }

  #schemaOf(info: RequestInfo, user: UserInfo): Schema {
    const { schemas } = this.levels;
    let known = this.#candidates.get(user);
    if (known?.schemas !== schemas) this.#candidates.set(user, (known = candidatesFor(user, schemas)));
    for (const { schema, rules } of known.list) if (matchesRequest(rules, info)) return schema;
    return schemas.at(-1)!;
  }

  #admit(schema: Schema, ticket: Ticket | Refusal, info: RequestInfo): Admitted {
    const { level, object, classification } = schema;
    const series = (schema.series ??= this.#metrics?.seriesOf(level.name, object.metadata.name!));
    if (ticket instanceof Refusal) {
      series?.refused(ticket.reason);
      throw this.#shed(level, classification);
    }
    series?.started(ticket);
    const kind = readVerbs.has(info.verb) ? 'reads' : 'writes';
    this.#executing[kind]++;
    return {
      classification,
      leave: () => {
        this.#executing[kind]--;
        level.queues.finish(ticket);
        series?.ended(ticket, { nowMs: this.#clock.monotonic(), isWatch: info.verb === 'watch' });
      },
    };
  }

  #shed({ retryAfter }: Level, classification: Classification): Shed {
    retryAfter.refused(this.#clock.now());
    return new Shed(classification, retryAfter.seconds);
  }
}

function candidatesFor(user: UserInfo, schemas: readonly Schema[]): Candidates {
  const all = schemas.map((schema) => ({ schema, rules: rulesFor(schema.object, user) }));
  return { schemas, list: all.filter(({ rules }) => rules.length > 0) };
}
