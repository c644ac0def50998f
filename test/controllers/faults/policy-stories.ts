/** What limits others: disruption budgets, quotas, and the addresses and ports of services. */
import deployments from '#api/apps/deployment.js';
import pods from '#api/core/pod/index.js';
import resourceQuotas from '#api/core/resourcequota.js';
import services from '#api/core/service.js';
import endpointSlices from '#api/discovery/endpointslice.js';
import type { Pod, Service } from '#api/gen/core-v1.js';
import type { ServiceCIDR } from '#api/gen/networking-v1.js';
import ipAddresses from '#api/networking/ipaddress.js';
import serviceCidrs from '#api/networking/servicecidr.js';
import budgets from '#api/policy/poddisruptionbudget.js';
import { parseAddress, parseRange, rangeHolds } from '#apimachinery/addresses.js';
import { isReason } from '#apimachinery/errors.js';
import { below, fraction } from '#base/prng.js';
import type { Law } from './history.js';
import { deleteSome, isLive, isReady, labels, livePods, patchSpec, selector, template } from './pods.js';
import type { Stage, Story } from './storm.js';

async function deploy({ cluster, namespace }: Stage, replicas: number): Promise<void> {
  const metadata = { name: 'it', namespace };
  const spec = { replicas, selector, template: template() };
  await cluster.client.of(deployments).create({ apiVersion: '', kind: '', metadata, spec });
}

const isServing = (pod: Pod) => isLive(pod) && Boolean(isReady(pod));

/** Whatever is evicted, so many stay; nothing else takes pods away. */
export const budget = (): Story => {
  const replicas = 4;
  const minAvailable = 2;
  const enoughServe =
    ({ namespace }: Stage): Law =>
    (world, { resource, object, old }) => {
      if (resource.plural !== 'pods' || object.metadata.namespace !== namespace) return undefined;
      if (!old || old.metadata.deletionTimestamp || !object.metadata.deletionTimestamp) return undefined;
      const left = world.list(pods, namespace).filter(isServing).length;
      return isServing(old as Pod) && left < minAvailable ? `an eviction left ${left} of ${minAvailable}` : undefined;
    };
  return {
    name: 'budget',
    async begin(stage) {
      const { cluster, namespace } = stage;
      const metadata = { name: 'it', namespace };
      await cluster.client.of(budgets).create({ apiVersion: '', kind: '', metadata, spec: { minAvailable, selector } });
      await deploy(stage, replicas);
    },
    trouble: Array(3).fill(async (stage: Stage) => {
      const { cluster, namespace } = stage;
      for (const { metadata } of await livePods(stage)) {
        const { name = '' } = metadata;
        const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } };
        const request = { method: 'POST' as const, name, namespace, subresource: 'eviction', body };
        await cluster.client.of(pods).subresource(request);
      }
    }),
    async end(stage) {
      const { status } = await stage.cluster.get(budgets, 'it', stage.namespace);
      const { currentHealthy, disruptionsAllowed, expectedPods, disruptedPods = {} } = status!;
      return [
        [
          (await livePods(stage)).filter(isServing).length,
          currentHealthy,
          disruptionsAllowed,
          expectedPods,
          disruptedPods,
        ],
        [replicas, replicas, replicas - minAvailable, replicas, {}],
      ];
    },
    laws: [enoughServe],
  };
};

/** Many ask at once for what only some can have. */
async function rush({ cluster, namespace, prng }: Stage, cpu: string): Promise<void> {
  const spec = { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu } } }] };
  const alone = Array.from({ length: 4 }, (_, place) => `rush-${below(prng, 100)}-${place}`);
  const tries = [
    ...alone.map((name) =>
      cluster.client.of(pods).create({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace }, spec }),
    ),
    ...alone.map((name) => {
      const metadata = { name, namespace };
      return cluster.client
        .of(services)
        .create({ apiVersion: 'v1', kind: 'Service', metadata, spec: { ports: [{ port: 80 }] } });
    }),
  ];
  const ended = await Promise.allSettled(tries);
  for (const one of ended) if (one.status === 'rejected' && !isReason(one.reason, 'Forbidden')) throw one.reason;
}

