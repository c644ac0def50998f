/**
 * The priority levels and flow schemas in force: made from the API objects, with seats divided among the levels by their
 * shares, and lent from those that need fewer to those that need more.
 * https://kubernetes.io/docs/concepts/cluster-administration/flow-control/
 */
import { mandatoryFlows, mandatoryLevels } from '#api/flowcontrol/bootstrap.js';
import { byPrecedence } from '#api/flowcontrol/flowschema.js';
import type { FlowSchema, PriorityLevelConfiguration } from '#api/gen/flowcontrol-v1.js';
import type { Clock } from '#base/clock.js';
import { allocate } from './allocation.js';
import type { Classification } from './classification.js';
import { SeatDemand } from './demand.js';
import type { FlowSeries } from './flow-series.js';
import { type Limit, QueueSet } from './queue-set.js';
import { RetryAfter } from './retry-after.js';

export interface Level {
  readonly name: string;
  object: PriorityLevelConfiguration;
  readonly queues: QueueSet;
  readonly demand: SeatDemand;
  readonly retryAfter: RetryAfter;
  isExempt: boolean;
  /** Whether requests of different flows may be in different queues. */
  tellsFlowsApart: boolean;
  /** Its object is gone; it is kept until its last request is done. */
  isLeaving: boolean;
  /** Seats by its share, the least and the most that it may have, and those that it has now. */
  nominal: number;
  lower: number;
  upper: number;
  current: number;
  /** Of one request; 0: as many as its work needs. */
  seatsMax: number;
}

export interface Schema {
  readonly object: FlowSchema;
  readonly level: Level;
  readonly classification: Classification;
  /** What is counted of its requests, once there is one. */
  series?: FlowSeries;
}

/** What of a level's seats one request may take. */
const widthShareMax = 0.15;

export class Levels {
  readonly #clock: Clock;
  readonly #seats: number;
  #levels = new Map<string, Level>();
  #schemas: Schema[] = [];
  /** Where the share of what is wanted is told. */
  fairShare = 0;

  constructor({ clock, seats }: { clock: Clock; seats: number }) {
    this.#clock = clock;
    this.#seats = seats;
    this.configure([], []);
  }

  get all(): ReadonlyMap<string, Level> {
    return this.#levels;
  }

  /** In the order in which they are tried. The last takes whatever comes. */
  get schemas(): readonly Schema[] {
    return this.#schemas;
  }

