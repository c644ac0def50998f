/**
 * What size costs, in one process with all controllers: a Deployment until its pods are there, bound and Ready on
 * simulated kubelets; one until its pods are there where no node is; and many nodes on which nothing happens.
 */
import deployments from '#api/apps/deployment.js';
import pods from '#api/core/pod/index.js';
import { SystemClock } from '#base/clock.js';
import type { Client } from '#client/client.js';
import { startTestCluster } from '#testing/index.js';
import type { Figure } from '../figures.js';
import { profiled } from '../profile.js';
import type { Settings } from '../settings.js';

const clock = new SystemClock();
const namespace = 'default';
const suite = 'scale';
const nodesOfDeployments = 100;
const idleNodes = 1000;
/** Registration and what it begins are over by then. */
const settleMs = 60_000;
const windowMs = 60_000;
/** Half of what upstream's controllers took on the same kind of machine, whose pods no kubelet ran. */
const createdAtMostMs = { count: 500, ms: 170 };
const replicas = [500, 5000];

/** `--scale 0.1`: a tenth of the replicas and nodes. */
export async function scale(settings: Settings): Promise<Figure[]> {
  const isChosen = (name: string) => !settings.only || name.includes(settings.only);
  return [
    ...(isChosen('Deployment') ? await deployed(settings) : []),
    ...(isChosen('idle') ? await idle(settings) : []),
  ];
}

async function deployed(settings: Settings): Promise<Figure[]> {
  return [...(await deployedOn(0, settings)), ...(await deployedOn(nodesOfDeployments, settings))];
}

async function deployedOn(nodes: number, { scale, profile }: Settings): Promise<Figure[]> {
  const cluster = await startTestCluster({ clock, nodes: Math.ceil(nodes * scale), store: 'lmdb' });
  const client = cluster.client();
  const figures: Figure[] = [];
  try {
    // Code that has never run is compiled by now.
    await deploy(client, { count: Math.ceil(200 * scale), name: 'first', isRun: nodes > 0 });
    for (const full of nodes > 0 ? replicas : [createdAtMostMs.count]) {
      const count = Math.ceil(full * scale);
      const work = () => deploy(client, { count, name: `web-${count}`, isRun: nodes > 0 });
      const name = `Deployment of ${count}${nodes > 0 ? '' : ' without nodes'}`;
      const { createdMs, boundMs, readyMs, cpuMs } = await profiled(work, { directory: profile, name });
      const aim = full === createdAtMostMs.count ? { atMost: createdAtMostMs.ms } : undefined;
      figures.push({ suite, name: `${name}: pods created`, unit: 'ms', samples: [createdMs], aim });
      if (nodes === 0) continue;
      figures.push(
        { suite, name: `${name}: all bound`, unit: 'ms', samples: [boundMs] },
        { suite, name: `${name}: all Ready`, unit: 'ms', samples: [readyMs] },
        { suite, name: `${name}: processor time a pod`, unit: 'us', samples: [(1000 * cpuMs) / count] },
      );
    }
    return figures;
  } finally {
    await cluster.stop();
  }
}

interface Deployed {
  createdMs: number;
  boundMs: number;
  readyMs: number;
  cpuMs: number;
}

async function deploy(
  client: Client,
  { count, name, isRun }: { count: number; name: string; isRun: boolean },
): Promise<Deployed> {
  const end = new AbortController();
  const { signal } = end;
  const { metadata } = await client.of(pods).list({ namespace });
  const since = { namespace, resourceVersion: metadata.resourceVersion, labelSelector: `app=${name}`, signal };
  const begin = { atMs: clock.monotonic(), cpu: process.cpuUsage() };
  const labels = { app: name };
  const resources = { requests: { cpu: '10m', memory: '10Mi' } };
  const containers = [{ name: 'pause', image: 'registry.k8s.io/pause:3.10', resources }];
  await client.of(deployments).create({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace, labels },
    spec: {
      replicas: count,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers } },
    },
  });
  const created = new Set<string>();
  const bound = new Set<string>();
  let createdMs: number | undefined;
  const sinceBegin = () => clock.monotonic() - begin.atMs;
  const ready = isRun ? untilReady(client, { name, count, signal }) : undefined;
  for await (const { object } of client.of(pods).watch(since)) {
    created.add(object.metadata.uid!);
    if (object.spec.nodeName) bound.add(object.metadata.uid!);
    if (created.size === count) createdMs ??= sinceBegin();
    if ((isRun ? bound : created).size === count) break;
  }
  const boundMs = sinceBegin();
  await ready;
  const readyMs = sinceBegin();
  const { user, system } = process.cpuUsage(begin.cpu);
  end.abort();
  return { createdMs: createdMs!, boundMs, readyMs, cpuMs: (user + system) / 1000 };
}

/** By the Deployment's own word. */
async function untilReady(
  client: Client,
  { name, count, signal }: { name: string; count: number; signal: AbortSignal },
): Promise<void> {
  for await (const { object } of client
    .of(deployments)
    .watch({ namespace, fieldSelector: `metadata.name=${name}`, signal }))
    if (object.status?.readyReplicas === count) return;
}

async function idle({ scale, profile }: Settings): Promise<Figure[]> {
  const count = Math.ceil(idleNodes * scale);
  const cluster = await startTestCluster({ clock, nodes: count, store: 'lmdb' });
  try {
    await clock.sleep(settleMs);
    const begin = { atMs: clock.monotonic(), cpu: process.cpuUsage() };
    await profiled(() => clock.sleep(windowMs), { directory: profile, name: 'idle' });
    const { user, system } = process.cpuUsage(begin.cpu);
    const share = (user + system) / 10 / (clock.monotonic() - begin.atMs);
    return [{ suite, name: `${count} idle nodes: CPU of a core`, unit: '%', samples: [share], aim: { atMost: 5 } }];
  } finally {
    await cluster.stop();
  }
}
