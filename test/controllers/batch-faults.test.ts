/**
 * Jobs and CronJobs while writes are refused, answers lost, and watches cut and delayed, by chance that a seed repeats: whatever
 * happens, each pod is counted once, and never do more run than may.
 */
import { afterEach, expect, test } from 'vitest';
import cronJobs from '#api/batch/cronjob.js';
import jobs from '#api/batch/job/index.js';
import pods from '#api/core/pod/index.js';
import type { JobSpec } from '#api/gen/batch-v1.js';
import type { Pod } from '#api/gen/core-v1.js';
import { StatusError } from '#apimachinery/errors.js';
import { controllerOf } from '#apimachinery/object.js';
import type { Clock } from '#base/clock.js';
import { silentLog } from '#base/log.js';
import { below, fraction, type Prng, SeededPrng } from '#base/prng.js';
import { Client } from '#client/client.js';
import { InformerFactory } from '#client/informer.js';
import { type ApiRequest, type Transport, TransportError, type WatchEvent } from '#client/transport.js';
import controllers from '#controllers/index.gen.js';
import { runControllers } from '#controllers/runtime.js';
import { finishPod } from './finish-pod.js';
import { TestCluster } from './test-cluster.js';

const tried = ['job-controller', 'job-orphan-pod', 'cronjob-controller'];
const namespace = 'default';

let cluster: TestCluster;
const stop = { now: new AbortController() };
let running: Promise<void> | undefined;
afterEach(async () => {
  stop.now.abort();
  await running;
  await cluster.end();
});

/** Of ten writes two are refused and one gets no answer; a watch gives what it has late, and ends after some events. */
class FaultyTransport implements Transport {
  readonly #inner: Transport;
  readonly #prng: Prng;
  readonly #clock: Clock;

  constructor(inner: Transport, { prng, clock }: { prng: Prng; clock: Clock }) {
    this.#inner = inner;
    this.#prng = prng;
    this.#clock = clock;
  }

  async request(request: ApiRequest) {
    const isTried = request.method !== 'GET' && !request.path.includes('/events');
    const chance = isTried ? fraction(this.#prng) : 1;
    if (chance < 0.2) throw new StatusError({ reason: 'Conflict', message: 'refused by the test' });
    const response = await this.#inner.request(request);
    if (chance < 0.3) throw new TransportError('lost by the test');
    return response;
  }

  async *watch(request: ApiRequest): AsyncIterable<WatchEvent> {
    let left = 1 + below(this.#prng, 20);
    for await (const event of this.#inner.watch(request)) {
      if (fraction(this.#prng) < 0.3) await this.#clock.sleep(fraction(this.#prng) * 2000, request.signal);
      yield event;
      if (--left === 0) return;
    }
  }
}

async function start(prng: Prng): Promise<void> {
  const others = controllers.map(({ name }) => name).filter((name) => !tried.includes(name));
  cluster = await TestCluster.start({ controllers: others });
  const { clock } = cluster;
  const clientFor = (name: string) => {
    const groups = ['system:serviceaccounts', 'system:serviceaccounts:kube-system'];
    const { transport } = cluster.as({ name: `system:serviceaccount:kube-system:${name}`, groups });
    return new Client(new FaultyTransport(transport, { prng, clock }));
  };
  const administrator = new Client(new FaultyTransport(cluster.client.transport, { prng, clock }));
  const informers = new InformerFactory({ client: administrator, clock, prng, log: silentLog });
  stop.now = new AbortController();
  informers.start(stop.now.signal);
  const some = controllers.filter(({ name }) => tried.includes(name));
  running = runControllers(some, { clientFor, informers, clock, prng, log: silentLog, rootCa: '' }, stop.now.signal);
}

interface Observed {
  succeeded: Set<string>;
  failed: Set<string>;
  mostActive: number;
}

/** What a watch without faults sees of the pods of a Job, each of which ends after a while, one way or the other. */
function observe(jobName: string, { prng, failing }: { prng: Prng; failing: number }): Observed {
  const seen: Observed = { succeeded: new Set(), failed: new Set(), mostActive: 0 };
  const begun = new Set<string>();
  const isOf = (pod: Pod) => controllerOf(pod)?.name === jobName;
  const look = (pod: Pod) => {
    const { uid = '' } = pod.metadata;
    if (!isOf(pod)) return;
    if (pod.status?.phase === 'Succeeded') seen.succeeded.add(uid);
    if (pod.status?.phase === 'Failed') seen.failed.add(uid);
    const all = cluster.informers.of(pods).list().filter(isOf);
    const active = all.filter(
      ({ metadata, status }) => !metadata.deletionTimestamp && !['Succeeded', 'Failed'].includes(status?.phase ?? ''),
    );
    seen.mostActive = Math.max(seen.mostActive, active.length);
    if (pod.status?.phase !== 'Running' || begun.has(uid)) return;
    begun.add(uid);
    const exitCode = fraction(prng) < failing ? 1 : 0;
    cluster.clock.setTimer(fraction(prng) * 5000, () => void finishPod(cluster, pod, exitCode));
  };
  cluster.informers.of(pods).onEvent({ added: look, updated: look });
  return seen;
}

const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'v1' }] } };

