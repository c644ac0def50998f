/**
 * Pods a second, from their creation to their binding, through the API server, for upstream's scheduler_perf workloads.
 * Nodes are objects without kubelets, and no controllers run, as there.
 */
import nodes from '#api/core/node.js';
import pods from '#api/core/pod/index.js';
import services from '#api/core/service.js';
import { SystemClock } from '#base/clock.js';
import type { Client } from '#client/client.js';
import { startTestCluster } from '#testing/index.js';
import type { Figure } from '../figures.js';
import { profiled } from '../profile.js';
import type { Settings } from '../settings.js';
import { type NodeTemplate, type PodTemplate, type Workload, workloads, zoneLabel } from './scheduler-workloads.js';

const clock = new SystemClock();
const creationsAtOnce = 64;
const namespace = 'default';
/** As upstream measures: what these need, such as service accounts, is not there. */
const disableAdmissionPlugins = ['ServiceAccount', 'TaintNodesByCondition', 'Priority'];
/** What a node without a template has. */
const usualCapacity = { cpu: '4', memory: '32Gi', pods: '110' };

/** `--scale 0.1`: a tenth of the nodes and pods of each workload. */
export async function scheduler(settings: Settings): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const workload of workloads) {
    if (settings.only && !workload.name.includes(settings.only)) continue;
    figures.push(...(await measure(workload, settings)));
  }
  return figures;
}

async function measure(workload: Workload, { scale, profile }: Settings): Promise<Figure[]> {
  const scaled = (count: number) => Math.ceil(count * scale);
  const apiServer = { disableAdmissionPlugins };
  const cluster = await startTestCluster({ clock, nodes: 0, controllers: [], store: 'lmdb', apiServer });
  const client = cluster.client();
  const seen = new Bindings(client);
  const end = new AbortController();
  try {
    await prepare(client, workload, { scaled, seen });
    const { initial, gated, deleted, churn, measured } = workload;
    const count = scaled(measured.count);
    const background = [churn && keepChurning(client, churn, end.signal)];
    if (deleted) background.push(keepDeleting(client, { ...deleted, count: scaled(deleted.count) }, end.signal));
    const begin = { atMs: clock.monotonic(), cpu: process.cpuUsage() };
    await profiled(
      async () => {
        await createPods(client, 'measured', { count, pod: measured.pod });
        await seen.until('measured', count);
      },
      { directory: profile, name: workload.name },
    );
    const seconds = (clock.monotonic() - begin.atMs) / 1000;
    const { user, system } = process.cpuUsage(begin.cpu);
    end.abort();
    await Promise.all(background);
    const suite = 'scheduler';
    const nodeCount = workload.nodes.reduce((sum, { count, once }) => sum + (once ? count : scaled(count)), 0);
    const before = scaled((initial?.count ?? 0) + (gated?.count ?? 0) + (deleted?.count ?? 0));
    const name = `${workload.name} ${nodeCount} nodes, ${before} + ${count} pods`;
    const aim = workload.upstreamMinimum === undefined ? undefined : { atLeast: workload.upstreamMinimum };
    return [
      { suite, name, unit: '1/s', samples: [count / seconds], aim },
      { suite, name: `${name}: processor time a pod`, unit: 'us', samples: [(user + system) / count] },
    ];
  } finally {
    end.abort();
    seen.close();
    await cluster.stop();
  }
}

async function prepare(
  client: Client,
  { nodes: groups, initial, gated, deleted }: Workload,
  { scaled, seen }: { scaled: (count: number) => number; seen: Bindings },
): Promise<void> {
  for (const { count, once, zones, node = {} } of groups) {
    await atOnce(once ? count : scaled(count), async (index) => {
      const zone = zones?.[index % zones.length];
      await createNode(client, node.name ?? `node-${index}`, { node, labels: zone ? { [zoneLabel]: zone } : {} });
    });
  }
  if (gated) await createPods(client, 'gated', { ...gated, count: scaled(gated.count) });
  for (const [prefix, group] of Object.entries({ initial, deleted })) {
    if (!group) continue;
    const count = scaled(group.count);
    await createPods(client, prefix, { ...group, count });
    await seen.until(prefix, count);
  }
}

async function createNode(
  client: Client,
  name: string,
  { node, labels = {} }: { node: NodeTemplate; labels?: Record<string, string> },
): Promise<void> {
  const conditions = [{ type: 'Ready', status: 'True' }];
  await client.of(nodes).create({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels } },
    spec: {},
    status: { capacity: usualCapacity, ...node.status, conditions },
  });
}

async function createPods(
  client: Client,
  prefix: string,
  { count, pod }: { count: number; pod: PodTemplate },
): Promise<void> {
  await atOnce(count, (index) => createPod(client, `${prefix}-${index}`, pod));
}

async function createPod(client: Client, name: string, { metadata, spec }: PodTemplate): Promise<void> {
  await client.of(pods).create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...metadata, name, namespace },
    spec: spec!,
  });
}

async function atOnce(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: creationsAtOnce }, worker));
}

async function keepChurning(
  client: Client,
  { everyMs, stays, pod, node, service }: NonNullable<Workload['churn']>,
  signal: AbortSignal,
): Promise<void> {
  for (let turn = 0; await pause(everyMs, signal); turn++) {
    const name = `churn-${stays ? turn : turn >> 1}`;
    if (stays || turn % 2 === 0) {
      if (node) await createNode(client, name, { node });
      await createPod(client, name, pod);
      if (service)
        await client
          .of(services)
          .create({ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec: service });
    } else {
      if (node) await client.of(nodes).delete(name);
      await client.of(pods).delete(name, { namespace, gracePeriodSeconds: 0 });
      if (service) await client.of(services).delete(name, { namespace });
    }
  }
}

async function keepDeleting(
  client: Client,
  { count, perSecond }: { count: number; perSecond: number },
  signal: AbortSignal,
): Promise<void> {
  for (let index = 0; index < count && (await pause(1000 / perSecond, signal)); index++)
    await client.of(pods).delete(`deleted-${index}`, { namespace });
}

/** Whether there is more to do after it. */
async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  await clock.sleep(ms, signal).catch(() => {});
  return !signal.aborted;
}

/** Counts pods that were given a node, by a watch and the first word of their names. */
class Bindings {
  readonly #bound = new Map<string, Set<string>>();
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
      if (!object.spec.nodeName) continue;
      const [prefix = ''] = object.metadata.name!.split('-');
      const bound = this.#bound.get(prefix) ?? new Set();
      this.#bound.set(prefix, bound.add(object.metadata.uid!));
      this.#look?.();
    }
  }

  async until(prefix: string, count: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#look = () => {
        if ((this.#bound.get(prefix)?.size ?? 0) >= count) resolve();
      };
      this.#look();
    });
  }

  close(): void {
    this.#stop.abort();
  }
}
