/** What flow control tells of itself under upstream's names. */
import type { Distribution, Histogram, MetricRegistry, Value } from '#base/metrics.js';
import type { FlowSeries } from './flow-series.js';
import type { Level, Levels } from './levels.js';
import type { RefusalReason } from './queue-set.js';
import type { Ticket } from './ticket-queue.js';

const seatBounds = [1, 2, 4, 8, 16, 32, 64, 100];
const waitBounds = [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30];
const labels = ['priority_level', 'flow_schema'];
const prefix = 'apiserver_flowcontrol_';

export class FlowMetrics {
  readonly #make: (level: string, schema: string) => FlowSeries;

  constructor(registry: MetricRegistry, levels: () => Levels) {
    const counter = (name: string, help: string, more: readonly string[] = []) =>
      registry.counter({ name: `${prefix}${name}`, help, labels: [...labels, ...more] });
    const dispatched = counter('dispatched_requests_total', '[BETA] Requests whose execution began');
    const rejected = counter('rejected_requests_total', '[BETA] Requests that were refused', ['reason']);
    const gauge = (name: string, help: string) => registry.gauge({ name: `${prefix}${name}`, help, labels });
    const executing = gauge(
      'current_executing_requests',
      '[BETA] Requests in execution, watches until they have begun',
    );
    const seats = gauge('current_executing_seats', '[BETA] Seats taken by requests in execution');
    const histogram = (name: string, help: string, more: string) =>
      registry.histogram({ name: `${prefix}${name}`, help, labels: [...labels, more], bounds: waitBounds });
    const waited = histogram('request_wait_duration_seconds', '[BETA] Time that requests waited for seats', 'execute');
    const executed = histogram('request_execution_seconds', '[ALPHA] Time in execution', 'type');
    const estimated = registry.histogram({
      name: `${prefix}work_estimated_seats`,
      help: '[ALPHA] Seats that requests were taken to need',
      labels,
      bounds: seatBounds,
    });
    registry.renamed(seats, {
      name: `${prefix}request_concurrency_in_use`,
      help: '[ALPHA] Seats taken, by an older name',
    });
    const known = new Map<string, readonly [level: string, schema: string]>();
    addLevelGauges(registry, () => levels().all.values());
    addWaiting(registry, { levels, known });
    this.#make = (level, schema) => {
      const own = [level, schema] as const;
      known.set(`${level}/${schema}`, own);
      return seriesOf({
        dispatched: dispatched.with(...own),
        executing: executing.with(...own),
        seats: seats.with(...own),
        waited: waited.with(...own, 'true'),
        estimated: estimated.with(...own),
        executed: executedOf(executed, own),
        rejected: (reason) => rejected.with(...own, reason),
      });
    };
  }

  seriesOf(level: string, schema: string): FlowSeries {
    return this.#make(level, schema);
  }
}

function executedOf(executed: Histogram, own: readonly [string, string]): (isWatch: boolean) => Distribution {
  const [regular, watch] = [executed.with(...own, 'regular'), executed.with(...own, 'watch')];
  return (isWatch) => (isWatch ? watch : regular);
}

function seriesOf(parts: {
  dispatched: Value;
  executing: Value;
  seats: Value;
  waited: Distribution;
  estimated: Distribution;
  executed: (isWatch: boolean) => Distribution;
  rejected: (reason: RefusalReason) => Value;
}): FlowSeries {
  const { dispatched, executing, seats, waited, estimated } = parts;
  return {
    started(ticket) {
      dispatched.add();
      executing.add();
      seats.add(ticket.seats);
      estimated.observe(Math.max(ticket.seats, ticket.work.finalSeats));
      waited.observe((ticket.startedMs! - ticket.arrivedMs) / 1000);
    },
    ended(ticket, { nowMs, isWatch }) {
      executing.add(-1);
      seats.add(-ticket.seats);
      parts.executed(isWatch).observe((nowMs - ticket.startedMs!) / 1000);
    },
    refused(reason) {
      parts.rejected(reason).add();
    },
  };
}

function addLevelGauges(registry: MetricRegistry, levels: () => Iterable<Level>): void {
  const perLevel = (name: string, help: string, figure: (level: Level) => number) =>
    registry.collected({
      type: 'gauge',
      name: `${prefix}${name}`,
      help,
      labels: ['priority_level'],
      collect: () => [...levels()].map((level) => ({ labels: [level.name], value: figure(level) })),
    });
  perLevel('nominal_limit_seats', '[BETA] Seats by configuration', ({ nominal }) => nominal);
  perLevel('lower_limit_seats', '[ALPHA] The least seats that lending leaves', ({ lower }) => lower);
  perLevel('upper_limit_seats', '[ALPHA] The most seats with what is borrowed', ({ upper }) => upper);
  perLevel('current_limit_seats', '[ALPHA] Seats as lent and borrowed now', ({ current }) => current);
  perLevel('request_concurrency_limit', '[ALPHA] Seats by configuration', ({ nominal }) => nominal);
  perLevel('demand_seats_high_watermark', '[ALPHA] Most seats wanted', ({ demand }) => demand.figures.highest);
  perLevel('demand_seats_average', '[ALPHA] Mean seats wanted', ({ demand }) => demand.figures.average);
  perLevel('demand_seats_stdev', '[ALPHA] Deviation of seats wanted', ({ demand }) => demand.figures.deviation);
  perLevel('demand_seats_smoothed', '[ALPHA] Smoothed seats wanted', ({ demand }) => demand.figures.smoothed);
  perLevel('target_seats', '[ALPHA] Seats that lending aims at', ({ current }) => current);
}

/** Counted when somebody asks: who waits is in the queues. */
function addWaiting(
  registry: MetricRegistry,
  { levels, known }: { levels: () => Levels; known: ReadonlyMap<string, readonly [string, string]> },
): void {
  const perSchema = (name: string, help: string, figure: (ticket: Ticket) => number) =>
    registry.collected({
      type: 'gauge',
      name: `${prefix}${name}`,
      help,
      labels,
      collect: () => {
        const sums = new Map([...known.keys()].map((key) => [key, 0]));
        for (const level of levels().all.values()) {
          for (const ticket of level.queues.queues.flatMap(({ waiting }) => [...waiting])) {
            const key = `${level.name}/${ticket.schema}`;
            sums.set(key, (sums.get(key) ?? 0) + figure(ticket));
          }
        }
        return [...known].map(([key, own]) => ({ labels: own, value: sums.get(key)! }));
      },
    });
  perSchema('current_inqueue_requests', '[BETA] Requests that wait', () => 1);
  perSchema('current_inqueue_seats', '[ALPHA] Seats that are waited for', ({ seats }) => seats);
  registry.collected({
    type: 'gauge',
    name: `${prefix}seat_fair_frac`,
    help: '[ALPHA] The share of what is wanted that each level can have',
    collect: () => [{ value: levels().fairShare }],
  });
}
