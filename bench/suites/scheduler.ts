/**
 * Pods a second, from their creation to their binding, through the API server: upstream's scheduler_perf workloads by
 * name and size, with the least that upstream's own CI accepts beside (test/integration/scheduler_perf in
 * kubernetes/kubernetes). Nodes are objects without kubelets, and no controllers run, as there.
 */
import nodes from '#api/core/node.js';
import pods from '#api/core/pod/index.js';
import serviceaccounts from '#api/core/serviceaccount.js';
import type { Affinity, Pod } from '#api/gen/core-v1.js';
import { SystemClock } from '#base/clock.js';
import type { Client } from '#client/client.js';
import { startTestCluster } from '#testing/index.js';
import type { Figure } from '../figures.js';
import type { Settings } from '../settings.js';

interface Workload {
  name: string;
  nodes: number;
  /** There before the measurement begins. */
  initial: { count: number; pod: Partial<Pod> };
  measured: { count: number; pod: Partial<Pod> };
  zones?: readonly string[];
  /** Pods a second. */
  upstreamMinimum: number;
  /** Pods that nothing fits, which are there all the while. */
  unschedulable?: number;
}

const clock = new SystemClock();
const zoneLabel = 'topology.kubernetes.io/zone';
const creationsAtOnce = 64;
const namespace = 'default';

const requesting = (cpu: string, memory = '500Mi', spec: Partial<Pod['spec']> = {}): Partial<Pod> => ({
  spec: {
    containers: [{ name: 'pause', image: 'registry.k8s.io/pause:3.10', resources: { requests: { cpu, memory } } }],
    ...spec,
  },
});
const small = requesting('100m');
const withAffinity = (color: string, affinity: Affinity): Partial<Pod> => ({
  metadata: { labels: { color } },
  ...requesting('100m', '500Mi', { affinity }),
});
const termOf = (color: string, topologyKey: string) => ({
  topologyKey,
  labelSelector: { matchLabels: { color } },
});
const antiAffine = withAffinity('green', {
  podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [termOf('green', 'kubernetes.io/hostname')] },
});
const affine = withAffinity('blue', {
  podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [termOf('blue', zoneLabel)] },
});
const nodeAffine = withAffinity('none', {
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchExpressions: [{ key: zoneLabel, operator: 'In', values: ['zone1', 'zone2'] }] }],
    },
  },
});
const spread: Partial<Pod> = {
  metadata: { labels: { color: 'blue' } },
  ...requesting('100m', '500Mi', {
    topologySpreadConstraints: [
      {
        maxSkew: 5,
        topologyKey: zoneLabel,
        whenUnsatisfiable: 'DoNotSchedule',
        labelSelector: { matchLabels: { color: 'blue' } },
      },
    ],
  }),
};

const oneZone = ['zone1'];
const workloads: readonly Workload[] = [
  {
    name: 'SchedulingBasic',
    nodes: 5000,
    initial: { count: 1000, pod: small },
    measured: { count: 10_000, pod: small },
    upstreamMinimum: 680,
  },
  {
    name: 'SchedulingPodAntiAffinity',
    nodes: 5000,
    initial: { count: 1000, pod: antiAffine },
    measured: { count: 2000, pod: antiAffine },
    upstreamMinimum: 60,
  },
  {
    name: 'SchedulingPodAffinity',
    nodes: 5000,
    zones: oneZone,
    initial: { count: 5000, pod: affine },
    measured: { count: 5000, pod: affine },
    upstreamMinimum: 35,
  },
  {
    name: 'SchedulingNodeAffinity',
    nodes: 5000,
    zones: oneZone,
    initial: { count: 5000, pod: nodeAffine },
    measured: { count: 10_000, pod: nodeAffine },
    upstreamMinimum: 220,
  },
  {
    name: 'TopologySpreading',
    nodes: 5000,
    zones: ['moon-1', 'moon-2', 'moon-3'],
    initial: { count: 5000, pod: small },
    measured: { count: 5000, pod: spread },
    upstreamMinimum: 460,
  },
  {
    name: 'PreemptionAsync',
    nodes: 5000,
    initial: { count: 20_000, pod: requesting('900m') },
    measured: { count: 5000, pod: requesting('3', '500Mi', { priorityClassName: 'system-cluster-critical' }) },
    upstreamMinimum: 570,
  },
  {
    name: 'Unschedulable',
    nodes: 5000,
    initial: { count: 0, pod: small },
    measured: { count: 10_000, pod: small },
    unschedulable: 200,
    upstreamMinimum: 590,
  },
];

