/**
 * The walk of ARCHITECTURE.md, walked: one `kubectl apply` over a real socket, and the files it passes, in the order
 * that the page tells. Where a station hands on by a call to another file, the page's file is the caller, read from the
 * stack, so that code which moves takes the page along.
 */
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import deployments from '#api/apps/deployment.js';
import type { Deployment } from '#api/gen/apps-v1.js';
import type { Pod } from '#api/gen/core-v1.js';
import { Pipeline } from '#apiserver/pipeline.js';
import { ObjectStore } from '#apiserver/registry/store.js';
import { SystemClock } from '#base/clock.js';
import { connect, pods } from '#client/index.js';
import { Informer } from '#client/informer.js';
import { WorkQueue } from '#client/workqueue.js';
import { SimulatedRuntime } from '#kubelet/runtime/simulated.js';
import { RevisionStore } from '#storage/revision-store.js';
import { WatchCache } from '#storage/watch-cache.js';
import { startTestCluster } from '#testing/index.js';

const root = join(import.meta.dirname, '..');

const walk = vi.hoisted(() => {
  /** Files in the order in which they were first passed. Empty until the request is sent. */
  const passed: string[] = [];
  return {
    passed,
    isOn: false,
    pass(file: string): void {
      if (this.isOn && !passed.includes(file)) passed.push(file);
    },
    /** The nearest file of src/ on the stack, but for `callee`. */
    callerOf(callee?: string): string {
      const files = [...new Error().stack!.matchAll(/[( ](?:file:\/\/)?([^\s()]+\/(src\/[^\s()]+\.ts)):\d+:\d+/g)];
      return files.map(([, , file]) => file!).find((file) => file !== callee) ?? 'nobody';
    },
  };
});

vi.mock('#apiserver/http/exchange.js', async (original) => {
  const actual = await original<typeof import('#apiserver/http/exchange.js')>();
  const http2Exchange: typeof actual.http2Exchange = (...request) => {
    walk.pass(walk.callerOf('src/apiserver/http/exchange.ts'));
    return actual.http2Exchange(...request);
  };
  return { ...actual, http2Exchange };
});

vi.mock('#apiserver/handlers/patch.js', async (original) => {
  const actual = await original<typeof import('#apiserver/handlers/patch.js')>();
  const patch: typeof actual.patch = (context) => {
    // Others patch other objects meanwhile.
    if (context.info.resource.name === 'web') walk.pass('src/apiserver/handlers/patch.ts');
    return actual.patch(context);
  };
  return { ...actual, patch };
});

// Others look at the same pods, too.
const walked = vi.hoisted(() => ['deployment-controller', 'replicaset-controller']);

vi.mock('#controllers/runtime.js', async (original) => {
  const actual = await original<typeof import('#controllers/runtime.js')>();
  const defineController = (spec: Parameters<typeof actual.defineController>[0]) => {
    const file = walk.callerOf('src/controllers/runtime.ts');
    if ('run' in spec) return actual.defineController(spec);
    const reconcile: typeof spec.reconcile = (target, ...more) => {
      if (walked.includes(spec.name) && target.key.startsWith('default/web')) walk.pass(file);
      return spec.reconcile(target, ...more);
    };
    return actual.defineController({ ...spec, reconcile });
  };
  return { ...actual, defineController };
});

vi.mock('#scheduler/cycle.js', async (original) => {
  const actual = await original<typeof import('#scheduler/cycle.js')>();
  const schedulePod: typeof actual.schedulePod = (...decision) => {
    walk.pass(walk.callerOf('src/scheduler/cycle.ts'));
    walk.pass('src/scheduler/cycle.ts');
    return actual.schedulePod(...decision);
  };
  return { ...actual, schedulePod };
});

vi.mock('#kubelet/pod-worker.js', async (original) => {
  const actual = await original<typeof import('#kubelet/pod-worker.js')>();
  class PodWorker extends actual.PodWorker {
    constructor(options: ConstructorParameters<typeof actual.PodWorker>[0]) {
      super(options);
      walk.pass(walk.callerOf('src/kubelet/pod-worker.ts'));
    }
  }
  return { ...actual, PodWorker };
});

/** Calls `look` with the arguments of each call to a method, before it runs. */
function before<T extends object, K extends keyof T>(target: T, method: K, look: (...given: never[]) => void): void {
  const actual = target[method] as (...given: unknown[]) => unknown;
  vi.spyOn(target as Record<K, typeof actual>, method as never).mockImplementation(function (
    this: unknown,
    ...given: unknown[]
  ) {
    look(...(given as never[]));
    return actual.apply(this, given);
  } as never);
}

function watchStations(): void {
  before(
    Pipeline.prototype,
    'handle',
    ({ method, target, source }: { method: string; target: string; source: string }) => {
      if (method === 'PATCH' && target.includes('/deployments/web?') && source === '127.0.0.1')
        walk.pass('src/apiserver/pipeline.ts');
    },
  );
  before(ObjectStore.prototype, 'modify', ({ name }: { name: string }) => {
    if (name === 'web') walk.pass('src/apiserver/registry/store.ts');
  });
  before(deployments, 'default', () => walk.pass('src/api/apps/deployment.ts'));
  before(RevisionStore.prototype, 'put', (key: string) => {
    if (key.endsWith('/deployments/default/web')) walk.pass('src/storage/revision-store.ts');
  });
  const { watch } = WatchCache.prototype;
  vi.spyOn(WatchCache.prototype, 'watch').mockImplementation(async function* (this: WatchCache<unknown>, options) {
    for await (const batch of watch.call(this, options)) {
      const isOurs = batch.events.some(({ key }) => key.endsWith('/deployments/default/web'));
      if (isOurs) walk.pass('src/storage/watch-cache.ts');
      yield batch;
    }
  });
  const { onEvent } = Informer.prototype;
  vi.spyOn(Informer.prototype, 'onEvent').mockImplementation(function (this: Informer<Deployment>, handlers) {
    const added = (object: Deployment) => {
      if (object.kind === 'Deployment') walk.pass(walk.callerOf());
      handlers.added?.(object as never);
    };
    return onEvent.call(this, { ...handlers, added } as never);
  });
  for (const method of ['add', 'addAfter'] as const)
    before(WorkQueue.prototype, method, (key: string) => {
      if (key === 'default/web') walk.pass(walk.callerOf('src/client/workqueue.ts'));
    });
  before(SimulatedRuntime.prototype, 'startContainer', () => walk.pass('src/kubelet/runtime/simulated.ts'));
}

/** The paths in the table's second column. */
function stationsOfThePage(): string[] {
  const page = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8');
  const rows = [...page.matchAll(/^\| (\d+) \| `([^`]+)` \|/gm)];
  expect(rows.map(([, number]) => Number(number))).toEqual(Array.from({ length: 12 }, (_, index) => index + 1));
  return rows.map(([, , path]) => relative(root, join(root, path!)));
}

afterEach(() => vi.restoreAllMocks());

test('kubectl apply of a Deployment passes the twelve stations in the order of ARCHITECTURE.md', async () => {
  watchStations();
  const stations = stationsOfThePage();
  const cluster = await startTestCluster({ listen: true });
  const { client, transport } = await connect(cluster.kubeconfig!, { clock: new SystemClock() });
  const labels = { app: 'web' };
  const deployment: Deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'example.test/web:1' }] } },
    },
  };
  walk.isOn = true;
  const { status } = await transport.request({
    method: 'PATCH',
    path: '/apis/apps/v1/namespaces/default/deployments/web',
    query: { fieldManager: 'kubectl', fieldValidation: 'Strict', force: 'false' },
    contentType: 'application/apply-patch+yaml',
    body: deployment,
  });
  expect(status).toBe(201);
  const podsNow = async (): Promise<Pod[]> => (await cluster.client().of(pods).list({ namespace: 'default' })).items;
  await cluster.until(async () => (await podsNow()).some((pod) => pod.status?.phase === 'Running'));
  walk.isOn = false;
  // What the page tells in passing stands between the stations that it numbers.
  const inPassing = ['src/controllers/replicaset.ts', 'src/scheduler/cycle.ts', 'src/kubelet/runtime/simulated.ts'];
  expect(walk.passed.filter((file) => !inPassing.includes(file))).toEqual(stations);
  expect(walk.passed.slice(-6)).toEqual([
    'src/controllers/deployment/index.ts',
    'src/controllers/replicaset.ts',
    'src/scheduler/scheduler.ts',
    'src/scheduler/cycle.ts',
    'src/kubelet/kubelet.ts',
    'src/kubelet/runtime/simulated.ts',
  ]);
  const { items } = await client.of(pods).list({ namespace: 'default' });
  expect(items.map(({ spec, status: { phase } = {} }) => [spec.nodeName, phase])).toEqual([['node-0', 'Running']]);
  transport.close();
  await cluster.stop();
  expect(cluster.errors).toEqual([]);
});
