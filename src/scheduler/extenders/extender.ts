/**
 * One HTTP extender: a server that the scheduler asks about nodes, in upstream's format of messages.
 * https://github.com/kubernetes/design-proposals-archive/blob/main/scheduling/scheduler_extender.md
 */
import type { Pod } from '#api/gen/core-v1.js';
import type { Clock } from '#base/clock.js';
import { Remote, RemoteError } from '#base/remote.js';
import { describeFailure } from '#base/remote-failure.js';
import type { Screening } from '../cycle.js';
import type { RejectedNode } from '../filtering.js';
import { extenderName, SchedulerError } from '../framework.js';
import type { NodeInfo } from '../node-info.js';
import type { Candidate } from '../node-memo.js';
import type { ExtenderSettings } from './settings.js';

const answerBytesMax = 64 * 2 ** 20;

export class Extender {
  readonly settings: ExtenderSettings;
  readonly #remote: Remote;

  constructor(settings: ExtenderSettings, { clock }: { clock: Clock }) {
    this.settings = settings;
    const { url, tls } = settings;
    this.#remote = new Remote({ url, clock, userAgent: 'kube-scheduler', ...tls });
  }

  /** Extenders of certain resources are asked only about pods that want one of them. */
  isInterested({ spec }: Pod): boolean {
    const { managedResources } = this.settings;
    if (managedResources.size === 0) return true;
    return [...spec.containers, ...(spec.initContainers ?? [])].some(({ resources }) =>
      [resources?.requests, resources?.limits].some((list) =>
        Object.keys(list ?? {}).some((name) => managedResources.has(name)),
      ),
    );
  }

  /** Throws SchedulerError. */
  async filter(pod: Pod, nodes: readonly NodeInfo[]): Promise<Screening> {
    const { verbs, url, nodeCacheCapable } = this.settings;
    const answer = await this.#send(verbs.filter!, { Pod: pod, ...this.#nodesOf(nodes) });
    const problem = textOf(answer, 'Error');
    if (problem) throw new SchedulerError(problem);
    const byName = new Map(nodes.map((node) => [node.name, node]));
    const isNamed = nodeCacheCapable && fieldOf(answer, 'NodeNames') !== undefined;
    const kept = (isNamed ? listOf(answer, 'NodeNames').map(String) : namesIn(fieldOf(answer, 'Nodes'))).map((name) => {
      const node = byName.get(name);
      if (node) return node;
      const claimed = `claims a filtered node ${JSON.stringify(name)} which is not found in the input node list`;
      throw new SchedulerError(`extender ${JSON.stringify(url)} ${claimed}`);
    });
    return { nodes: kept, rejected: [...rejectedIn(answer, byName).values()] };
  }

  /** The score of each node by its name, weighed. Throws SchedulerError. */
  async prioritize(pod: Pod, nodes: readonly NodeInfo[]): Promise<Map<string, number>> {
    const { verbs, weight } = this.settings;
    const answer = await this.#send(verbs.prioritize!, { Pod: pod, ...this.#nodesOf(nodes) });
    const scores = new Map<string, number>();
    for (const one of listOf({ scores: answer }, 'scores'))
      scores.set(textOf(one, 'Host'), numberOf(one, 'Score') * weight);
    return scores;
  }

