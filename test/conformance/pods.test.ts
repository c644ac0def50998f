/** Pods by the API, and where the scheduler puts them. */
import { expect } from 'vitest';
import nodes from '#api/core/node.js';
import pods from '#api/core/pod/index.js';
import type { Pod } from '#api/gen/core-v1.js';
import type { PodDisruptionBudget } from '#api/gen/policy-v1.js';
import poddisruptionbudgets from '#api/policy/poddisruptionbudget.js';
import { copy } from '#base/json.js';
import { conformance, type Scene, useCluster } from './conformance.js';
import { image, podOf } from './objects.js';

useCluster({ nodes: [{ name: 'node-0' }, { name: 'node-1' }] });

async function running({ client, until, namespace }: Scene, name: string): Promise<Pod> {
  let pod: Pod | undefined;
  await until(async () => {
    pod = await client.of(pods).get(name, { namespace });
    return pod.status?.phase === 'Running';
  });
  return pod!;
}

const isUnschedulable = ({ status }: Pod) =>
  status?.conditions?.some(({ type, reason }) => type === 'PodScheduled' && reason === 'Unschedulable') ?? false;

conformance('[sig-node] Pods should be submitted and removed [Conformance] [NodeConformance]', async (scene) => {
  const { client, namespace, observe } = scene;
  const labels = { name: 'foo', time: '1' };
  const selection = { namespace, labelSelector: 'time=1' };
  const { items, metadata } = await client.of(pods).list(selection);
  expect(items).toEqual([]);
  const watch = observe(pods, { ...selection, resourceVersion: metadata.resourceVersion });
  await client
    .of(pods)
    .create(podOf('pod-submit-remove', namespace, { labels, spec: { terminationGracePeriodSeconds: 30 } }));
  await watch.next({ type: 'ADDED' });
  await running(scene, 'pod-submit-remove');
  await client.of(pods).delete('pod-submit-remove', { namespace, gracePeriodSeconds: 30 });
  const last = await watch.next({ type: 'DELETED' });
  expect(last.metadata.deletionTimestamp).toBeDefined();
  expect((await client.of(pods).list(selection)).items).toEqual([]);
});

conformance('[sig-node] Pods should be updated [Conformance] [NodeConformance]', async (scene) => {
  const { client, namespace } = scene;
  await client.of(pods).create(podOf('pod-update', namespace, { labels: { name: 'foo', time: '1' } }));
  const changed = copy(await running(scene, 'pod-update'));
  changed.metadata.labels!['time'] = '2';
  await client.of(pods).update({ ...changed, metadata: { ...changed.metadata, resourceVersion: undefined } });
  expect((await client.of(pods).list({ namespace, labelSelector: 'time=2' })).items.length).toBe(1);
});

conformance(
  '[sig-node] Pods should allow activeDeadlineSeconds to be updated [Conformance] [NodeConformance]',
  async (scene) => {
    const { client, namespace, until } = scene;
    await client.of(pods).create(podOf('pod-deadline', namespace));
    await running(scene, 'pod-deadline');
    await client.of(pods).patch('pod-deadline', { spec: { activeDeadlineSeconds: 1 } }, { type: 'merge', namespace });
    await until(async () => {
      const { status } = await client.of(pods).get('pod-deadline', { namespace });
      return status?.phase === 'Failed' && status.reason === 'DeadlineExceeded';
    });
  },
);

conformance('[sig-node] Pods should get a host IP [Conformance] [NodeConformance]', async (scene) => {
  const { client, namespace, until } = scene;
  await client.of(pods).create(podOf('pod-hostip', namespace));
  await until(async () => Boolean((await client.of(pods).get('pod-hostip', { namespace })).status?.hostIP));
});

conformance(
  '[sig-node] Pods should delete a collection of pods [Conformance]',
  async ({ client, namespace, until }) => {
    const selection = { namespace, labelSelector: 'type=Testing' };
    for (const at of [1, 2, 3])
      await client.of(pods).create(podOf(`test-pod-${at}`, namespace, { labels: { type: 'Testing' } }));
    expect((await client.of(pods).list(selection)).items.length).toBe(3);
    await client.of(pods).deleteCollection(selection);
    await until(async () => (await client.of(pods).list(selection)).items.length === 0);
  },
);

conformance('[sig-node] Pods should patch a pod status [Conformance]', async (scene) => {
  const { client, namespace, http } = scene;
  await client.of(pods).create(podOf('pod-status', namespace));
  await running(scene, 'pod-status');
  const condition = { type: 'StatusPatched', status: 'True', reason: 'E2E', message: 'Patched by e2e test' };
  const body = { metadata: { labels: { 'e2e-pod': 'patched' } }, status: { conditions: [condition] } };
  const patched = await client
    .of(pods)
    .patch('pod-status', body, { type: 'strategic', namespace, subresource: 'status' });
  expect(patched.status?.conditions).toContainEqual(expect.objectContaining(condition));
  const read = await http.send(`/api/v1/namespaces/${namespace}/pods/pod-status/status`);
  expect(read.json.metadata.name).toBe('pod-status');
});

