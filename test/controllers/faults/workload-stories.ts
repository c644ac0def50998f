/** ReplicaSets, ReplicationControllers, Deployments, StatefulSets and DaemonSets, with what must hold of them at any time. */
import daemonSets from '#api/apps/daemonset.js';
import deployments from '#api/apps/deployment.js';
import replicaSets from '#api/apps/replicaset.js';
import statefulSets from '#api/apps/statefulset.js';
import nodes from '#api/core/node.js';
import pods from '#api/core/pod/index.js';
import replicationControllers from '#api/core/replicationcontroller.js';
import type { ResourceRef } from '#api/resource.js';
import type { KubeObject } from '#apimachinery/object.js';
import { below, fraction } from '#base/prng.js';
import { deleteSome, imageOf, isReady, labels, livePods, patchSpec, selector, template } from './pods.js';
import type { Stage, Story } from './storm.js';
import {
  atMost,
  enoughAvailable,
  inOrder,
  nodeOf,
  noForce,
  onePerNode,
  replicasOf,
  sizesAtMost,
  surge,
  unavailable,
} from './workload-laws.js';

/** A pod that loses its label is let go, and one that gets it back is taken again, or is too many. */
async function relabelSome(stage: Stage): Promise<void> {
  const { cluster, namespace, prng } = stage;
  const all = await livePods(stage);
  const one = all[below(prng, Math.max(all.length, 1))];
  if (!one) return;
  const app = one.metadata.labels?.['app'] === 'a' ? 'lost' : 'a';
  await cluster.client
    .of(pods)
    .patch(one.metadata.name!, { metadata: { labels: { app } } }, { type: 'merge', namespace });
}

/** Its size changes, its pods are deleted and relabelled, and it is deleted and made again under its name. */
function replicaStory<T extends KubeObject>(resource: ResourceRef<T>, spec: (replicas: number) => object): () => Story {
  return () => {
    let replicas = 3;
    const make = ({ cluster, namespace }: Stage) =>
      cluster.client.of(resource).create({ metadata: { name: 'it', namespace }, spec: spec(replicas) } as unknown as T);
    return {
      name: resource.kind,
      begin: async (stage) => void (await make(stage)),
      trouble: [
        async (stage) => {
          await patchSpec(resource, stage, { replicas: (replicas = below(stage.prng, 6)) });
        },
        deleteSome,
      ],
      async end(stage) {
        const it = (await stage.cluster.get(resource, 'it', stage.namespace)) as KubeObject & { status?: unknown };
        const { readyReplicas = 0, replicas: counted = 0 } = it.status as { readyReplicas?: number; replicas?: number };
        const all = await livePods(stage);
        return [
          [all.length, all.filter(isReady).length, counted, readyReplicas],
          [replicas, replicas, replicas, replicas],
        ];
      },
      laws: [atMost(resource, replicasOf)],
    };
  };
}

export const replicaSet = replicaStory(replicaSets, (replicas) => ({ replicas, selector, template: template() }));
export const replicationController = replicaStory(replicationControllers, (replicas) => ({
  replicas,
  selector: labels,
  template: template(),
}));

/** Its pods are relabelled, and it is deleted with its pods left behind, and made again: it takes them. */
export const adoption = (): Story => {
  const replicas = 3;
  const body = (namespace: string) => ({
    metadata: { name: 'it', namespace },
    spec: { replicas, selector, template: template() },
  });
  let isGone = false;
  const make = async ({ cluster, namespace }: Stage) => {
    await cluster.client.of(replicaSets).create({ apiVersion: '', kind: '', ...body(namespace) });
    isGone = false;
  };
  return {
    name: 'adoption',
    begin: make,
    trouble: [
      relabelSome,
      async (stage) => {
        if (isGone) return await make(stage);
        const { namespace } = stage;
        await stage.cluster.client.of(replicaSets).delete('it', { namespace, propagationPolicy: 'Orphan' });
        isGone = true;
      },
    ],
    async end(stage) {
      const { cluster, namespace } = stage;
      if (isGone) await make(stage).catch(() => {});
      const it = await cluster.get(replicaSets, 'it', namespace).catch(() => undefined);
      const all = (await livePods(stage)).filter(({ metadata }) => metadata.labels?.['app'] === 'a');
      const owners = all.map(({ metadata }) => metadata.ownerReferences?.map(({ uid }) => uid));
      return [owners, Array(replicas).fill([it?.metadata.uid])];
    },
  };
};

const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: surge, maxUnavailable: unavailable } };

/** Its template changes, forth and back, whether or not the last change is through. */
export const rollout = (): Story => {
  let image = 'v1';
  const replicas = 4;
  return {
    name: 'rollout',
    async begin({ cluster, namespace }) {
      const spec = { replicas, selector, strategy, template: template(image) };
      await cluster.client
        .of(deployments)
        .create({ apiVersion: '', kind: '', metadata: { name: 'it', namespace }, spec });
    },
    trouble: [
      async (stage) => {
        image = `v${1 + below(stage.prng, 3)}`;
        await patchSpec(deployments, stage, { template: template(image) });
      },
    ],
    end: (stage) => endOfDeployment(stage, { replicas, image }),
    laws: [sizesAtMost, atMost(replicaSets, replicasOf), enoughAvailable(replicas - unavailable)],
  };
};

