import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { HorizontalPodAutoscalerBehavior, HorizontalPodAutoscalerSpec } from '#api/gen/autoscaling-v2.js';
import { decide as decideIn, type History, type Request, recordChange } from './behavior.js';

const decide = (request: Omit<Request, 'downscaleWindowMs'>) => decideIn({ ...request, downscaleWindowMs: 300_000 });

const empty: History = { recommendations: [], added: [], removed: [] };
const spec = (behavior?: HorizontalPodAutoscalerBehavior): HorizontalPodAutoscalerSpec => ({
  scaleTargetRef: { kind: 'Deployment', name: 'web' },
  minReplicas: 2,
  maxReplicas: 20,
  behavior,
});
const rules = (
  up: Partial<NonNullable<HorizontalPodAutoscalerBehavior['scaleUp']>>,
  down: Partial<NonNullable<HorizontalPodAutoscalerBehavior['scaleDown']>>,
) => spec({ scaleUp: { stabilizationWindowSeconds: 0, selectPolicy: 'Max', ...up }, scaleDown: down });
const podsIn = (value: number, periodSeconds: number) => [{ type: 'Pods', value, periodSeconds }];

it('without rules doubles at most, goes to four at once, and stays within the limits', () => {
  const at = (current: number, wanted: number) => {
    const { replicas, limited } = decide({ spec: spec(), current, wanted, history: empty, nowMs: 0 });
    return [replicas, limited.reason, limited.isLimited];
  };
  expect(at(3, 19)).toEqual([6, 'ScaleUpLimit', true]);
  expect(at(1, 19)).toEqual([4, 'ScaleUpLimit', true]);
  expect(at(15, 30)).toEqual([20, 'TooManyReplicas', true]);
  expect(at(5, 1)).toEqual([2, 'TooFewReplicas', true]);
  expect(at(5, 6)).toEqual([6, 'DesiredWithinRange', false]);
});

it('does not shrink until nothing higher was asked for in five minutes', () => {
  let { history } = decide({ spec: spec(), current: 5, wanted: 5, history: empty, nowMs: 0 });
  const early = decide({ spec: spec(), current: 5, wanted: 2, history, nowMs: 299_000 });
  expect([early.replicas, early.able.reason]).toEqual([5, 'ScaleDownStabilized']);
  ({ history } = early);
  const late = decide({ spec: spec(), current: 5, wanted: 2, history, nowMs: 301_000 });
  expect([late.replicas, late.able.reason]).toEqual([2, 'ReadyForNewScale']);
  expect(late.history.recommendations).toHaveLength(2);
});

it('lets each policy add or take so much in its period', () => {
  const own = rules({ policies: podsIn(2, 60) }, { stabilizationWindowSeconds: 0, policies: podsIn(1, 60) });
  const first = decide({ spec: own, current: 4, wanted: 10, history: empty, nowMs: 0 });
  expect([first.replicas, first.limited.reason]).toEqual([6, 'ScaleUpLimit']);
  const history = recordChange(first.history, { spec: own, from: 4, to: 6, nowMs: 0 });
  expect(decide({ spec: own, current: 6, wanted: 10, history, nowMs: 30_000 }).replicas).toBe(6);
  expect(decide({ spec: own, current: 6, wanted: 10, history, nowMs: 61_000 }).replicas).toBe(8);
  const down = decide({ spec: own, current: 10, wanted: 3, history: empty, nowMs: 0 });
  expect([down.replicas, down.limited.reason]).toEqual([9, 'ScaleDownLimit']);
});

it('chooses among policies, and none when it is disabled', () => {
  const policies = [...podsIn(4, 60), { type: 'Percent', value: 10, periodSeconds: 60 }];
  const up = (selectPolicy: string) =>
    decide({ spec: rules({ policies, selectPolicy }, {}), current: 10, wanted: 20, history: empty, nowMs: 0 }).replicas;
  expect([up('Max'), up('Min'), up('Disabled')]).toEqual([14, 11, 10]);
  const down = (selectPolicy: string) => {
    const own = rules({ policies }, { policies, selectPolicy, stabilizationWindowSeconds: 0 });
    return decide({ spec: own, current: 10, wanted: 2, history: empty, nowMs: 0 }).replicas;
  };
  expect([down('Max'), down('Min'), down('Disabled')]).toEqual([6, 9, 10]);
});

it('waits with growing when that has a window', () => {
  const own = rules({ stabilizationWindowSeconds: 120, policies: podsIn(10, 15) }, {});
  const { history } = decide({ spec: own, current: 4, wanted: 4, history: empty, nowMs: 0 });
  const early = decide({ spec: own, current: 4, wanted: 8, history, nowMs: 60_000 });
  expect([early.replicas, early.able.reason]).toEqual([4, 'ScaleUpStabilized']);
  expect(decide({ spec: own, current: 4, wanted: 8, history: early.history, nowMs: 121_000 }).replicas).toBe(8);
});

it('never leaves the limits and never forgets to bound what it remembers', () => {
  const wish = fc.record({ wanted: fc.integer({ min: 0, max: 1000 }), afterMs: fc.integer({ min: 0, max: 60_000 }) });
  const behavior = fc
    .boolean()
    .map((has) => (has ? rules({ policies: podsIn(3, 30) }, { policies: podsIn(3, 30) }) : spec()));
  fc.assert(
    fc.property(behavior, fc.array(wish, { maxLength: 60 }), (own, wishes) => {
      let [history, current, nowMs] = [empty, 5, 0];
      for (const { wanted, afterMs } of wishes) {
        nowMs += afterMs;
        const decision = decide({ spec: own, current, wanted, history, nowMs });
        expect(decision.replicas).toBeGreaterThanOrEqual(2);
        expect(decision.replicas).toBeLessThanOrEqual(20);
        history = recordChange(decision.history, { spec: own, from: current, to: decision.replicas, nowMs });
        current = decision.replicas;
        const oldest = Math.min(nowMs, ...history.recommendations.map(({ atMs }) => atMs));
        expect(nowMs - oldest).toBeLessThanOrEqual(300_000);
      }
    }),
  );
});