  /** Those nodes and victims that the extender agrees with. Throws SchedulerError. */
  async preempt(pod: Pod, candidates: readonly Candidate[]): Promise<Candidate[]> {
    const { verbs, nodeCacheCapable, ignorable } = this.settings;
    const victimsBy = (show: (victim: Pod) => unknown) =>
      Object.fromEntries(
        candidates.map(({ node, victims, violations }) => [
          node.name,
          { Pods: victims.map(show), NumPDBViolations: violations },
        ]),
      );
    const answer = await this.#send(verbs.preempt!, {
      Pod: pod,
      NodeNameToVictims: nodeCacheCapable ? null : victimsBy((victim) => victim),
      NodeNameToMetaVictims: nodeCacheCapable ? victimsBy(({ metadata }) => ({ UID: metadata.uid })) : null,
    });
    const left = entriesOf(answer, 'NodeNameToMetaVictims');
    return left.flatMap(([nodeName, told]) => {
      const candidate = candidates.find(({ node }) => node.name === nodeName);
      if (!candidate) throw new SchedulerError(`nodeinfo not found for node name ${JSON.stringify(nodeName)}`);
      const victims = listOf(told, 'Pods').map((one) => this.#victim(textOf(one, 'UID'), candidate));
      if (victims.length === 0 && ignorable) return [];
      if (victims.length === 0)
        throw new SchedulerError(`expected at least one victim pod on node ${JSON.stringify(nodeName)}`);
      return { node: candidate.node, victims, violations: numberOf(told, 'NumPDBViolations') };
    });
  }

  /** Throws SchedulerError. */
  async bind({ metadata }: Pod, nodeName: string): Promise<void> {
    const { name, namespace, uid } = metadata;
    const args = { PodName: name, PodNamespace: namespace, PodUID: uid, Node: nodeName };
    const problem = textOf(await this.#send(this.settings.verbs.bind!, args), 'Error');
    if (problem) throw new SchedulerError(problem);
  }

  close(): void {
    this.#remote.close();
  }

  #victim(uid: string, { node }: Candidate): Pod {
    const pod = node.pods.find(({ metadata }) => metadata.uid === uid);
    if (pod) return pod;
    const claimed = `claims to preempt pod (UID: ${uid}) on node: ${node.name}, but the pod is not found on that node`;
    throw new SchedulerError(`extender: ${this.settings.url} ${claimed}`);
  }

  /** One that keeps its own copy of nodes needs their names only. */
  #nodesOf(nodes: readonly NodeInfo[]): { Nodes: unknown; NodeNames: string[] | null } {
    if (this.settings.nodeCacheCapable) return { Nodes: null, NodeNames: nodes.map(({ name }) => name) };
    return { Nodes: { metadata: {}, items: nodes.map(({ node }) => node) }, NodeNames: null };
  }

  async #send(verb: string, body: object): Promise<unknown> {
    const { url, timeoutMs, tls } = this.settings;
    const path = `/${verb}`;
    const fail = (why: string) => new SchedulerError(`Post ${JSON.stringify(url + path)}: ${why}`);
    try {
      const { status, text } = await this.#remote.request({
        method: 'POST',
        path,
        body,
        timeoutMs,
        bytesMax: answerBytesMax,
      });
      if (status !== 200) throw new SchedulerError(`failed ${verb} with extender at URL ${url}${path}, code ${status}`);
      return JSON.parse(text);
    } catch (error) {
      if (error instanceof RemoteError) throw fail(describeFailure(error, tls));
      if (error instanceof SyntaxError) throw fail(`the answer is no JSON: ${error.message}`);
      throw error;
    }
  }
}

/** The messages are read as Go reads them: upper and lower case are the same. */
function fieldOf(object: unknown, field: string): unknown {
  if (typeof object !== 'object' || object === null) return undefined;
  const name = field.toLowerCase();
  const found = Object.entries(object).find(([key]) => key.toLowerCase() === name)?.[1];
  return found ?? undefined;
}

/** Where a node stands in both lists, nothing helps. */
function rejectedIn(answer: unknown, nodes: ReadonlyMap<string, NodeInfo>): Map<string, RejectedNode> {
  const rejected = new Map<string, RejectedNode>();
  for (const [field, unresolvable] of [
    ['FailedNodes', false],
    ['FailedAndUnresolvableNodes', true],
  ] as const) {
    for (const [name, reason] of entriesOf(answer, field)) {
      const node = nodes.get(name);
      const rejection = { reasons: [String(reason)], unresolvable, plugin: extenderName };
      if (node) rejected.set(name, { node, rejection });
    }
  }
  return rejected;
}

function malformed(field: string): SchedulerError {
  return new SchedulerError(`the extender's answer has no such ${field} as it should have`);
}

/** Absent and null are empty, as Go has it. */
function listOf(object: unknown, field: string): unknown[] {
  const value = fieldOf(object, field) ?? [];
  if (!Array.isArray(value)) throw malformed(field);
  return value;
}

function entriesOf(object: unknown, field: string): [string, unknown][] {
  const value = fieldOf(object, field) ?? {};
  if (typeof value !== 'object' || Array.isArray(value)) throw malformed(field);
  return Object.entries(value);
}

function numberOf(object: unknown, field: string): number {
  const value = fieldOf(object, field) ?? 0;
  if (typeof value !== 'number') throw malformed(field);
  return value;
}

function textOf(object: unknown, field: string): string {
  const value = fieldOf(object, field);
  return typeof value === 'string' ? value : '';
}

function namesIn(list: unknown): string[] {
  return listOf(list, 'items').map((node) => textOf(fieldOf(node, 'metadata'), 'name'));
}