conformance('[sig-node] Pods should run through the lifecycle of Pods and PodStatus [Conformance]', async (scene) => {
  const { client, namespace, observe, http } = scene;
  const name = 'pod-test';
  const labels = { 'test-pod-static': 'true' };
  const watch = observe(pods, { namespace, labelSelector: 'test-pod-static=true' });
  await client.of(pods).create(podOf(name, namespace, { labels, spec: { terminationGracePeriodSeconds: 1 } }));
  await watch.next({ type: 'ADDED' });
  await watch.next({ where: ({ status }) => status?.phase === 'Running' });
  const newImage = 'registry.k8s.io/e2e-test-images/agnhost:2.47';
  const body = {
    metadata: { labels: { 'test-pod': 'patched' } },
    spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'main', image: newImage }] },
  };
  await client.of(pods).patch(name, body, { type: 'strategic', namespace });
  await watch.next({ where: ({ metadata }) => metadata.labels?.['test-pod'] === 'patched' });
  const read = await client.of(pods).get(name, { namespace });
  expect(read.spec.containers[0]?.image).toBe(newImage);
  const { json } = await http.send(`/api/v1/namespaces/${namespace}/pods/${name}/status`);
  const conditions = json.status.conditions.map((one: { type: string }) =>
    one.type === 'Ready' ? { ...one, status: 'False' } : one,
  );
  const status = { ...json, status: { ...json.status, conditions } };
  const updated = await client.of(pods).updateStatus(status);
  expect(updated.status?.conditions?.find(({ type }) => type === 'Ready')?.status).toBe('False');
  await client.of(pods).deleteCollection({ namespace, labelSelector: 'test-pod-static=true' });
  await watch.next({ type: 'DELETED' });
});

conformance(
  '[sig-node] Pods Extended Pods Set QOS Class should be set on Pods with matching resource requests and limits for memory and cpu [Conformance]',
  async ({ client, namespace }) => {
    const amounts = { cpu: '100m', memory: '100Mi' };
    const pod = podOf('pod-qos-class', namespace, {
      spec: { containers: [{ name: 'main', image, resources: { requests: amounts, limits: amounts } }] },
    });
    await client.of(pods).create(pod);
    expect((await client.of(pods).get('pod-qos-class', { namespace })).status?.qosClass).toBe('Guaranteed');
  },
);

conformance(
  '[sig-node] Pods Extended (pod generation) Pod Generation pod generation should start at 1 and increment per update [MinimumKubeletVersion:1.34] [Conformance]',
  async (scene) => {
    const { client, namespace, until } = scene;
    const name = 'pod-generation';
    const made = await client.of(pods).create(podOf(name, namespace, { spec: { activeDeadlineSeconds: 3000 } }));
    expect(made.metadata.generation).toBe(1);
    await running(scene, name);
    const patch = async (body: object) =>
      (await client.of(pods).patch(name, body, { type: 'strategic', namespace })).metadata.generation;
    // What the kubelet acts on counts, labels do not.
    expect(await patch({ spec: { activeDeadlineSeconds: 2000 } })).toBe(2);
    expect(await patch({ spec: { tolerations: [{ key: 'k', operator: 'Exists' }] } })).toBe(3);
    expect(await patch({ metadata: { labels: { a: 'b' } } })).toBe(3);
    expect(await patch({ spec: { containers: [{ name: 'main', image: 'registry.k8s.io/pause:3.9' }] } })).toBe(4);
    await until(async () => (await client.of(pods).get(name, { namespace })).status?.observedGeneration === 4);
  },
);

conformance(
  '[sig-node] Pods Extended (pod generation) Pod Generation custom-set generation on new pods and graceful delete [Conformance]',
  async (scene) => {
    const { client, namespace, observe } = scene;
    const pod = podOf('pod-generation', namespace, { spec: { terminationGracePeriodSeconds: 30 } });
    const finalizers = ['example.com/held'];
    const made = await client.of(pods).create({ ...pod, metadata: { ...pod.metadata, generation: 100, finalizers } });
    expect(made.metadata.generation).toBe(1);
    await running(scene, 'pod-generation');
    const watch = observe(pods, { namespace });
    await client.of(pods).delete('pod-generation', { namespace });
    const marked = await watch.next({ where: ({ metadata }) => metadata.deletionTimestamp !== undefined });
    expect(marked.metadata.generation).toBe(2);
    await client.of(pods).patch('pod-generation', { metadata: { finalizers: null } }, { type: 'merge', namespace });
  },
);

