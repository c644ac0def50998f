/** Preemption: pods that matter more take the places of pods that matter less. */
import { expect } from 'vitest';
import replicasets from '#api/apps/replicaset.js';
import nodes from '#api/core/node.js';
import pods from '#api/core/pod/index.js';
import type { Pod } from '#api/gen/core-v1.js';
import type { PriorityClass } from '#api/gen/scheduling-v1.js';
import priorityclasses from '#api/scheduling/priorityclass.js';
import { conformance, type Scene, useCluster } from './conformance.js';
import { image, podOf, refusal, replicaSetOf } from './objects.js';

useCluster({ nodes: [{ name: 'node-0' }, { name: 'node-1' }] });

const classOf = (name: string, value: number): PriorityClass => ({
  apiVersion: 'scheduling.k8s.io/v1',
  kind: 'PriorityClass',
  metadata: { name },
  value,
});

/** A set of classes whose names no other test uses, taken away when the work is done. */
async function withClasses(
  { client, namespace }: Scene,
  values: Record<string, number>,
  work: (nameOf: (word: string) => string) => Promise<void>,
): Promise<void> {
  const nameOf = (word: string) => `${word}-${namespace}`;
  for (const [word, value] of Object.entries(values))
    await client.of(priorityclasses).create(classOf(nameOf(word), value));
  try {
    await work(nameOf);
  } finally {
    for (const word of Object.keys(values)) await client.of(priorityclasses).delete(nameOf(word));
  }
}

async function cpusOfNode({ client }: Scene): Promise<number> {
  const { items } = await client.of(nodes).list();
  return Number(items[0]!.status!.allocatable!['cpu']);
}

/** Most of a node's processors: no two of them fit on one. */
const large = (name: string, namespace: string, parts: { cpus: number; spec?: Partial<Pod['spec']> }) =>
  podOf(name, namespace, {
    spec: {
      containers: [{ name: 'main', image, resources: { requests: { cpu: String(parts.cpus * 0.6) } } }],
      ...parts.spec,
    },
  });

async function untilRunning({ client, namespace, until }: Scene, name: string, of = namespace): Promise<void> {
  await until(async () => (await client.of(pods).get(name, { namespace: of })).status?.phase === 'Running');
}

/** One pod of low, the others of medium priority: one fills each node. */
async function fillNodes(scene: Scene, nameOf: (word: string) => string): Promise<{ cpus: number }> {
  const { client, namespace } = scene;
  const cpus = await cpusOfNode(scene);
  for (const [name, word] of [
    ['pod0', 'low'],
    ['pod1', 'medium'],
  ] as const) {
    await client.of(pods).create(large(name, namespace, { cpus, spec: { priorityClassName: nameOf(word) } }));
    await untilRunning(scene, name);
  }
  return { cpus };
}

conformance(
  '[sig-scheduling] SchedulerPreemption validates basic preemption works [Conformance] [Serial]',
  async (scene) => {
    const { client, namespace } = scene;
    await withClasses(scene, { low: 1, medium: 100, high: 1000 }, async (nameOf) => {
      const { cpus } = await fillNodes(scene, nameOf);
      const before = await client.of(pods).get('pod0', { namespace });
      await client
        .of(pods)
        .create(large('preemptor', namespace, { cpus, spec: { priorityClassName: nameOf('high') } }));
      await untilRunning(scene, 'preemptor');
      await refusal(client.of(pods).get('pod0', { namespace }), 'NotFound');
      const preemptor = await client.of(pods).get('preemptor', { namespace });
      expect(preemptor.spec.nodeName).toBe(before.spec.nodeName);
      const kept = await client.of(pods).get('pod1', { namespace });
      expect(kept.metadata.deletionTimestamp).toBeUndefined();
    });
  },
);

