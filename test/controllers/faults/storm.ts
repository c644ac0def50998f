/**
 * Stories that are told while everything goes wrong: each in a namespace of its own, all in one cluster, by the chance of a
 * seed. Then all is calm, and how each ends is held against how it should, and its history against its laws.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import namespaces from '#api/core/namespace.js';
import serviceAccounts from '#api/core/serviceaccount.js';
import type { ResourceRef } from '#api/resource.js';
import { isReason } from '#apimachinery/errors.js';
import { below, fraction, type Prng, SeededPrng } from '#base/prng.js';
import type { DoneRequest, FaultPlan } from '#testing/index.js';
import { TestCluster, type TestClusterOptions } from '../test-cluster.js';
import { History, type Law } from './history.js';

export interface Stage {
  cluster: TestCluster;
  namespace: string;
  prng: Prng;
  /** What controllers had carried out so far, in order. */
  done: readonly DoneRequest[];
}

export interface Story {
  name: string;
  /** Made anew for every run, so it may keep what it has chosen. */
  begin(stage: Stage): Promise<void>;
  /** What its users do meanwhile, one of it at a time. */
  trouble?: readonly ((stage: Stage) => Promise<unknown>)[];
  /** How it ended, beside how it should have. */
  end(stage: Stage): Promise<[unknown, unknown]>;
  laws?: readonly ((stage: Stage) => Law)[];
}

export interface Storm {
  stories: readonly (() => Story)[];
  /** What is written down of. */
  recorded: readonly ResourceRef[];
  options?: TestClusterOptions;
  /** At one of these wall times each run begins. Default: as a VirtualClock's. */
  startsMs?: readonly number[];
  /** Times at which something happens. Default: 12. */
  rounds?: number;
  mayRestart?: boolean;
  /** Of controllers, of which one leads; each is put to sleep now and then, longer than it holds its lease. Default: 1. */
  copies?: number;
  /** How long it may take until all is well, once all is calm. Default: 20 minutes. */
  calmMs?: number;
}

const chance = (max: number) => fc.integer({ min: 0, max: 100 }).map((part) => (part / 100) * max);

const plans: fc.Arbitrary<FaultPlan> = fc.record({
  conflict: chance(0.3),
  refused: chance(0.2),
  lost: chance(0.3),
  slow: chance(0.3),
  cut: chance(0.2),
  expired: chance(0.5),
  late: chance(0.3),
  doubled: chance(0.2),
});

/**
 * FAULTS_RUNS: how many runs, instead of the one of a quick test, by a seed that is told when one fails. FAULTS_SEED and
 * FAULTS_PATH: what was told, to repeat it.
 */
const { FAULTS_RUNS: runs, FAULTS_SEED: seed, FAULTS_PATH: path } = process.env;
const numRuns = Number(runs ?? 1);
/** Virtual time bounds how long a run is; this is for one that hangs, however busy the machine. */
const timeoutMs = 300_000;

/** Holds the stories against faults of many kinds and strengths, and against none, which must end the same. */
export function weather(what: string, storm: Storm): void {
  test(`${what} where nothing goes wrong`, { timeout: timeoutMs }, async () => {
    await run({ ...storm, mayRestart: false }, { plan: {}, seed: 1 });
  });
  test(`${what} under faults of all kinds`, { timeout: numRuns * timeoutMs }, async () => {
    const property = fc.asyncProperty(plans, fc.nat(), (plan, chance) => run(storm, { plan, seed: chance }));
    const chosen = seed ?? (runs ? undefined : '1');
    await fc.assert(property, { numRuns, seed: chosen ? Number(chosen) : undefined, path, endOnFailure: true });
  });
}

