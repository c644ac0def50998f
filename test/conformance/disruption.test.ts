/** Disruption budgets: their status, what can be done to them, and evictions that they hold up. */
import { expect } from 'vitest';
import pods from '#api/core/pod/index.js';
import type { PodDisruptionBudget, PodDisruptionBudgetSpec } from '#api/gen/policy-v1.js';
import budgets from '#api/policy/poddisruptionbudget.js';
import { formatTime } from '#apimachinery/object.js';
import { copy } from '#base/json.js';
import { conformance, type Scene } from './conformance.js';
import { podOf, refusal } from './objects.js';

const labels = { foo: 'bar' };

function budgetOf(name: string, namespace: string, spec: Partial<PodDisruptionBudgetSpec>): PodDisruptionBudget {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name, namespace, labels: { special: 'label' } },
    spec: { selector: { matchLabels: labels }, ...spec },
  };
}

const create = ({ client, namespace }: Scene, spec: Partial<PodDisruptionBudgetSpec>, name = 'foo') =>
  client.of(budgets).create(budgetOf(name, namespace, spec));
const get = ({ client, namespace }: Scene) => client.of(budgets).get('foo', { namespace });

/** The controller has seen the budget as it is, and so many pods that are healthy. */
async function counted(scene: Scene, healthy?: number): Promise<PodDisruptionBudget> {
  await scene.until(async () => {
    const { metadata, status } = await get(scene);
    if (status?.observedGeneration !== metadata.generation) return false;
    return healthy === undefined || status?.currentHealthy === healthy;
  });
  return get(scene);
}

async function createPods({ client, namespace }: Scene, count: number): Promise<string[]> {
  const names = Array.from({ length: count }, (_, index) => `pod-${index}`);
  for (const name of names) await client.of(pods).create(podOf(name, namespace, { labels }));
  return names;
}

conformance('[sig-apps] DisruptionController should create a PodDisruptionBudget [Conformance]', async (scene) => {
  const { client, namespace } = scene;
  await create(scene, { minAvailable: '1%' });
  await counted(scene);
  const changed = copy(await get(scene));
  changed.spec!.minAvailable = '2%';
  await client.of(budgets).update(changed);
  const updated = await counted(scene);
  expect(updated.spec?.minAvailable).toBe('2%');
  const patch = { spec: { minAvailable: '3%' } };
  await client.of(budgets).patch('foo', patch, { type: 'strategic', namespace });
  expect((await counted(scene)).spec?.minAvailable).toBe('3%');
  await client.of(budgets).delete('foo', { namespace });
  await refusal(get(scene), 'NotFound');
});

conformance(
  '[sig-apps] DisruptionController should observe PodDisruptionBudget status updated [Conformance]',
  async (scene) => {
    await create(scene, { minAvailable: 1 });
    await createPods(scene, 3);
    const { status } = await counted(scene, 3);
    expect(status).toMatchObject({ disruptionsAllowed: 2, desiredHealthy: 1, expectedPods: 3 });
  },
);

conformance(
  '[sig-apps] DisruptionController should update/patch PodDisruptionBudget status [Conformance]',
  async (scene) => {
    const { client, namespace } = scene;
    await create(scene, { minAvailable: 1 });
    const [name = ''] = await createPods(scene, 3);
    const changed = copy(await counted(scene, 3));
    changed.status!.disruptedPods = { [name]: formatTime(scene.cluster.clock.now()) };
    const updated = await client.of(budgets).updateStatus(changed);
    expect(updated.status?.disruptedPods).toHaveProperty(name);
    const body = { status: { disruptedPods: null } };
    const options = { type: 'merge' as const, namespace, subresource: 'status' };
    const patched = await client.of(budgets).patch('foo', body, options);
    expect(patched.status?.disruptedPods).toBeUndefined();
  },
);

conformance(
  '[sig-apps] DisruptionController should block an eviction until the PDB is updated to allow it [Conformance]',
  async (scene) => {
    const { client, namespace, until } = scene;
    const [name = ''] = await createPods(scene, 3);
    await create(scene, { minAvailable: 3 });
    await counted(scene, 3);
    const evict = () => {
      const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } };
      return client.of(pods).subresource({ method: 'POST', name, namespace, subresource: 'eviction', body });
    };
    const refused = await refusal(evict(), 'TooManyRequests');
    expect(refused.status.details?.causes?.map(({ reason }) => reason)).toEqual(['DisruptionBudget']);
    const changed = copy(await get(scene));
    changed.spec!.minAvailable = 2;
    await client.of(budgets).update(changed);
    await until(async () => ((await counted(scene)).status?.disruptionsAllowed ?? 0) === 1);
    await evict();
    await until(async () => (await client.of(pods).list({ namespace })).items.length === 2);
  },
);