function randomSpec(prng: Prng): JobSpec & { completions: number; parallelism: number } {
  const completions = 2 + below(prng, 6);
  const parallelism = 1 + below(prng, 4);
  const completionMode = fraction(prng) < 0.5 ? 'Indexed' : 'NonIndexed';
  return { completions, parallelism, completionMode, backoffLimit: 100, template };
}

for (const seed of [1, 2, 3, 4, 5, 6])
  test(`a Job counts each pod once and runs no more than it may (seed ${seed})`, async () => {
    const prng = new SeededPrng(seed);
    await start(prng);
    const spec = randomSpec(prng);
    const seen = observe('work', { prng, failing: 0.25 });
    const metadata = { name: 'work', namespace };
    await cluster.client.of(jobs).create({ apiVersion: 'batch/v1', kind: 'Job', metadata, spec });
    const isComplete = async () =>
      (await cluster.get(jobs, 'work')).status?.conditions?.some(({ type }) => type === 'Complete') === true;
    await cluster.until(isComplete, { limitMs: 3_600_000, stepMs: 1000 });
    const { status } = await cluster.get(jobs, 'work');
    expect(status?.succeeded).toBe(spec.completions);
    expect(seen.succeeded.size).toBe(spec.completions);
    expect(status?.failed ?? 0).toBe(seen.failed.size);
    expect(seen.mostActive).toBeLessThanOrEqual(spec.parallelism);
    await cluster.advance(60_000);
    const held = (await cluster.list(pods)).filter((pod) => pod.metadata.finalizers?.length);
    expect(held).toEqual([]);
  });

for (const concurrencyPolicy of ['Allow', 'Forbid'])
  test(`a CronJob makes one Job for a time, whatever is refused (${concurrencyPolicy})`, async () => {
    const prng = new SeededPrng(7);
    await start(prng);
    let most = 0;
    const made = new Set<string>();
    cluster.informers.of(jobs).onEvent({
      added({ metadata }) {
        made.add(metadata.annotations?.['batch.kubernetes.io/cronjob-scheduled-timestamp'] ?? '');
        most = Math.max(most, cluster.informers.of(jobs).size);
      },
    });
    await cluster.until(() => cluster.informers.of(jobs).isSynced);
    const spec = { schedule: '* * * * *', concurrencyPolicy, jobTemplate: { spec: { template } } };
    const metadata = { name: 'tick', namespace };
    await cluster.client.of(cronJobs).create({ apiVersion: 'batch/v1', kind: 'CronJob', metadata, spec });
    await cluster.advance(5 * 60_000 + 30_000);
    const { status } = await cluster.get(cronJobs, 'tick');
    const count = concurrencyPolicy === 'Allow' ? 5 : 1;
    expect([made.size, most, status?.active?.length]).toEqual([count, count, count]);
  });