conformance(
  '[sig-scheduling] SchedulerPredicates validates resource limits of pods that are allowed to run [Conformance] [Serial]',
  async (scene) => {
    const { client, namespace, until } = scene;
    const { items } = await client.of(nodes).list();
    const cpus = Math.max(...items.map(({ status }) => Number(status?.allocatable?.['cpu'] ?? 0)));
    const of = (name: string, cpu: string) =>
      podOf(name, namespace, { spec: { containers: [{ name: 'main', image, resources: { requests: { cpu } } }] } });
    // One pod fills most of each node; no node has room for another.
    for (const at of items.keys()) await client.of(pods).create(of(`filler-${at}`, String(cpus * 0.7)));
    for (const at of items.keys()) await running(scene, `filler-${at}`);
    await client.of(pods).create(of('additional-pod', String(cpus * 0.5)));
    await until(async () => isUnschedulable(await client.of(pods).get('additional-pod', { namespace })));
    expect((await client.of(pods).get('additional-pod', { namespace })).spec.nodeName).toBeUndefined();
  },
);

conformance(
  '[sig-scheduling] SchedulerPredicates validates that NodeSelector is respected if not matching [Conformance] [Serial]',
  async ({ client, namespace, until }) => {
    await client.of(pods).create(podOf('restricted-pod', namespace, { spec: { nodeSelector: { label: 'nonempty' } } }));
    await until(async () => isUnschedulable(await client.of(pods).get('restricted-pod', { namespace })));
  },
);

conformance(
  '[sig-scheduling] SchedulerPredicates validates that NodeSelector is respected if matching [Conformance] [Serial]',
  async (scene) => {
    const { client, namespace } = scene;
    const key = 'kubernetes.io/e2e-conformance';
    await client.of(nodes).patch('node-1', { metadata: { labels: { [key]: '42' } } }, { type: 'strategic' });
    await client.of(pods).create(podOf('with-labels', namespace, { spec: { nodeSelector: { [key]: '42' } } }));
    expect((await running(scene, 'with-labels')).spec.nodeName).toBe('node-1');
    await client.of(nodes).patch('node-1', { metadata: { labels: { [key]: null } } }, { type: 'strategic' });
  },
);

conformance(
  '[sig-scheduling] SchedulerPredicates validates that there exists conflict between pods with same hostPort and protocol but one using 0.0.0.0 hostIP [Conformance] [Serial]',
  async (scene) => {
    const { client, namespace, until } = scene;
    const of = (name: string, hostIP: string) =>
      podOf(name, namespace, {
        spec: {
          nodeSelector: { 'kubernetes.io/hostname': 'node-1' },
          containers: [
            { name: 'main', image, ports: [{ containerPort: 5555, hostPort: 54322, protocol: 'TCP', hostIP }] },
          ],
        },
      });
    await client.of(pods).create(of('pod4', '0.0.0.0'));
    await running(scene, 'pod4');
    await client.of(pods).create(of('pod5', '10.0.0.1'));
    await until(async () => isUnschedulable(await client.of(pods).get('pod5', { namespace })));
  },
);

const selector = { matchLabels: { foo: 'bar' } };

const budgetOf = (
  name: string,
  namespace: string,
  spec: PodDisruptionBudget['spec'],
  labels?: Record<string, string>,
): PodDisruptionBudget => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: { name, namespace, labels },
  spec: { selector, ...spec },
});

conformance(
  '[sig-apps] DisruptionController Listing PodDisruptionBudgets for all namespaces should list and delete a collection of PodDisruptionBudgets [Conformance]',
  async ({ client, namespace, makeNamespace }) => {
    const special = { foo_pdb: 'this-is-special' };
    const other = await makeNamespace('disruption-2');
    await client.of(poddisruptionbudgets).create(budgetOf('foo', namespace, { minAvailable: 2 }, special));
    await client.of(poddisruptionbudgets).create(budgetOf('foo2', namespace, { minAvailable: '10%' }, special));
    await client.of(poddisruptionbudgets).create(budgetOf('foo3', other, { minAvailable: 2 }, special));
    const selection = { labelSelector: 'foo_pdb=this-is-special' };
    expect((await client.of(poddisruptionbudgets).list(selection)).items.length).toBe(3);
    expect((await client.of(poddisruptionbudgets).list({ namespace, ...selection })).items.length).toBe(2);
    await client.of(poddisruptionbudgets).deleteCollection({ namespace, ...selection });
    expect((await client.of(poddisruptionbudgets).list({ namespace, ...selection })).items).toEqual([]);
  },
);