/** `--scale 0.1`: a tenth of the nodes and pods of each workload. */
export async function scheduler({ scale, only }: Settings): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const workload of workloads) {
    if (only && !workload.name.includes(only)) continue;
    figures.push(...(await measure(workload, scale)));
  }
  return figures;
}

async function measure(workload: Workload, scale: number): Promise<Figure[]> {
  const scaled = (count: number) => Math.ceil(count * scale);
  const cluster = await startTestCluster({
    clock,
    nodes: 0,
    controllers: [],
    store: 'lmdb',
  });
  const client = cluster.client();
  const seen = new Bindings(client);
  try {
    const metadata = { name: 'default', namespace };
    await client.of(serviceaccounts).create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata });
    await atOnce(scaled(workload.nodes), (index) => createNode(client, { index, workload }));
    await atOnce(scaled(workload.unschedulable ?? 0), (index) =>
      createPod(client, `stuck-${index}`, requesting('100')),
    );
    const initial = scaled(workload.initial.count);
    await atOnce(initial, (index) => createPod(client, `initial-${index}`, workload.initial.pod));
    await seen.until(initial);
    const count = scaled(workload.measured.count);
    const begin = { atMs: clock.monotonic(), cpu: process.cpuUsage() };
    await atOnce(count, (index) => createPod(client, `measured-${index}`, workload.measured.pod));
    await seen.until(initial + count);
    const seconds = (clock.monotonic() - begin.atMs) / 1000;
    const { user, system } = process.cpuUsage(begin.cpu);
    const suite = 'scheduler';
    const name = `${workload.name} ${scaled(workload.nodes)} nodes, ${count} pods`;
    return [
      { suite, name, unit: '1/s', samples: [count / seconds], aim: { atLeast: workload.upstreamMinimum } },
      { suite, name: `${name}: processor time a pod`, unit: 'us', samples: [(user + system) / count] },
    ];
  } finally {
    seen.close();
    await cluster.stop();
  }
}

async function createNode(client: Client, { index, workload }: { index: number; workload: Workload }): Promise<void> {
  const { zones } = workload;
  const name = `node-${index}`;
  const labels: Record<string, string> = { 'kubernetes.io/hostname': name };
  if (zones) labels[zoneLabel] = zones[index % zones.length]!;
  const amounts = { cpu: '4', memory: '32Gi', pods: '110' };
  const conditions = [{ type: 'Ready', status: 'True' }];
  await client.of(nodes).create({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels },
    spec: {},
    status: { capacity: amounts, allocatable: amounts, conditions },
  });
  // New nodes are tainted until the node lifecycle controller, which does not run here, finds them ready.
  await client.of(nodes).patch(name, { spec: { taints: null } }, { type: 'merge' });
}

async function createPod(client: Client, name: string, { metadata, spec }: Partial<Pod>): Promise<void> {
  await client.of(pods).create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...metadata, name, namespace },
    // Victims of preemption go at once: there is nobody to stop them.
    spec: { terminationGracePeriodSeconds: 0, ...spec! },
  });
}

async function atOnce(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: creationsAtOnce }, worker));
}

/** Counts pods that have a node, by a watch. */
class Bindings {
  readonly #bound = new Set<string>();
  readonly #stop = new AbortController();
  #look: (() => void) | undefined;

  constructor(client: Client) {
    this.#watch(client).catch((error) => {
      if (!this.#stop.signal.aborted) throw error;
    });
  }

  async #watch(client: Client): Promise<void> {
    const { signal } = this.#stop;
    const { metadata } = await client.of(pods).list({ namespace });
    for await (const { object } of client
      .of(pods)
      .watch({ namespace, resourceVersion: metadata.resourceVersion, signal })) {
      if (object.spec.nodeName) this.#bound.add(object.metadata.uid!);
      this.#look?.();
    }
  }

  async until(count: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#look = () => {
        if (this.#bound.size >= count) resolve();
      };
      this.#look();
    });
  }

  close(): void {
    this.#stop.abort();
  }
}
