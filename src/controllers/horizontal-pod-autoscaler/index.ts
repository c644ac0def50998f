/**
 * HorizontalPodAutoscaler: sets how many replicas a workload has by what its pods are measured to do.
 * https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/
 */
import autoscalers from '#api/autoscaling/horizontalpodautoscaler/index.js';
import pods from '#api/core/pod/index.js';
import type { HorizontalPodAutoscaler } from '#api/gen/autoscaling-v2.js';
import { keyOf } from '#client/informer.js';
import { type ControllerContext, defineController, watch } from '../runtime.js';
import { autoscale, type State } from './autoscale.js';
import { isExpected } from './failure.js';
import { KindMap } from './kind-map.js';
import { MetricsApis } from './metrics-apis.js';

export default defineController<HorizontalPodAutoscaler, State>({
  name: 'horizontal-pod-autoscaler',
  for: autoscalers,
  // Nothing that happens is answered at once: every autoscaler has its turn once in a period, a new one after the first.
  concerns: () => false,
  state: ({ client, clock }) => {
    const { transport } = client;
    const kinds = new KindMap({ transport, clock });
    return { kinds, apis: new MetricsApis({ transport, kinds }), histories: new Map(), selectors: new Map() };
  },
  watches: ({ enqueue, settings }) => [
    watch(autoscalers, (autoscaler, { type }) => {
      if (type === 'deleted') return [keyOf(autoscaler)];
      if (type === 'added') enqueue(keyOf(autoscaler), settings.horizontalPodAutoscalerSyncPeriod);
      return [];
    }),
    // Only read.
    watch(pods, () => []),
  ],
  reconcile: async ({ key }, context) => {
    const { horizontalPodAutoscalerSyncPeriod: afterMs } = context.settings;
    return (await look(key, context)) ? { afterMs } : undefined;
  },
});

/** Whether it is still there. */
async function look(key: string, context: ControllerContext<State>): Promise<boolean> {
  const { informers, state, log } = context;
  const autoscaler = informers.of(autoscalers).get(key);
  if (!autoscaler) {
    state.histories.delete(key);
    state.selectors.delete(key);
    return false;
  }
  try {
    await autoscale(autoscaler, context);
  } catch (error) {
    if (!isExpected(error)) throw error;
    // Told in a condition and an event already; the next turn is the next try.
    log.debug('an autoscaler could not do its work', { key, err: error });
  }
  return true;
}