/** Pods and services come and go, more than fit; never are there more than the quota says, and the count ends exact. */
export const quota = (): Story => {
  const hard = { pods: '4', services: '2', 'requests.cpu': '350m' };
  const cpu = '100m';
  const neverMore =
    ({ namespace }: Stage): Law =>
    (world) => {
      const count = world.list(pods, namespace).length;
      if (count > 3) return `${count} pods of ${cpu} where ${hard['requests.cpu']} are allowed`;
      const open = world.list(services, namespace).length;
      return open > 2 ? `${open} services where ${hard.services} are allowed` : undefined;
    };
  return {
    name: 'quota',
    async begin(stage) {
      const { cluster, namespace } = stage;
      const metadata = { name: 'it', namespace };
      await cluster.client.of(resourceQuotas).create({ apiVersion: '', kind: '', metadata, spec: { hard } });
      await cluster.until(async () => (await cluster.get(resourceQuotas, 'it', namespace)).status?.used !== undefined, {
        limitMs: 600_000,
        stepMs: 1000,
      });
      const spec = { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu } } }] };
      const deployment = { replicas: 5, selector, template: { metadata: { labels }, spec } };
      await cluster.client.of(deployments).create({ apiVersion: '', kind: '', metadata, spec: deployment });
    },
    trouble: [
      deleteSome,
      (stage) => patchSpec(deployments, stage, { replicas: 2 + below(stage.prng, 4) }),
      (stage) => makeService(stage, 'ClusterIP'),
      dropService,
      (stage) => rush(stage, cpu),
    ],
    async end({ cluster, namespace }) {
      await dropRushed(cluster, namespace);
      const { status } = await cluster.get(resourceQuotas, 'it', namespace);
      const { spec } = await cluster.get(deployments, 'it', namespace);
      const all = await cluster.list(pods, namespace);
      const fit = Math.min(spec.replicas ?? 1, 3);
      const used = {
        pods: `${fit}`,
        services: `${(await cluster.list(services, namespace)).length}`,
        'requests.cpu': `${fit * 100}m`,
      };
      return [
        [all.length, status?.used],
        [fit, used],
      ];
    },
    laws: [neverMore],
  };
};

/** Pods that no controller made stand in the way of those that it should make. */
async function dropRushed(cluster: Stage['cluster'], namespace: string): Promise<void> {
  for (const { metadata } of await cluster.list(pods, namespace)) {
    const { name = '', deletionTimestamp } = metadata;
    if (name.startsWith('rush') && !deletionTimestamp) await cluster.client.of(pods).delete(name, { namespace });
  }
}

async function makeService({ cluster, namespace, prng }: Stage, type: string): Promise<void> {
  const metadata = { name: `s${below(prng, 6)}`, namespace };
  const spec = { type, selector: labels, ports: [{ port: 80 }] };
  await cluster.client.of(services).create({ apiVersion: '', kind: '', metadata, spec });
}

async function dropService({ cluster, namespace, prng }: Stage): Promise<void> {
  const all = await cluster.list(services, namespace);
  const one = all[below(prng, Math.max(all.length, 1))];
  if (one) await cluster.client.of(services).delete(one.metadata.name!, { namespace });
}

function givenOnce(): Law {
  return (world) => {
    const all = world.list(services);
    const ips = all.flatMap(({ spec }) => spec.clusterIPs ?? []).filter((ip) => ip !== 'None');
    const ports = all.flatMap(({ spec }) => (spec.ports ?? []).flatMap(({ nodePort }) => nodePort ?? []));
    const twice = [ips, ports.map(String)].flatMap(
      (given) => given.find((one, place) => given.indexOf(one) !== place) ?? [],
    );
    return twice.length > 0 ? `${twice} given twice` : undefined;
  };
}

