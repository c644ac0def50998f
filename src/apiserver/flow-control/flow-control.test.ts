import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mandatoryFlows, mandatoryLevels, suggestedFlows, suggestedLevels } from '#api/flowcontrol/bootstrap.js';
import type { FlowSchema, PriorityLevelConfiguration } from '#api/gen/flowcontrol-v1.js';
import { VirtualClock } from '#base/clock.js';
import { MetricRegistry } from '#base/metrics.js';
import type { UserInfo } from '../authentication/authenticator.js';
import { parseRequestInfo } from '../request-info.js';
import { startTestServer } from '../test-server.js';
import { allocate } from './allocation.js';
import { dealHand, flowHash } from './dealer.js';
import { dumpFlowControl } from './dump.js';
import { type Admitted, FlowControl, Shed } from './flow-control.js';
import { FlowMetrics } from './flow-metrics.js';
import { estimateWork, type ResourceLoad } from './work.js';

const apiVersion = 'flowcontrol.apiserver.k8s.io/v1';

/** One level that takes everybody but masters, with so many seats that are its share of ten. */
function oneLevel(limited: Partial<NonNullable<PriorityLevelConfiguration['spec']['limited']>> = {}) {
  const level: PriorityLevelConfiguration = {
    apiVersion,
    kind: 'PriorityLevelConfiguration',
    metadata: { name: 'narrow', uid: 'level-uid' },
    spec: {
      type: 'Limited',
      limited: {
        nominalConcurrencyShares: 5,
        lendablePercent: 0,
        borrowingLimitPercent: 0,
        limitResponse: { type: 'Queue', queuing: { queues: 8, handSize: 2, queueLengthLimit: 3 } },
        ...limited,
      },
    },
  };
  const schema: FlowSchema = {
    apiVersion,
    kind: 'FlowSchema',
    metadata: { name: 'everybody', uid: 'schema-uid' },
    spec: {
      priorityLevelConfiguration: { name: 'narrow' },
      matchingPrecedence: 100,
      distinguisherMethod: { type: 'ByUser' },
      rules: [{ ...mandatoryFlows[1]!.spec.rules![0]!, subjects: [{ kind: 'Group', group: { name: '*' } }] }],
    },
  };
  return { levels: [level], schemas: [schema] };
}

const user = (name: string, ...groups: string[]): UserInfo => ({ name, groups: [...groups, 'system:authenticated'] });
const get = parseRequestInfo('GET', '/api/v1/namespaces/default/pods/a');
const noSignal = () => new AbortController().signal;

function narrow(options: Parameters<typeof oneLevel>[0] = {}, seats = 4) {
  const clock = new VirtualClock();
  const flow = new FlowControl({ clock, limits: { readsMax: seats, writesMax: 0 } });
  const { levels, schemas } = oneLevel(options);
  flow.configure(levels, schemas);
  return { clock, flow };
}

async function outcomeOf(entered: Admitted | Promise<Admitted>): Promise<'waits' | 'runs' | 'refused'> {
  if (!(entered instanceof Promise)) return 'runs';
  return await Promise.race([
    entered.then(
      () => 'runs' as const,
      () => 'refused' as const,
    ),
    new Promise<'waits'>((resolve) => setImmediate(() => resolve('waits'))),
  ]);
}