conformance(
  '[sig-scheduling] SchedulerPreemption validates lower priority pod preemption by critical pod [Conformance] [Serial]',
  async (scene) => {
    const { client, namespace, until } = scene;
    await withClasses(scene, { low: 1, medium: 100 }, async (nameOf) => {
      const { cpus } = await fillNodes(scene, nameOf);
      const spec = { priorityClassName: 'system-cluster-critical' };
      await client.of(pods).create(large('critical-pod', 'kube-system', { cpus, spec }));
      try {
        await untilRunning(scene, 'critical-pod', 'kube-system');
        await refusal(client.of(pods).get('pod0', { namespace }), 'NotFound');
        expect((await client.of(pods).get('pod1', { namespace })).metadata.deletionTimestamp).toBeUndefined();
      } finally {
        await client.of(pods).delete('critical-pod', { namespace: 'kube-system', gracePeriodSeconds: 0 });
        const selection = { namespace: 'kube-system', fieldSelector: 'metadata.name=critical-pod' };
        await until(async () => (await client.of(pods).list(selection)).items.length === 0);
      }
    });
  },
);

conformance(
  '[sig-scheduling] SchedulerPreemption validates pod disruption condition is added to the preempted pod [Conformance] [Serial]',
  async (scene) => {
    const { client, namespace, until } = scene;
    await withClasses(scene, { low: 1, high: 1000 }, async (nameOf) => {
      const cpus = await cpusOfNode(scene);
      const nodeSelector = { 'kubernetes.io/hostname': 'node-0' };
      const victim = large('victim-pod', namespace, { cpus, spec: { nodeSelector, priorityClassName: nameOf('low') } });
      victim.metadata.finalizers = ['example.com/test-finalizer'];
      await client.of(pods).create(victim);
      await untilRunning(scene, 'victim-pod');
      const spec = { nodeSelector, priorityClassName: nameOf('high') };
      await client.of(pods).create(large('preemptor-pod', namespace, { cpus, spec }));
      let told: Pod | undefined;
      await until(async () => {
        told = await client.of(pods).get('victim-pod', { namespace });
        return told.metadata.deletionTimestamp !== undefined;
      });
      const condition = told!.status?.conditions?.find(({ type }) => type === 'DisruptionTarget');
      expect(condition).toMatchObject({
        status: 'True',
        reason: 'PreemptionByScheduler',
        message: 'default-scheduler: preempting to accommodate a higher priority pod',
      });
      // A pod that has ended takes no room, though a finalizer holds its object.
      await untilRunning(scene, 'preemptor-pod');
      const ended = await client.of(pods).get('victim-pod', { namespace });
      expect(['Succeeded', 'Failed']).toContain(ended.status?.phase);
      await client.of(pods).patch('victim-pod', { metadata: { finalizers: null } }, { type: 'merge', namespace });
    });
  },
);

conformance(
  '[sig-scheduling] SchedulerPreemption PreemptionExecutionPath runs ReplicaSets to verify preemption running path [Conformance] [Serial]',
  async (scene) => {
    const { client, namespace, until } = scene;
    await withClasses(scene, { p1: 1, p2: 2, p3: 3, p4: 4 }, async (nameOf) => {
      const cpus = await cpusOfNode(scene);
      const make = async (word: string, { replicas, share }: { replicas: number; share: number }) => {
        const set = replicaSetOf(`rs-${word}`, namespace, { name: `rs-${word}` }, replicas);
        set.spec!.template!.spec = podOf('', namespace, {
          spec: {
            nodeSelector: { 'kubernetes.io/hostname': 'node-1' },
            priorityClassName: nameOf(word),
            containers: [{ name: 'main', image, resources: { requests: { cpu: String(cpus * share) } } }],
          },
        }).spec;
        await client.of(replicasets).create(set);
      };
      const readyOf = async (word: string) =>
        (await client.of(replicasets).get(`rs-${word}`, { namespace })).status?.readyReplicas ?? 0;
      await make('p1', { replicas: 1, share: 0.2 });
      await make('p2', { replicas: 1, share: 0.3 });
      await make('p3', { replicas: 1, share: 0.4 });
      for (const word of ['p1', 'p2', 'p3']) await until(async () => (await readyOf(word)) === 1);
      // Needs the places of the two of least priority, and not that of the third.
      await make('p4', { replicas: 1, share: 0.5 });
      await until(async () => (await readyOf('p4')) === 1);
      await until(async () => (await readyOf('p1')) + (await readyOf('p2')) === 0);
      expect(await readyOf('p3')).toBe(1);
    });
  },
);
