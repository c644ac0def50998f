/**
 * `npm run bench [-- suite ...] [--runs N] [--runtime simulated|containerd] [--scale S] [--only word]
 * [--profile directory]`: measures what the project promises; prints a table and writes JSON below `bench/results/`.
 * Suites: start, pods, idle, api, rules, scheduler, scale, stalls; all of them when none is named. `--scale 0.1` makes
 * what the scheduler and scale do a tenth as large, `--only` chooses some of them, or of the hostile requests, `--profile` leaves a
 * V8 profile of each.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { thisMachine } from '#cluster/machine/this-machine.js';
import { buildCommand } from '../test/cluster-process.js';
import prepareRealTests from '../test/real-setup.js';
import { obstacle } from '../test/runtime/node.js';
import { asJson, type Figure, machine, table } from './figures.js';
import type { Settings } from './settings.js';
import { api } from './suites/api.js';
import { idle } from './suites/idle.js';
import { pods } from './suites/pods.js';
import { rules } from './suites/rules.js';
import { scale } from './suites/scale.js';
import { scheduler } from './suites/scheduler.js';
import { stalls } from './suites/stalls.js';
import { start } from './suites/start.js';

const suites: Record<string, (settings: Settings) => Promise<Figure[]>> = {
  start,
  pods,
  idle,
  api,
  rules,
  scheduler,
  scale,
  stalls,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string', default: '7' },
    runtime: { type: 'string', multiple: true },
    scale: { type: 'string', default: '1' },
    only: { type: 'string' },
    profile: { type: 'string' },
  },
});
const unknown = positionals.find((name) => !(name in suites));
if (unknown) throw new Error(`there is no suite ${unknown}: ${Object.keys(suites).join(', ')}`);
const { linux, root } = thisMachine();
// Only these run in this process.
const inProcess = ['scheduler', 'scale'];
if (positionals.length === 0 || positionals.some((name) => !inProcess.includes(name))) {
  // What the tests on real containers need, the measurements of them need too.
  await (linux && root ? prepareRealTests() : buildCommand());
}
const why = obstacle();
if (why) process.stdout.write(`without containers: ${why}\n`);
const possible = (['simulated', 'containerd'] as const).filter((name) => name === 'simulated' || !why);
const settings: Settings = {
  runs: Number(values.runs),
  runtimes: possible.filter((name) => !values.runtime || values.runtime.includes(name)),
  scale: Number(values.scale),
  only: values.only,
  profile: values.profile,
};

const before = machine();
process.stdout.write(`${JSON.stringify(before)}\n`);
const figures: Figure[] = [];
for (const name of positionals.length > 0 ? positionals : Object.keys(suites)) {
  figures.push(...(await suites[name]!(settings)));
}
process.stdout.write(`\n${table(figures)}`);
const results = path.join(import.meta.dirname, 'results');
await mkdir(results, { recursive: true });
const when = new Date();
const file = path.join(results, `${when.toISOString().replaceAll(':', '-')}.json`);
const summary = { when, machine: before, machineAfter: machine(), figures: asJson(figures) };
await writeFile(file, `${JSON.stringify(summary, undefined, 2)}\n`);
process.stdout.write(`\n${path.relative(process.cwd(), file)}\n`);