describe('seats', () => {
  test('the levels of a new cluster have the seats that upstream gives them', () => {
    const flow = new FlowControl({ clock: new VirtualClock() });
    flow.configure([...mandatoryLevels, ...suggestedLevels], [...mandatoryFlows, ...suggestedFlows]);
    const nominal = Object.fromEntries([...flow.levels.all.values()].map((level) => [level.name, level.nominal]));
    expect(nominal).toEqual({
      'catch-all': 13,
      exempt: 0,
      'global-default': 49,
      'leader-election': 25,
      'node-high': 98,
      system: 74,
      'workload-high': 98,
      'workload-low': 245,
    });
    const { lower, upper, seatsMax } = flow.levels.all.get('workload-low')!;
    expect({ lower, upper, seatsMax }).toEqual({ lower: 24, upper: 845, seatsMax: 37 });
  });

  test('what one level does not need is lent to another, and taken back when it is wanted', async () => {
    const { clock, flow } = narrow({ lendablePercent: 50, borrowingLimitPercent: undefined }, 20);
    const level = flow.levels.all.get('narrow')!;
    const other = flow.levels.all.get('catch-all')!;
    const before = level.current;
    const entered = Array.from({ length: 13 }, () => flow.enter(get, user('jane'), noSignal));
    await clock.advance(10_000);
    flow.levels.rebalance();
    expect(level.current).toBeGreaterThan(before);
    expect(level.current + other.current).toBeLessThanOrEqual(20 + 1);
    expect(other.current).toBeGreaterThanOrEqual(other.lower);
    for (const one of entered) if (one instanceof Promise) one.catch(() => {});
  });

  test('shares sum to what there is and keep within their bounds', () => {
    const claim = fc
      .tuple(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 0, max: 50 }), fc.integer({ min: 0, max: 100 }))
      .map(([lower, more, extra]) => ({ lower, target: lower + more, upper: lower + more + extra }));
    fc.assert(
      fc.property(
        fc.array(claim, { minLength: 1, maxLength: 8 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (claims, at) => {
          const sum = (key: 'lower' | 'upper') => claims.reduce((all, one) => all + one[key], 0);
          const total = sum('lower') + at * (sum('upper') - sum('lower'));
          const { seats } = allocate(total, claims);
          expect(seats.reduce((all, one) => all + one, 0)).toBeCloseTo(total, 4);
          for (const [index, seat] of seats.entries()) {
            expect(seat).toBeGreaterThanOrEqual(claims[index]!.lower);
            expect(seat).toBeLessThanOrEqual(claims[index]!.upper);
          }
        },
      ),
    );
  });
});

test('a hand is of different queues, and the same for the same flow', () => {
  fc.assert(
    fc.property(
      fc.string(),
      fc.integer({ min: 1, max: 128 }),
      fc.integer({ min: 1, max: 10 }),
      (name, deck, wanted) => {
        const size = Math.min(deck, wanted);
        const hand = dealHand(flowHash('schema', name), { deck, size });
        expect(new Set(hand).size).toBe(size);
        expect(hand.every((card) => card >= 0 && card < deck)).toBe(true);
        expect(dealHand(flowHash('schema', name), { deck, size })).toEqual(hand);
      },
    ),
  );
});