/** Services of all types come, change their type and go, while the pods behind them change. */
export const publishing = (): Story => ({
  name: 'publishing',
  async begin(stage) {
    await makeService(stage, 'NodePort');
    await deploy(stage, 3);
  },
  trouble: [
    (stage) => makeService(stage, ['ClusterIP', 'NodePort', 'LoadBalancer'][below(stage.prng, 3)]!),
    dropService,
    retype,
    deleteSome,
    (stage) => patchSpec(deployments, stage, { replicas: below(stage.prng, 6) }),
  ],
  async end({ cluster, namespace }) {
    const all = await cluster.list(services, namespace);
    const serving = (await cluster.list(pods, namespace)).filter(isServing);
    const { spec } = await cluster.get(deployments, 'it', namespace);
    const slices = await cluster.list(endpointSlices, namespace);
    const found = slices.flatMap(({ metadata, endpoints = [] }) =>
      endpoints.map(
        ({ addresses, conditions }) =>
          `${metadata.labels?.['kubernetes.io/service-name']} ${addresses} ${conditions?.ready}`,
      ),
    );
    const wanted = all.flatMap(({ metadata }) => serving.map(({ status }) => `${metadata.name} ${status?.podIP} true`));
    const known = (await cluster.list(ipAddresses)).filter(({ spec: one }) => one?.parentRef?.namespace === namespace);
    return [
      [serving.length, found.sort(), known.map(({ metadata }) => metadata.name).sort()],
      [spec.replicas ?? 1, wanted.sort(), all.map(({ spec: one }) => one.clusterIP).sort()],
    ];
  },
  laws: [givenOnce],
});

const ranges = ['10.210.0.0/29', '10.210.0.0/28', '10.220.0.0/30'];

function holds({ spec }: ServiceCIDR, service: Service): boolean {
  const address = parseAddress(service.spec.clusterIP ?? '');
  return (spec?.cidrs ?? []).some((cidr) => {
    const range = parseRange(cidr);
    return range && address && rangeHolds(range, address);
  });
}

/** Ranges come and go while services ask for addresses of them by name: each is given once, and keeps its range. */
export const addresses = (): Story => {
  const nameOf = (range: string) => range.replaceAll(/[./]/g, '-');
  const some = ({ prng }: Stage) => ranges[below(prng, ranges.length)]!;
  const addRange = async (stage: Stage) => {
    const range = some(stage);
    const body = { apiVersion: 'networking.k8s.io/v1', kind: 'ServiceCIDR', metadata: { name: nameOf(range) } };
    await stage.cluster.client.of(serviceCidrs).create({ ...body, spec: { cidrs: [range] } });
  };
  const ask = async (stage: Stage) => {
    const { cluster, namespace, prng } = stage;
    const clusterIP = `${fraction(prng) < 0.7 ? '10.210' : '10.220'}.0.${1 + below(prng, 6)}`;
    const metadata = { name: `s${below(prng, 12)}`, namespace };
    const spec = { clusterIP, ports: [{ port: 80 }] };
    try {
      await cluster.client.of(services).create({ apiVersion: 'v1', kind: 'Service', metadata, spec });
    } catch (error) {
      // It is taken, or in no range that is there.
      if (!isReason(error, 'Invalid')) throw error;
    }
  };
  return {
    name: 'addresses',
    begin: addRange,
    trouble: [
      addRange,
      (stage) => stage.cluster.client.of(serviceCidrs).delete(nameOf(some(stage))),
      ask,
      ask,
      ask,
      dropService,
    ],
    async end({ cluster, namespace }) {
      const all = await cluster.list(services, namespace);
      const given = (await cluster.list(ipAddresses)).filter(({ spec }) => spec?.parentRef?.namespace === namespace);
      const there = await cluster.list(serviceCidrs);
      const homeless = all.filter((service) => !there.some((range) => holds(range, service)));
      const staying = there.filter(({ metadata }) => !metadata.deletionTimestamp);
      const needed = all.filter((service) => !staying.some((range) => holds(range, service)));
      const idle = there.filter((one) => !staying.includes(one) && !needed.some((service) => holds(one, service)));
      return [
        [given.map(({ metadata }) => metadata.name).sort(), homeless, idle],
        [all.map(({ spec }) => spec.clusterIP).sort(), [], []],
      ];
    },
    laws: [givenOnce],
  };
};

async function retype({ cluster, namespace, prng }: Stage): Promise<void> {
  const all = await cluster.list(services, namespace);
  const one: Service | undefined = all[below(prng, Math.max(all.length, 1))];
  const type = fraction(prng) < 0.5 ? 'NodePort' : 'ClusterIP';
  if (one)
    await cluster.client.of(services).patch(one.metadata.name!, { spec: { type } }, { type: 'merge', namespace });
}