async function endOfDeployment(
  stage: Stage,
  { replicas, image }: { replicas: number; image: string },
): Promise<[unknown, unknown]> {
  const { status } = await stage.cluster.get(deployments, 'it', stage.namespace);
  const sets = await stage.cluster.list(replicaSets, stage.namespace);
  const all = await livePods(stage);
  return [
    [
      all.map(imageOf),
      status?.updatedReplicas ?? 0,
      status?.availableReplicas ?? 0,
      sets.map(({ spec }) => spec.replicas ?? 1).filter(Boolean),
    ],
    [Array(replicas).fill(image), replicas, replicas, replicas ? [replicas] : []],
  ];
}

/** All of it: other sizes, other templates, lost pods, and lost ReplicaSets. */
const deploymentStory = (name: string, trouble: Story['trouble'] = []): Story => {
  let image = 'v1';
  let replicas = 3;
  return {
    name,
    async begin({ cluster, namespace, prng }) {
      const type = fraction(prng) < 0.3 ? { type: 'Recreate' } : strategy;
      const spec = { replicas, selector, strategy: type, template: template(image) };
      await cluster.client
        .of(deployments)
        .create({ apiVersion: '', kind: '', metadata: { name: 'it', namespace }, spec });
    },
    trouble: [
      async (stage) => {
        image = `v${1 + below(stage.prng, 3)}`;
        await patchSpec(deployments, stage, { template: template(image) });
      },
      async (stage) => {
        await patchSpec(deployments, stage, { replicas: (replicas = below(stage.prng, 6)) });
      },
      deleteSome,
      ...trouble,
    ],
    end: (stage) => endOfDeployment(stage, { replicas, image }),
    laws: [sizesAtMost, atMost(replicaSets, replicasOf)],
  };
};

async function deleteReplicaSet({ cluster, namespace, prng }: Stage): Promise<void> {
  const sets = await cluster.list(replicaSets, namespace);
  const one = sets[below(prng, Math.max(sets.length, 1))];
  if (one) await cluster.client.of(replicaSets).delete(one.metadata.name!, { namespace });
}

export const deployment = () => deploymentStory('deployment');
export const bereftDeployment = () => deploymentStory('bereft deployment', [deleteReplicaSet]);

const statefulSetStory = (name: string, podManagementPolicy: string, more: Pick<Story, 'laws' | 'trouble'>): Story => {
  let image = 'v1';
  let replicas = 3;
  return {
    name,
    async begin({ cluster, namespace }) {
      const spec = { replicas, selector, serviceName: 's', podManagementPolicy, template: template(image) };
      await cluster.client
        .of(statefulSets)
        .create({ apiVersion: '', kind: '', metadata: { name: 'it', namespace }, spec });
    },
    trouble: [
      async (stage) => {
        image = `v${1 + below(stage.prng, 3)}`;
        await patchSpec(statefulSets, stage, { template: template(image) });
      },
      async (stage) => {
        await patchSpec(statefulSets, stage, { replicas: (replicas = below(stage.prng, 5)) });
      },
      ...(more.trouble ?? []),
    ],
    async end(stage) {
      const { status } = await stage.cluster.get(statefulSets, 'it', stage.namespace);
      const all = await livePods(stage);
      const { readyReplicas = 0, updatedReplicas = 0, currentReplicas = 0 } = status ?? {};
      return [
        [
          all.map((pod) => `${pod.metadata.name} ${imageOf(pod)}`).sort(),
          readyReplicas,
          updatedReplicas,
          currentReplicas,
        ],
        [Array.from({ length: replicas }, (_, ordinal) => `it-${ordinal} ${image}`), replicas, replicas, replicas],
      ];
    },
    laws: [noForce, atMost(statefulSets, replicasOf), ...(more.laws ?? [])],
  };
};

export const statefulSet = () => statefulSetStory('statefulset', 'OrderedReady', { laws: [inOrder] });
export const troubledStatefulSet = () =>
  statefulSetStory('troubled statefulset', 'OrderedReady', { trouble: [deleteSome], laws: [inOrder] });
export const parallelStatefulSet = () =>
  statefulSetStory('parallel statefulset', 'Parallel', { trouble: [deleteSome] });

/** With or without a surge; nodes are labelled so that they suit it, or not. */
export const daemonSet = (maxSurge: number) => (): Story => {
  let image = 'v1';
  return {
    name: `daemonset ${maxSurge}`,
    async begin({ cluster, namespace }) {
      const rollingUpdate = maxSurge ? { maxSurge, maxUnavailable: 0 } : { maxUnavailable: 1 };
      const spec = { selector, updateStrategy: { type: 'RollingUpdate', rollingUpdate }, template: template(image) };
      await cluster.client
        .of(daemonSets)
        .create({ apiVersion: '', kind: '', metadata: { name: 'it', namespace }, spec });
    },
    trouble: [
      async (stage) => {
        image = `v${1 + below(stage.prng, 3)}`;
        await patchSpec(daemonSets, stage, { template: template(image) });
      },
      deleteSome,
    ],
    async end(stage) {
      const { status } = await stage.cluster.get(daemonSets, 'it', stage.namespace);
      const all = await livePods(stage);
      const count = (await stage.cluster.list(nodes)).length;
      return [
        [all.map(imageOf), new Set(all.map(nodeOf)).size, status?.numberReady, status?.updatedNumberScheduled],
        [Array(count).fill(image), count, count, count],
      ];
    },
    laws: [onePerNode(1 + maxSurge)],
  };
};