describe('waiting', () => {
  test('a request waits for a seat, and runs when one is free', async () => {
    const { flow } = narrow({}, 2);
    const first = flow.enter(get, user('jane'), noSignal) as Admitted;
    expect(first).not.toBeInstanceOf(Promise);
    const second = flow.enter(get, user('jane'), noSignal);
    expect(await outcomeOf(second)).toBe('waits');
    first.leave();
    expect(await outcomeOf(second)).toBe('runs');
  });

  test('a full queue refuses; its headers and the time to stay away are told', () => {
    const { flow } = narrow({}, 2);
    flow.enter(get, user('jane'), noSignal);
    const waiting: Promise<Admitted>[] = [];
    // Two queues of three are in the flow's hand.
    for (let at = 0; at < 6; at++) waiting.push(flow.enter(get, user('jane'), noSignal) as Promise<Admitted>);
    expect(() => flow.enter(get, user('jane'), noSignal)).toThrow(Shed);
    try {
      flow.enter(get, user('jane'), noSignal);
    } catch (error) {
      const { classification, retryAfterSeconds, code } = error as Shed;
      expect(classification).toEqual({ schemaUid: 'schema-uid', levelUid: 'level-uid' });
      expect({ retryAfterSeconds, code }).toEqual({ retryAfterSeconds: 1, code: 429 });
    }
    for (const one of waiting) one.catch(() => {});
  });

  test('a wait of a quarter of a minute ends in a refusal', async () => {
    const { flow, clock } = narrow({}, 2);
    flow.enter(get, user('jane'), noSignal);
    const waiting = flow.enter(get, user('jane'), noSignal) as Promise<Admitted>;
    const refused = expect(waiting).rejects.toThrow('Too many requests, please try again later.');
    await clock.advance(15_000);
    await refused;
    expect(flow.levels.all.get('narrow')!.queues.totals).toMatchObject({ rejected: 1, timedOut: 1 });
  });

  test('a client that goes away leaves its queue', async () => {
    const { flow } = narrow({}, 2);
    flow.enter(get, user('jane'), noSignal);
    const gone = new AbortController();
    const waiting = flow.enter(get, user('jane'), () => gone.signal) as Promise<Admitted>;
    const refused = expect(waiting).rejects.toThrow(Shed);
    gone.abort();
    await refused;
    expect(flow.levels.all.get('narrow')!.queues.figures.waiting).toBe(0);
  });

  test('a flood of one does not hold up another: it gets every second seat', async () => {
    const queuing = { queues: 64, handSize: 1, queueLengthLimit: 500 };
    const { flow, clock } = narrow({ limitResponse: { type: 'Queue', queuing } }, 2);
    const order: string[] = [];
    const ask = async (name: string) => {
      const { leave } = await flow.enter(get, user(name), noSignal);
      order.push(name);
      await clock.sleep(10);
      leave();
    };
    for (let at = 0; at < 100; at++) void ask('flood');
    for (let at = 0; at < 10; at++) void ask('jane');
    for (let step = 0; step < 60; step++) await clock.advance(10);
    expect(order.indexOf('jane')).toBeLessThan(5);
    expect(order.slice(0, 30).filter((name) => name === 'jane').length).toBeGreaterThanOrEqual(9);
  });

  test('masters are never limited, and long requests other than watches are not controlled', () => {
    const { flow } = narrow({}, 2);
    const masters = user('admin', 'system:masters');
    for (let at = 0; at < 100; at++) expect(flow.enter(get, masters, noSignal)).not.toBeInstanceOf(Promise);
    const exec = parseRequestInfo('GET', '/api/v1/namespaces/default/pods/a/exec');
    for (let at = 0; at < 100; at++) {
      expect((flow.enter(exec, user('jane'), noSignal) as Admitted).classification).toBeUndefined();
    }
  });

  test('without queues what finds no seat is refused at once', () => {
    const { flow } = narrow({ limitResponse: { type: 'Reject' } }, 2);
    flow.enter(get, user('jane'), noSignal);
    expect(() => flow.enter(get, user('john'), noSignal)).toThrow(Shed);
  });

  test('a level whose object goes is kept until its last request is done', async () => {
    const { flow } = narrow({}, 2);
    const { leave } = flow.enter(get, user('jane'), noSignal) as Admitted;
    flow.configure([], []);
    expect(flow.levels.all.get('narrow')?.isLeaving).toBe(true);
    expect((flow.enter(get, user('john'), noSignal) as Admitted).classification).toEqual({
      schemaUid: '',
      levelUid: '',
    });
    leave();
    flow.levels.rebalance();
    expect(flow.levels.all.has('narrow')).toBe(false);
  });
});

describe('work', () => {
  const load: ResourceLoad = { objects: 1000, bytesAverage: 500, watchers: 35 };
  const work = (method: string, target: string, seatsMax = 0) =>
    estimateWork(parseRequestInfo(method, target), { loadOf: () => load, seatsMax });

  test('a list takes seats by the bytes it reads at once', () => {
    expect(work('GET', '/api/v1/pods').seats).toBe(5);
    expect(work('GET', '/api/v1/pods?limit=100').seats).toBe(1);
    expect(work('GET', '/api/v1/pods?fieldSelector=metadata.name%3Da').seats).toBe(1);
    expect(work('GET', '/api/v1/pods', 3).seats).toBe(3);
    expect(work('GET', '/api/v1/pods?watch=1').seats).toBe(5);
    expect(work('GET', '/api/v1/pods?watch=1&resourceVersion=5').seats).toBe(1);
  });

  test('a write takes seats for those who watch, after its answer', () => {
    expect(work('POST', '/api/v1/namespaces/default/pods')).toEqual({ seats: 1, finalSeats: 4, lingerMs: 5 });
    expect(work('POST', '/api/v1/namespaces/default/pods', 2)).toEqual({ seats: 1, finalSeats: 2, lingerMs: 10 });
    expect(work('POST', '/api/v1/namespaces/default/serviceaccounts/a/token').finalSeats).toBe(0);
  });
});

