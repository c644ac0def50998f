/**
 * A test that carries an official name: it does what that name says, written by us, over HTTPS, on a whole cluster.
 *
 *     useCluster({ nodes: 2 });
 *     conformance('[sig-network] ... [Conformance]', async ({ client, namespace }) => { ... });
 *
 * The cluster is started once for a file, with the first test's turn; each test has a namespace of its own. Whatever a
 * component logs as an error fails the test in which it happens.
 */
import { afterAll, test } from 'vitest';
import namespaces from '#api/core/namespace.js';
import serviceaccounts from '#api/core/serviceaccount.js';
import type { ResourceRef } from '#api/resource.js';
import { isReason } from '#apimachinery/errors.js';
import type { KubeObject } from '#apimachinery/object.js';
import { SystemClock } from '#base/clock.js';
import type { Client, WatchOptions } from '#client/client.js';
import { connect } from '#client/connect.js';
import type { HttpTransport } from '#client/http-transport.js';
import { parseKubeconfig } from '#client/kubeconfig.js';
import { startTestCluster, type TestCluster, type TestClusterOptions } from '#testing/index.js';
import { Http } from './http.js';
import { Observation } from './observe.js';
import { assertOfficial } from './official.js';

export interface Scene {
  cluster: TestCluster;
  /** The administrator, by client certificate. */
  client: Client;
  http: Http;
  /** Made for this test, with its default service account; deleted after it. */
  namespace: string;
  /** One more namespace; its name begins with the word. */
  makeNamespace(word: string, labels?: Record<string, string>): Promise<string>;
  /** A watch that is ended with the test. */
  observe<T extends KubeObject>(ref: ResourceRef<T>, options?: WatchOptions): Observation<T>;
  /** Waits until it holds; what throws NotFound or Conflict does not hold yet. Default limit: 30 s of the cluster's time. */
  until(condition: () => boolean | Promise<boolean>, limitMs?: number): Promise<void>;
}

export interface ClusterSettings extends Omit<TestClusterOptions, 'listen' | 'clock'> {
  /** Virtual time moves only in `until` and `cluster.advance`. Default: the machine's. */
  time?: 'real' | 'virtual';
}

interface Running {
  cluster: TestCluster;
  client: Client;
  transport: HttpTransport;
  http: Http;
}

let settings: ClusterSettings = { nodes: 2 };
let running: Promise<Running> | undefined;
let namespacesMade = 0;
const testTimeoutMs = 90_000;

/** For all tests of the file. Default: two nodes, in memory, in real time. */
export function useCluster(wanted: ClusterSettings): void {
  settings = { ...settings, ...wanted };
}

/** Throws RangeError when the name is not official. */
export function conformance(name: string, run: (scene: Scene) => Promise<void>, timeoutMs = testTimeoutMs): void {
  assertOfficial(name);
  test(name, { timeout: timeoutMs }, () => inScene(run));
}

afterAll(async () => {
  if (!running) return;
  const { cluster, transport, http } = await running;
  http.close();
  transport.close();
  await cluster.stop();
});

async function start(): Promise<Running> {
  const { time = 'real', ...options } = settings;
  const clock = time === 'real' ? new SystemClock() : undefined;
  const cluster = await startTestCluster({ ...options, clock, listen: true });
  const kubeconfig = cluster.kubeconfig!;
  const { client, transport } = await connect(kubeconfig, { userAgent: 'conformance' });
  return { cluster, client, transport, http: new Http(await parseKubeconfig(kubeconfig)) };
}

async function inScene(run: (scene: Scene) => Promise<void>): Promise<void> {
  const { cluster, client, http } = await (running ??= start());
  const errorsBefore = cluster.errors.length;
  const stop = new AbortController();
  const made: string[] = [];
  const until = (condition: () => boolean | Promise<boolean>, limitMs = 30_000) =>
    cluster.until(() => withoutConflict(condition), { limitMs, stepMs: settings.time === 'virtual' ? 100 : 20 });
  const makeNamespace = async (word: string, labels?: Record<string, string>) => {
    const name = `${word}-${++namespacesMade}`;
    await client.of(namespaces).create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels }, spec: {} });
    made.push(name);
    await until(async () => Boolean(await client.of(serviceaccounts).get('default', { namespace: name })));
    return name;
  };
  const observe = <T extends KubeObject>(ref: ResourceRef<T>, options: WatchOptions = {}) =>
    new Observation((signal) => client.of(ref).watch({ ...options, signal }), stop.signal);
  try {
    const namespace = await makeNamespace('conformance');
    await run({ cluster, client, http, namespace, makeNamespace, observe, until });
  } finally {
    stop.abort();
    for (const name of made) await deleteIfThere(client, name);
  }
  const errors = cluster.errors.slice(errorsBefore);
  if (errors.length > 0) throw new Error('a component logged errors', { cause: errors });
}

/** Controllers write too: whoever changes an object tries again. */
async function withoutConflict(condition: () => boolean | Promise<boolean>): Promise<boolean> {
  try {
    return await condition();
  } catch (error) {
    if (isReason(error, 'Conflict')) return false;
    throw error;
  }
}

async function deleteIfThere(client: Client, name: string): Promise<void> {
  try {
    await client.of(namespaces).delete(name);
  } catch (error) {
    if (!isReason(error, 'NotFound', 'Conflict')) throw error;
  }
}
