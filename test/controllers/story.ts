/**
 * Runs a scenario file: commands to a cluster of simulated nodes, and after each what a client that watches then sees. A
 * file is its own golden file: `vitest -u` writes the answers anew, and the difference is read.
 *
 * A command is one line, with input below it where it takes some; `----` divides it from its answer, an empty line ends it.
 * Time passes in `wait` alone. For each second that something changed in, the narrative has the last state of each object;
 * random ends of names are left out, so that pods that fare alike stand in one line.
 */
import { parseAllDocuments } from 'yaml';
import builtins from '#api/index.gen.js';
import type { AnyResource } from '#api/resource.js';
import type { KubeObject } from '#apimachinery/object.js';
import { VirtualClock } from '#base/clock.js';
import type { Client } from '#client/client.js';
import { startTestCluster, type TestCluster } from '#testing/index.js';
import { stateOf, told } from './story-states.js';

interface Step {
  command: string;
  input: string;
}

const namespace = 'default';
const stepMs = 100;

export function parseStory(text: string): { about: string; steps: Step[] } {
  const [about = '', ...blocks] = text.trim().split(/\n\n+/);
  const steps = blocks.map((block) => {
    const [command = '', ...input] = block.split(/\n?----(?:\n|$)/)[0]!.split('\n');
    return { command, input: input.join('\n') };
  });
  return { about, steps };
}

/** The file's text with the answers of now. Throws Error for a command that there is none of. */
export async function playStory(text: string): Promise<string> {
  const { about, steps } = parseStory(text);
  const [, nodes = '2'] = /(\d+) nodes?\b/.exec(about) ?? [];
  const cluster = await startTestCluster({ clock: new VirtualClock(), nodes: Number(nodes) });
  const stop = new AbortController();
  try {
    const narrative = new Narrative(cluster);
    await narrative.follow(stop.signal);
    const played: string[] = [about];
    for (const { command, input } of steps) {
      const answer = await run(command, { input, cluster, narrative });
      played.push([command, ...(input ? [input] : []), '----', ...answer].join('\n'));
    }
    if (cluster.errors.length > 0) throw new Error(`components told of errors: ${JSON.stringify(cluster.errors)}`);
    return `${played.join('\n\n')}\n`;
  } finally {
    stop.abort();
    await cluster.stop();
  }
}

interface Stage {
  input: string;
  cluster: TestCluster;
  narrative: Narrative;
}

async function run(command: string, { input, cluster, narrative }: Stage): Promise<string[]> {
  const [verb, target = '', ...rest] = command.split(' ');
  const client = cluster.client();
  switch (verb) {
    case 'apply':
      return apply(client, input);
    case 'delete':
      return onObject(client, target, (of, name) => of.delete(name, { namespace, propagationPolicy: 'Background' }));
    case 'patch': {
      const body = JSON.parse(rest.join(' '));
      return onObject(client, target, (of, name) => of.patch(name, body, { type: 'merge', namespace }));
    }
    case 'cut':
      await cluster.cutNode(target);
      return [`${target} is silent`];
    case 'wait':
      return narrative.tell(Number(target.replace(/s$/, '')));
    default:
      throw new Error(`a story has no command ${verb}`);
  }
}

async function apply(client: Client, text: string): Promise<string[]> {
  const answers: string[] = [];
  for (const document of parseAllDocuments(text)) {
    const object = document.toJS() as KubeObject;
    const resource = builtins.find(({ kind, group, versions }) => {
      const [version, of = ''] = object.apiVersion.split('/').reverse() as [string, string?];
      return kind === object.kind && group === of && versions.includes(version);
    });
    const name = object.metadata.name!;
    const of = client.of(resource as AnyResource);
    const scope = resource!.namespaced ? { namespace } : {};
    await of.patch(name, object, { type: 'apply', fieldManager: 'story', force: true, ...scope });
    answers.push(`${object.kind} ${name} applied`);
  }
  return answers;
}

async function onObject(
  client: Client,
  target: string,
  act: (of: ReturnType<Client['of']>, name: string) => Promise<unknown>,
): Promise<string[]> {
  const [kind, name = ''] = target.split('/');
  const resource = told.find((one) => one.kind === kind);
  if (!resource) throw new Error(`a story has no ${kind}`);
  await act(client.of(resource as AnyResource), name);
  return [`${kind} ${name} changed`];
}

class Narrative {
  readonly #cluster: TestCluster;
  /** By kind and name, as told last, and what it is by now. */
  readonly #told = new Map<string, string>();
  readonly #now = new Map<string, string>();
  readonly #beganMs: number;

  constructor(cluster: TestCluster) {
    this.#cluster = cluster;
    this.#beganMs = cluster.clock.now();
  }

  async follow(signal: AbortSignal): Promise<void> {
    for (const resource of told) void this.#watch(resource as AnyResource, signal);
    await this.#cluster.advance(0);
    this.#told.clear();
    for (const [key, state] of this.#now) this.#told.set(key, state);
  }

  async #watch(resource: AnyResource, signal: AbortSignal): Promise<void> {
    const scope = resource.namespaced ? { namespace } : {};
    try {
      for await (const { type, object } of this.#cluster
        .client()
        .of(resource)
        .watch({ ...scope, signal })) {
        const state = type === 'DELETED' ? 'gone' : stateOf(resource.kind, object);
        if (state !== undefined) this.#now.set(`${resource.kind} ${object.metadata.name}`, state);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** Lets time pass, and gives a line for all that changed in the same second to the same. */
  async tell(seconds: number): Promise<string[]> {
    const lines: string[] = [];
    for (let second = 0; second < seconds; second++) {
      for (let ms = 0; ms < 1000; ms += stepMs) await this.#cluster.advance(stepMs);
      lines.push(...this.#changes());
    }
    return lines.length > 0 ? lines : ['nothing changes'];
  }

  #changes(): string[] {
    const counts = new Map<string, number>();
    for (const [key, state] of this.#now) {
      if (this.#told.get(key) === state) continue;
      this.#told.set(key, state);
      // The name of an event says nothing.
      const line = masked(key.startsWith('Event ') ? state : `${key}: ${state}`);
      counts.set(line, (counts.get(line) ?? 0) + 1);
    }
    const atSecond = Math.round((this.#cluster.clock.now() - this.#beganMs) / 1000);
    return [...counts]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([line, count]) => `${`${atSecond}s`.padStart(5)}  ${line}${count > 1 ? `  (${count} of them)` : ''}`);
  }
}

/** The letters that Kubernetes ends generated names with. */
function masked(text: string): string {
  return text.replaceAll(/-[bcdfghjklmnpqrstvwxz2456789]{5}(?![a-z0-9-])/g, '-*');
}