test('the dump is a table of levels, queues and requests', async () => {
  const { flow, clock } = narrow({}, 2);
  flow.enter(get, user('jane'), noSignal);
  (flow.enter(get, user('jane'), noSignal) as Promise<Admitted>).catch(() => {});
  const dump = (name: string, query = '') => {
    const path = `/debug/api_priority_and_fairness/${name}`;
    const answer = dumpFlowControl({ path, query: new URLSearchParams(query) }, { levels: flow.levels.all, clock });
    return answer?.type === 'bytes' ? String(answer.body).trimEnd().split('\n') : undefined;
  };
  expect(dump('dump_priority_levels')).toEqual([
    'PriorityLevelName, ActiveQueues, IsIdle, IsQuiescing, WaitingRequests, ExecutingRequests, DispatchedRequests, RejectedRequests, TimedoutRequests, CancelledRequests',
    'catch-all,         0,            true,   false,       0,               0,                 0,                  0,                0,                0',
    'exempt,            0,            true,   false,       0,               0,                 0,                  0,                0,                0',
    'narrow,            1,            false,  false,       1,               1,                 1,                  0,                0,                0',
  ]);
  expect(dump('dump_queues')?.length).toBe(1 + 8);
  const requests = dump('dump_requests', 'includeRequestDetails=1')!;
  expect(requests[0]).toMatch(/^PriorityLevelName, FlowSchemaName, QueueIndex, .* UserName, Verb, /);
  expect(requests.slice(1).every((line) => /^narrow, .*everybody, .*jane, .*get, .*pods,/.test(line))).toBe(true);
  expect(dump('dump_other')).toBeUndefined();
});

test('a refused request is answered in plain text, and every answer tells its classification by uid', async () => {
  const flow = new FlowControl({ clock: new VirtualClock(), limits: { readsMax: 2, writesMax: 0 } });
  const { levels, schemas } = oneLevel({ limitResponse: { type: 'Reject' } });
  flow.configure(levels, schemas);
  const test = startTestServer({ flow });
  const handle = () =>
    test.server.pipeline.handle({
      method: 'GET',
      target: '/api/v1/namespaces/default/configmaps',
      headers: {},
      credentials: { bearerToken: 'jane' },
      source: '',
      readBody: async () => ({ value: undefined }),
      signal: new AbortController().signal,
    });
  expect((await handle()).classification).toEqual({ schemaUid: 'schema-uid', levelUid: 'level-uid' });
  flow.enter(get, user('john'), noSignal);
  const { answer, error } = await handle();
  expect(error).toBeInstanceOf(Shed);
  expect(answer).toEqual({
    type: 'bytes',
    code: 429,
    contentType: 'text/plain; charset=utf-8',
    body: 'Too many requests, please try again later.\n',
    headers: { 'retry-after': '1', 'x-content-type-options': 'nosniff' },
  });
  await test.close();
});

test('what is admitted, refused and lent is counted under upstream names', () => {
  const clock = new VirtualClock();
  const registry = new MetricRegistry();
  const flow: FlowControl = new FlowControl({
    clock,
    limits: { readsMax: 2, writesMax: 0 },
    metrics: new FlowMetrics(registry, () => flow.levels),
  });
  const { levels, schemas } = oneLevel({ limitResponse: { type: 'Reject' } });
  flow.configure(levels, schemas);
  flow.enter(get, user('jane'), noSignal);
  expect(() => flow.enter(get, user('jane'), noSignal)).toThrow(Shed);
  const text = registry.expose();
  const own = 'flow_schema="everybody",priority_level="narrow"';
  expect(text).toContain(`apiserver_flowcontrol_dispatched_requests_total{${own}} 1\n`);
  expect(text).toContain(`apiserver_flowcontrol_rejected_requests_total{${own},reason="concurrency-limit"} 1\n`);
  expect(text).toContain('apiserver_flowcontrol_nominal_limit_seats{priority_level="narrow"} 1\n');
});