async function run(storm: Storm, { plan, seed }: { plan: FaultPlan; seed: number }): Promise<void> {
  const prng = new SeededPrng(seed);
  const done: DoneRequest[] = [];
  const onDone = (one: DoneRequest) => {
    if (one.request.method !== 'GET') done.push(one);
  };
  const { copies, startsMs = [] } = storm;
  const startMs = startsMs[seed % startsMs.length];
  const cluster = await TestCluster.start({ ...storm.options, startMs, copies, faults: plan, seed, onDone });
  try {
    const history = new History(cluster, storm.recorded);
    const told = storm.stories.map((make) => ({ story: make(), stage: stageOf(make().name, { cluster, prng, done }) }));
    for (const { story, stage } of told) {
      await makeNamespace(stage);
      await story.begin(stage);
    }
    await rage(told, { storm, prng, cluster });
    cluster.calm();
    await settle(told, { storm, cluster, done });
    const laws = told.flatMap(({ story, stage }) => (story.laws ?? []).map((law) => law(stage)));
    expect(history.violations(laws)).toEqual([]);
  } finally {
    await cluster.end();
  }
}

interface Told {
  story: Story;
  stage: Stage;
}

function stageOf(name: string, rest: Omit<Stage, 'namespace'>): Stage {
  return {
    namespace: name
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '-')
      .slice(0, 60),
    ...rest,
  };
}

/** With the account that its pods need. */
async function makeNamespace({ cluster, namespace: name }: Stage): Promise<void> {
  await cluster.client.of(namespaces).create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name }, spec: {} });
  await cluster.until(() => cluster.exists(serviceAccounts, 'default', name), { limitMs: 600_000, stepMs: 1000 });
}

async function rage(
  told: readonly Told[],
  { storm, prng, cluster }: { storm: Storm; prng: Prng; cluster: TestCluster },
): Promise<void> {
  for (let round = 0; round < (storm.rounds ?? 12); round++) {
    await cluster.advance(fraction(prng) ** 2 * 20_000);
    for (const { story, stage } of told) {
      const { trouble = [] } = story;
      if (trouble.length > 0 && fraction(prng) < 0.4) await despite(() => trouble[below(prng, trouble.length)]!(stage));
    }
    if (storm.mayRestart === false) continue;
    for (const copy of cluster.copies) {
      if (fraction(prng) < (copy.isAsleep ? 0.5 : 0.2)) copy[copy.isAsleep ? 'wake' : 'sleep']();
    }
    if (fraction(prng) < 0.15) await cluster.restartControllers();
    if (fraction(prng) < 0.1) cluster.clock.jump((fraction(prng) - 0.5) * 60_000);
  }
}

/** What users do may miss what is gone, or come second. */
async function despite(act: () => Promise<unknown>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!isReason(error, 'NotFound', 'Conflict', 'AlreadyExists', 'TooManyRequests', 'Forbidden')) throw error;
  }
}

/** Until each story has its end, and nobody does anything any more. */
async function settle(
  told: readonly Told[],
  { storm, cluster, done }: { storm: Storm; cluster: TestCluster; done: readonly DoneRequest[] },
): Promise<void> {
  const { calmMs = 1_200_000 } = storm;
  for (let spentMs = 0; ; spentMs += 10_000) {
    const ends = await Promise.all(told.map(({ story, stage }) => story.end(stage)));
    const isLast = spentMs >= calmMs;
    if (isLast)
      for (const [place, [got, wanted]] of ends.entries()) expect(got, told[place]!.story.name).toEqual(wanted);
    if (ends.every(([got, wanted]) => sameText(got, wanted))) {
      const before = done.length;
      await cluster.advance(60_000);
      const writes = done.slice(before).filter(({ request }) => !isBackground(request.path));
      if (writes.length === 0) return;
      if (isLast)
        expect(writes.map(({ client, request }) => `${client} ${request.method} ${request.path}`)).toEqual([]);
    }
    await cluster.advance(10_000);
  }
}

function sameText(a: unknown, b: unknown): boolean {
  try {
    expect(a).toEqual(b);
    return true;
  } catch {
    return false;
  }
}

/** Written from time to time though nothing changes. */
function isBackground(path: string): boolean {
  return path.includes('/events') || path.includes('/leases');
}
