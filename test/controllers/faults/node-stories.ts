/** Nodes that fall silent, come back, and go for good, with the pods on them. */
import deployments from '#api/apps/deployment.js';
import nodes from '#api/core/node.js';
import pods from '#api/core/pod/index.js';
import type { Node, Pod } from '#api/gen/core-v1.js';
import { below, fraction } from '#base/prng.js';
import type { Law } from './history.js';
import { isReady, livePods, selector, template } from './pods.js';
import type { Stage, Story } from './storm.js';

const replicas = 6;
const toleratedSeconds = 5;
/** The first, which the cluster came with, never falls silent: a zone in which all do is believed to be cut off. */
const few = ['m0', 'm1', 'm2'];
const reasons = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];
const evictingTaints = ({ spec }: Node) =>
  (spec.taints ?? []).filter(({ key, effect }) => effect === 'NoExecute' && reasons.includes(key));
const reasonOf = ({ status }: Pod) => status?.conditions?.find(({ type }) => type === 'DisruptionTarget')?.reason;

/** Nobody is evicted from a node that nothing was wrong with, or collected from one that is there. */
const forAReason = (): Law => {
  const tainted = new Set<string>();
  return (world, { resource, object, old }) => {
    if (resource.plural === 'nodes') {
      if (evictingTaints(object as Node).length > 0) tainted.add(object.metadata.name!);
      return undefined;
    }
    const pod = object as Pod;
    const reason = reasonOf(pod);

    const name = pod.spec.nodeName ?? '';
    if (!reason || (old && reasonOf(old as Pod))) return undefined;
    if (reason === 'DeletionByTaintManager' && !tainted.has(name)) return `evicted from ${name}, which was well`;
    const isThere = world.get(nodes, name) !== undefined;
    return reason === 'DeletionByPodGC' && isThere ? `collected from ${name}, which is there` : undefined;
  };
};

/** No two nodes have the same addresses to give to pods. */
const rangesGivenOnce = (): Law => (world) => {
  const given = world.list(nodes).flatMap(({ spec }) => spec.podCIDRs ?? []);
  const twice = given.find((one, place) => given.indexOf(one) !== place);
  return twice && `${twice} given twice`;
};

export const failingNodes = (): Story => {
  const drop = async ({ cluster, prng }: Stage) => {
    const [name] = cluster.silentNodes;
    if (name && fraction(prng) < 0.5) await cluster.removeNode(name);
  };
  const add = async ({ cluster }: Stage) => {
    const there = (await cluster.list(nodes)).map(({ metadata }) => metadata.name!);
    const missing = few.find((name) => !there.includes(name));
    if (missing) await cluster.addNode(missing);
  };
  return {
    name: 'failing nodes',
    async begin({ cluster, namespace }) {
      for (const name of few) await cluster.addNode(name);
      const tolerations = reasons.map((key) => ({
        key,
        operator: 'Exists',
        effect: 'NoExecute',
        tolerationSeconds: toleratedSeconds,
      }));
      const { metadata, spec: pod } = template();
      const spec = { replicas, selector, template: { metadata, spec: { ...pod, tolerations } } };
      await cluster.client
        .of(deployments)
        .create({ apiVersion: '', kind: '', metadata: { name: 'it', namespace }, spec });
    },
    trouble: [
      async ({ cluster, prng }) => cluster.silence(few[below(prng, few.length)]!),
      async ({ cluster }) => cluster.wakeAll(),
      drop,
      add,
      async ({ cluster }) => cluster.advance(60_000),
    ],
    async end(stage) {
      const { cluster, namespace } = stage;
      cluster.wakeAll();
      const there = await cluster.list(nodes);
      const names = there.map(({ metadata }) => metadata.name);
      const all = await cluster.list(pods, namespace);
      return [
        [
          (await livePods(stage)).filter(isReady).length,
          all.filter(({ spec }) => !names.includes(spec.nodeName)).map(({ metadata }) => metadata.name),
          there.flatMap(({ spec }) => spec.taints ?? []),
          there.flatMap(({ spec }) => spec.podCIDR ?? []).length,
        ],
        [replicas, [], [], there.length],
      ];
    },
    laws: [forAReason, rangesGivenOnce],
  };
};
