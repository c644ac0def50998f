/** PodDisruptionBudget: counts how many pods may be taken down on purpose now, which evictions are held to. */
import deployments from '#api/apps/deployment.js';
import replicaSets from '#api/apps/replicaset.js';
import statefulSets from '#api/apps/statefulset.js';
import pods from '#api/core/pod/index.js';
import replicationControllers from '#api/core/replicationcontroller.js';
import type { Pod } from '#api/gen/core-v1.js';
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from '#api/gen/policy-v1.js';
import budgets from '#api/policy/poddisruptionbudget.js';
import { isReason } from '#apimachinery/errors.js';
import { type LabelSelectorObject, labelSelectorFrom } from '#apimachinery/selectors.js';
import { equal } from '#base/json.js';
import { keyOf } from '#client/informer.js';
import { type ControllerContext, defineController, type Requeue, watch } from '../runtime.js';
import { type Expected, expectedOf, UnknownScaleError } from './expected.js';
import { disruptedPods, failedStatus, nextStatus } from './status.js';

type Context = ControllerContext;

export default defineController<PodDisruptionBudget>({
  name: 'disruption-controller',
  eventSource: 'controllermanager',
  workers: 1,
  for: budgets,
  watches: (context) => [
    watch(pods, (pod, { type }) => budgetsOf(pod, { context, isGone: type === 'deleted' })),
    // Looked up when pods change, which follows from a change of these.
    ...[deployments, replicaSets, statefulSets, replicationControllers].map((ref) => ({
      resource: ref,
      keys: () => [],
    })),
  ],
  reconcile,
});

function budgetsOf(
  pod: Pod,
  { context: { informers, recorder }, isGone }: { context: Omit<Context, 'state'>; isGone: boolean },
): string[] {
  const { namespace = '', name, labels } = pod.metadata;
  const matching = informers
    .of(budgets)
    .inNamespace(namespace)
    .filter(({ spec }) => labelSelectorFrom(spec?.selector).matches(labels));
  if (matching.length > 1 && !isGone) {
    const who = `Pod ${JSON.stringify(namespace)}/${JSON.stringify(name)} matches multiple PodDisruptionBudgets.`;
    const message = `${who}  Chose ${JSON.stringify(matching[0]!.metadata.name)} arbitrarily.`;
    recorder.event(pod, { type: 'Warning', reason: 'MultiplePodDisruptionBudgets', message });
  }
  return matching.map(keyOf);
}

async function reconcile(
  { key, namespace }: { key: string; namespace: string },
  context: Context,
): Promise<Requeue | undefined> {
  const { informers, clock, recorder } = context;
  const budget = informers.of(budgets).get(key);
  if (!budget) return undefined;
  const nowMs = clock.now();
  const selector = labelSelectorFrom(budget.spec?.selector);
  const mine = informers
    .of(pods)
    .inNamespace(namespace)
    .filter(({ metadata }) => selector.matches(metadata.labels));
  if (mine.length === 0)
    recorder.event(budget, { type: 'Normal', reason: 'NoPods', message: 'No matching pods found' });
  let expected: Expected;
  try {
    expected = await expectedOf(budget, mine, context);
  } catch (error) {
    if (!(error instanceof UnknownScaleError)) throw error;
    const message = `Failed to calculate the number of expected pods: ${error.message}`;
    recorder.event(budget, { type: 'Warning', reason: 'CalculateExpectedPodCountFailed', message });
    await writeStatus(budget, failedStatus(budget, { message: error.message, nowMs }), context);
    return undefined;
  }
  if (expected.unmanaged.length > 0) tellOfUnmanaged(budget, context);
  const disrupted = disruptedPods(budget, mine, nowMs);
  for (const pod of disrupted.late) {
    // The budget's namespace stands where its name should, upstream too, and programs may look for it.
    const message = `Pod was expected by PDB ${namespace}/${namespace} to be deleted but it wasn't`;
    recorder.event(pod, { type: 'Warning', reason: 'NotDeleted', message });
  }
  await writeStatus(budget, nextStatus(budget, { pods: mine, disrupted, expected, nowMs }), context);
  return disrupted.recheckMs === undefined ? undefined : { afterMs: disrupted.recheckMs + 1 };
}

function tellOfUnmanaged(budget: PodDisruptionBudget, { recorder }: Context): void {
  const message =
    `Pods selected by this PodDisruptionBudget (selector: ${goSelector(budget.spec?.selector)}) were found to be ` +
    'unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined ' +
    'behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.';
  recorder.event(budget, { type: 'Warning', reason: 'UnmanagedPods', message });
}

/** As upstream's own type shows itself. */
function goSelector(selector: LabelSelectorObject | undefined): string {
  if (!selector) return 'nil';
  const { matchLabels = {}, matchExpressions = [] } = selector;
  const labels = Object.keys(matchLabels)
    .sort()
    .map((key) => `${key}: ${matchLabels[key]},`);
  const requirements = matchExpressions.map(
    ({ key, operator, values = [] }) =>
      `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],},`,
  );
  const [all, some] = [labels.join(''), requirements.join('')];
  return `&LabelSelector{MatchLabels:map[string]string{${all}},MatchExpressions:[]LabelSelectorRequirement{${some}},}`;
}

async function writeStatus(
  budget: PodDisruptionBudget,
  status: PodDisruptionBudgetStatus,
  { client }: Context,
): Promise<void> {
  if (equal(budget.status, status)) return;
  try {
    await client.of(budgets).updateStatus({ ...budget, status });
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
  }
}
