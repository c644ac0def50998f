/** Kill -9 under load, again and again: containers serve on and are taken over, and no acknowledged write is lost. */
import { get } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLog } from '#base/log.js';
import { SeededPrng, SystemPrng } from '#base/prng.js';
import { ContainerdRuntime } from '#kubelet/runtime/containerd/containerd.js';
import { containerdPaths } from '#kubelet/runtime/containerd/daemon.js';
import { clock, createCluster, nodeReady } from '../../bench/cluster.js';
import { buildCommand, type ClusterProcess } from '../cluster-process.js';
import type { Connection } from '../connection.js';
import { busyboxImage, busyboxReference } from '../images/images.js';
import { Follower, Writer } from './load.js';

const kills = 24;
/** Every so many kills one comes while the command is still starting. */
const killEarlyEvery = 4;
const pods = '/api/v1/namespaces/default/pods';

describe(`${kills} times kill -9 under load`, () => {
  const prng = new SeededPrng(1);
  const end = new AbortController();
  const writers: Writer[] = [];
  const working: Promise<void>[] = [];
  const served = { answers: 0, failures: [] as string[] };
  let cluster: ClusterProcess;
  let purge: () => Promise<void>;
  let runtime: ContainerdRuntime;
  let follower: Follower;
  let before: Snapshot;

  beforeAll(async () => {
    await buildCommand();
    ({ cluster, purge } = await createCluster('containerd'));
    await startAndWait();
    const socketPath = containerdPaths(cluster.options.dataDir).socket;
    runtime = new ContainerdRuntime({ socketPath, clock, prng: new SystemPrng(), log: silentLog });
    await runtime.importImage(await busyboxImage());
    for (const name of ['first', 'second', 'third']) await createPod(name);
    before = await snapshot();
    follower = new Follower(cluster, clock);
    working.push(follower.run(end.signal));
    for (let index = 0; index < 4; index++) {
      const writer = new Writer(cluster, { name: `writer-${index}`, clock });
      writers.push(writer);
      working.push(writer.run(end.signal));
    }
    for (const { address } of before.pods) working.push(askOn(address));
  }, 180_000);

  afterAll(async () => {
    end.abort();
    await Promise.all(working);
    await runtime?.close();
    await purge?.();
  }, 120_000);

  it('keeps containers and writes through every one of them', async () => {
    for (let kill = 1; kill <= kills; kill++) {
      await clock.sleep(100 + 500 * (prng.uint32() / 2 ** 32));
      await cluster.kill('SIGKILL');
      if (kill % killEarlyEvery === 0) {
        cluster.start();
        await clock.sleep(50 + 800 * (prng.uint32() / 2 ** 32));
        await cluster.kill('SIGKILL');
      }
      const acknowledged = Math.max(...writers.map(({ lastRevision }) => lastRevision));
      await startAndWait();
      expect(await snapshot(), `after kill ${kill}`).toEqual(before);
      expect(await revisionNow()).toBeGreaterThanOrEqual(acknowledged);
      await expectAllWrites();
    }
  }, 300_000);

  it('served without one failure', () => {
    expect(served.answers).toBeGreaterThan(kills * 10);
    expect(served.failures).toEqual([]);
  });

  it('told a watch that resumed every write, once and in order', async () => {
    for (const writer of writers) writer.stop();
    const acknowledged = writers.flatMap((writer) => [...writer.acknowledgedRevisions]);
    expect(acknowledged.length).toBeGreaterThan(kills * 10);
    await cluster.eventually('the watch has caught up', async () => follower.lastRevision >= Math.max(...acknowledged));
    expect(follower.failures).toEqual([]);
    expect(acknowledged.filter((revision) => !follower.revisions.has(revision))).toEqual([]);
  });

  it('runs a new pod after all that', async () => {
    await createPod('fourth');
  }, 60_000);

  interface Snapshot {
    pods: { name: string; uid: string; address: string; containerId: string; restarts: number }[];
    sandboxes: string[];
    containers: string[];
  }

  async function startAndWait(): Promise<void> {
    const since = { sinceMs: clock.now() };
    cluster.start();
    await cluster.ready();
    await nodeReady(cluster, since);
    await cluster.eventually('the cluster is ready', async () => cluster.output.includes('Ready in'));
  }

  async function withConnection<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const connection = await cluster.connect();
    try {
      return await work(connection);
    } finally {
      connection.close();
    }
  }

  async function createPod(name: string): Promise<void> {
    const script = 'mkdir /www && echo here > /www/index.html && exec httpd -f -p 8080 -h /www';
    const spec = {
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'main', image: busyboxReference, command: ['sh', '-c', script] }],
    };
    await withConnection(async (connection) => {
      const create = () =>
        connection.request('POST', pods, JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec }));
      // Right after the first start the namespace may still be without its service account.
      await cluster.eventually(`${name} is created`, async () => (await create()).code === 201, { everyMs: 100 });
      await cluster.eventually(`${name} is ready`, async () => {
        const { status } = JSON.parse((await connection.request('GET', `${pods}/${name}`)).body.toString());
        return status.podIP && status.containerStatuses?.[0]?.ready && (await ask(status.podIP)) === undefined;
      });
    });
  }

  async function snapshot(): Promise<Snapshot> {
    const { body } = await withConnection((connection) => connection.request('GET', pods));
    const { sandboxes, containers } = await runtime.list();
    return {
      pods: JSON.parse(body.toString()).items.map(({ metadata, status }: PodObject) => ({
        name: metadata.name,
        uid: metadata.uid,
        address: status.podIP,
        containerId: status.containerStatuses[0]!.containerID,
        restarts: status.containerStatuses[0]!.restartCount,
      })),
      sandboxes: sandboxes.map(({ id }) => id).sort(),
      containers: containers.map(({ id, state }) => `${id} ${state}`).sort(),
    };
  }

  async function revisionNow(): Promise<number> {
    const { body } = await withConnection((connection) => connection.request('GET', `${pods}?limit=1`));
    return Number(JSON.parse(body.toString()).metadata.resourceVersion);
  }

  /** A write that was not answered may or may not have happened; an answered one, or a later one, must be there. */
  async function expectAllWrites(): Promise<void> {
    const expected = writers.map((writer) => new Map(writer.acknowledged));
    const { body } = await withConnection((connection) =>
      connection.request('GET', '/api/v1/namespaces/default/configmaps'),
    );
    const items = new Map<string, number>(
      JSON.parse(body.toString()).items.map((item: { metadata: { name: string }; data?: { turn?: string } }) => [
        item.metadata.name,
        Number(item.data?.turn),
      ]),
    );
    const lost = expected.flatMap((writes) => [...writes].filter(([name, turn]) => !((items.get(name) ?? -1) >= turn)));
    expect(lost).toEqual([]);
  }

  async function askOn(address: string): Promise<void> {
    while (!end.signal.aborted) {
      const failure = await ask(address);
      if (failure) served.failures.push(failure);
      else served.answers++;
      await clock.sleep(20);
    }
  }

  /** What went wrong, or undefined. */
  function ask(address: string): Promise<string | undefined> {
    return new Promise((resolve) => {
      const request = get({ host: address, port: 8080, path: '/', agent: false, timeout: 5000 }, (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode === 200 ? undefined : `code ${response.statusCode}`));
      });
      request.on('timeout', () => request.destroy(new Error('no answer in 5 s')));
      request.on('error', (error) => resolve(error.message));
    });
  }
});

interface PodObject {
  metadata: { name: string; uid: string };
  status: { podIP: string; containerStatuses: { containerID: string; restartCount: number }[] };
}