  /** What the mandatory ones say holds even when their objects are missing. */
  configure(levelObjects: readonly PriorityLevelConfiguration[], schemaObjects: readonly FlowSchema[]): void {
    const levels = new Map<string, Level>();
    for (const object of withMandatory(levelObjects, mandatoryLevels)) {
      const limit = limitOf(object);
      if (limit) levels.set(object.metadata.name!, this.#update(object, limit));
    }
    this.#schemas = withMandatory(schemaObjects, mandatoryFlows)
      .flatMap((object) => {
        const level = levels.get(object.spec.priorityLevelConfiguration.name);
        if (!level) return [];
        const uids = { schemaUid: object.metadata.uid ?? '', levelUid: level.object.metadata.uid ?? '' };
        return [{ object, level, classification: uids }];
      })
      .sort((a, b) => byPrecedence(a.object, b.object));
    for (const [name, level] of this.#levels) {
      if (levels.has(name) || level.queues.isIdle) continue;
      level.isLeaving = true;
      levels.set(name, level);
    }
    this.#levels = levels;
    this.#shareOut();
  }

  /** The end of one period: seats go to where they were wanted. */
  rebalance(): void {
    const nowMs = this.#clock.monotonic();
    for (const [name, level] of this.#levels) {
      level.demand.endPeriod(nowMs);
      if (level.isLeaving && level.queues.isIdle) this.#levels.delete(name);
    }
    this.#lend();
  }

  #update(object: PriorityLevelConfiguration, limit: Limit): Level {
    const name = object.metadata.name!;
    let level = this.#levels.get(name);
    if (!level) {
      const demand = new SeatDemand(this.#clock.monotonic());
      const queues = new QueueSet({ clock: this.#clock, demand });
      const numbers = { nominal: 0, lower: 0, upper: 0, current: -1, seatsMax: 0 };
      const flags = { isExempt: false, tellsFlowsApart: false, isLeaving: false };
      level = { name, object, queues, demand, retryAfter: new RetryAfter(), ...numbers, ...flags };
    }
    level.object = object;
    level.isLeaving = false;
    level.isExempt = limit === 'exempt';
    level.tellsFlowsApart = typeof limit !== 'string' && limit.queues > 1;
    level.queues.configure(limit);
    return level;
  }

  #shareOut(): void {
    const sharesOf = ({ object: { spec } }: Level) => (spec.limited ?? spec.exempt)?.nominalConcurrencyShares ?? 30;
    let total = 0;
    for (const level of this.#levels.values()) total += sharesOf(level);
    for (const level of this.#levels.values()) {
      const { limited, exempt } = level.object.spec;
      const nominal = Math.ceil((this.#seats * sharesOf(level)) / total);
      const lendable = Math.round((nominal * ((limited ?? exempt)?.lendablePercent ?? 0)) / 100);
      const percent = limited?.borrowingLimitPercent;
      level.nominal = nominal;
      level.lower = nominal - lendable;
      level.upper = nominal + (percent === undefined ? this.#seats : Math.round((nominal * percent) / 100));
      if (level.current < 0) level.current = nominal - Math.trunc(lendable / 2);
      const handSize = limited?.limitResponse?.queuing?.handSize;
      level.seatsMax = handSize
        ? Math.max(1, Math.min(Math.ceil(nominal * widthShareMax), Math.trunc(nominal / handSize)))
        : 0;
    }
    this.#lend();
  }

  /** KEP-1040: exempt levels take what they need first; the others get what is left by smoothed demand. */
  #lend(): void {
    const levels = [...this.#levels.values()];
    const limited = levels.filter(({ isExempt }) => !isExempt);
    const leastOf = ({ lower, nominal, demand }: Level) => Math.max(lower, Math.min(nominal, demand.figures.highest));
    const sum = (numbers: number[]) => numbers.reduce((all, one) => all + one, 0);
    const total = sum(levels.map(({ nominal }) => nominal));
    let left = total;
    for (const level of levels) {
      if (!level.isExempt) continue;
      level.current = Math.max(level.lower, level.demand.figures.highest);
      left -= level.current;
    }
    const lowest = sum(limited.map(({ lower }) => lower));
    const least = sum(limited.map(leastOf));
    this.fairShare = 0;
    if (left <= lowest) for (const level of limited) level.current = level.lower;
    else if (left <= least) {
      const share = (left - lowest) / (least - lowest);
      for (const level of limited) level.current = level.lower + Math.round((leastOf(level) - level.lower) * share);
    } else {
      const claims = limited.map((level) => {
        const lower = leastOf(level);
        return { lower, upper: level.upper, target: Math.max(lower, level.demand.figures.smoothed) };
      });
      const { seats, share } = allocate(total, claims);
      this.fairShare = share;
      for (const [index, level] of limited.entries()) level.current = Math.round(seats[index]!);
    }
    for (const level of levels) level.queues.limitSeats(level.current);
  }
}

/** Undefined for an object that contradicts itself; validation refuses those. */
function limitOf({ metadata: { name }, spec: { type, limited } }: PriorityLevelConfiguration): Limit | undefined {
  const isExempt = type === 'Exempt';
  if (isExempt !== (name === 'exempt') || isExempt === Boolean(limited)) return undefined;
  if (!limited) return 'exempt';
  const { type: response, queuing } = limited.limitResponse ?? {};
  if ((response === 'Queue') !== Boolean(queuing)) return undefined;
  if (!queuing) return 'reject';
  const { queues = 64, handSize = 8, queueLengthLimit: queueLength = 50 } = queuing;
  return handSize > queues || queues < 1 || handSize < 1 ? undefined : { queues, handSize, queueLength };
}

function withMandatory<T extends { metadata: { name?: string } }>(objects: readonly T[], mandatory: readonly T[]): T[] {
  const names = new Set(objects.map(({ metadata }) => metadata.name));
  return [...objects, ...mandatory.filter(({ metadata }) => !names.has(metadata.name))];
}
