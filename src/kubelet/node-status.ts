/** Registers the node and keeps its status true: at once when something changes, every five minutes otherwise. */
import nodes from '#api/core/node.js';
import type { Node, NodeCondition, NodeStatus, Taint } from '#api/gen/core-v1.js';
import { isReason } from '#apimachinery/errors.js';
import { isNewer } from '#apimachinery/object.js';
import type { Clock } from '#base/clock.js';
import { equal } from '#base/json.js';
import type { Log } from '#base/log.js';
import type { Client } from '#client/client.js';
import { declaredFeatures } from './declared-features.js';
import type { Condition } from './eviction/thresholds.js';
import { textOf } from './kubelet-error.js';
import { type ConditionsInput, conditionEvents, nodeConditions } from './node-conditions.js';
import type { NodeAmounts, NodeFacts } from './node-facts.js';
import type { EventSink } from './pod-events.js';
import type { Runtime } from './runtime/runtime.js';

/** How often the status is computed; it is written only when it changed, or when the last report is old. */
export const statusCheckMs = 10_000;
const reportMs = 300_000;
/** How often a runtime that is not ready is asked again. */
const notReadyCheckMs = 250;
const retryMs = 500;
const imagesMax = 50;
/** Volumes are attached by a controller, and not by us. */
const annotations = { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' };

export interface NodeStatusOptions {
  client: Client;
  runtime: Runtime;
  clock: Clock;
  log: Log;
  events: EventSink;
  nodeName: string;
  /** The first is the node's own. */
  addresses: readonly string[];
  facts: NodeFacts;
  amounts: NodeAmounts;
  pressure: () => readonly Condition[];
  labels: Record<string, string>;
  taints: readonly Taint[];
  /** `v1.36.0+t8s.0.1.0` */
  version: string;
  /** Of the kubelet's own server; 0: there is none. */
  port: number;
  /** The node as a watch last showed it. */
  seen: () => Node | undefined;
}

export class NodeReporter {
  readonly #options: NodeStatusOptions;
  #node?: Node;
  #reportedAtMs = Number.NEGATIVE_INFINITY;
  #announced: readonly NodeCondition[] = [];

  constructor(options: NodeStatusOptions) {
    this.#options = options;
  }

  /** As the API last showed it, whether in a watch or in the answer to a write. */
  get node(): Node | undefined {
    const seen = this.#options.seen();
    if (!seen || !this.#node) return seen ?? this.#node;
    return isNewer(this.#node, seen) ? this.#node : seen;
  }

  /** Registers, then reports until the signal aborts. `registered` is called once, before the first report. */
  async run(signal: AbortSignal, registered: () => void): Promise<void> {
    const { clock, log } = this.#options;
    await this.#untilDone(signal, async () => {
      this.#node = await this.#register();
      registered();
    });
    while (!signal.aborted) {
      let isReady = false;
      let delayMs = statusCheckMs;
      try {
        isReady = await this.#report();
        if (!isReady) delayMs = notReadyCheckMs;
      } catch (err) {
        if (!signal.aborted) log.warn('node status could not be written', { err });
        delayMs = retryMs;
        if (isReason(err, 'NotFound'))
          await this.#untilDone(signal, async () => void (this.#node = await this.#register()));
      }
      await clock.sleep(delayMs, signal).catch(() => {});
    }
  }

  async #untilDone(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    const { clock, log } = this.#options;
    while (!signal.aborted) {
      try {
        await work();
        return;
      } catch (err) {
        log.warn('node could not be registered', { err });
        await clock.sleep(retryMs, signal).catch(() => {});
      }
    }
  }

  async #register(): Promise<Node> {
    const { client, nodeName, taints } = this.#options;
    const source = client.of(nodes);
    const labels = this.#labels();
    try {
      const metadata = { name: nodeName, labels, annotations };
      return await source.create({
        apiVersion: 'v1',
        kind: 'Node',
        metadata,
        spec: taints.length > 0 ? { taints: [...taints] } : {},
        // Whoever binds a pod to the node at once must find its size.
        status: await this.#status(),
      });
    } catch (error) {
      if (!isReason(error, 'AlreadyExists')) throw error;
    }
    const node = await source.get(nodeName);
    const lacks = (has: Record<string, string> = {}, wanted: Record<string, string>) =>
      Object.entries(wanted).some(([key, value]) => has[key] !== value);
    const isStale = lacks(node.metadata.labels, labels) || lacks(node.metadata.annotations, annotations);
    return isStale ? await source.patch(nodeName, { metadata: { labels, annotations } }, { type: 'strategic' }) : node;
  }

  #labels(): Record<string, string> {
    const { nodeName, facts, labels } = this.#options;
    const { operatingSystem, architecture } = facts.info;
    return {
      'beta.kubernetes.io/arch': architecture,
      'beta.kubernetes.io/os': operatingSystem,
      'kubernetes.io/arch': architecture,
      'kubernetes.io/hostname': nodeName,
      'kubernetes.io/os': operatingSystem,
      ...labels,
    };
  }

  /** Gives whether the node is ready. */
  async #report(): Promise<boolean> {
    const { client, clock, nodeName, events } = this.#options;
    const status = await this.#status();
    const isReady = status.conditions!.find(({ type }) => type === 'Ready')!.status === 'True';
    const before = this.node?.status ?? {};
    const isDue = clock.now() - this.#reportedAtMs >= reportMs;
    if (!isDue && equal(withoutHeartbeat(before, status), withoutHeartbeat(status, status))) return isReady;
    const body = { status: { ...status, allocatable: withoutStale(before.allocatable, status.allocatable) } };
    this.#node = await client.of(nodes).patch(nodeName, body, { type: 'strategic', subresource: 'status' });
    this.#reportedAtMs = clock.now();
    for (const reason of conditionEvents(this.#announced, status.conditions!)) {
      const about = { kind: 'Node', name: nodeName, uid: nodeName, apiVersion: 'v1' };
      events.event(about, { type: 'Normal', reason, message: `Node ${nodeName} status is now: ${reason}` });
    }
    this.#announced = status.conditions!;
    return isReady;
  }

  async #status(): Promise<NodeStatus> {
    const { clock, nodeName, addresses, facts, version, port } = this.#options;
    const [runtime, images] = await Promise.all([this.#runtimeStatus(), this.#images()]);
    const pressure = this.#options.pressure();
    const { conditions: before = [], capacity = {} } = this.node?.status ?? {};
    return {
      ...withExtended(this.#options.amounts, capacity),
      conditions: nodeConditions({ pressure, runtime, before, nowMs: clock.now() }),
      addresses: [
        ...addresses.map((address) => ({ type: 'InternalIP', address })),
        { type: 'Hostname', address: nodeName },
      ],
      ...(port > 0 && { daemonEndpoints: { kubeletEndpoint: { Port: port } } }),
      nodeInfo: {
        ...facts.info,
        containerRuntimeVersion: 'error' in runtime ? 'unknown' : runtime.versionText,
        kubeletVersion: version,
        kubeProxyVersion: version,
      },
      images,
      declaredFeatures,
    };
  }

  async #runtimeStatus(): Promise<ConditionsInput['runtime']> {
    try {
      return await this.#options.runtime.status();
    } catch (error) {
      return { error: textOf(error) };
    }
  }

  /** The largest first, as many as a node may show; the scheduler prefers nodes that have an image. */
  async #images(): Promise<NodeStatus['images']> {
    try {
      const list = await this.#options.runtime.images();
      list.sort((a, b) => b.sizeBytes - a.sizeBytes || (a.id < b.id ? -1 : 1));
      return list
        .slice(0, imagesMax)
        .map(({ digests, tags, sizeBytes }) => ({ names: [...digests, ...tags], sizeBytes }));
    } catch (error) {
      // The Ready condition tells already that the runtime does not answer.
      this.#options.log.debug('images could not be listed', { err: error });
      return this.node?.status?.images;
    }
  }
}

type Amounts = Record<string, string>;

/** What others say that the node has besides, it has all for pods. */
function withExtended({ capacity, allocatable }: { capacity: Amounts; allocatable: Amounts }, said: Amounts) {
  const extended = Object.fromEntries(Object.entries(said).filter(([name]) => !(name in capacity)));
  return { capacity: { ...capacity, ...extended }, allocatable: { ...allocatable, ...extended } };
}

/** A patch keeps what it does not name; null takes away what the node no longer has. */
function withoutStale(before: Amounts = {}, now: Amounts = {}): Record<string, string | null> {
  const stale = Object.keys(before).filter((name) => !(name in now));
  return { ...Object.fromEntries(stale.map((name) => [name, null])), ...now };
}

/** The fields that `shape` has, without what changes with every look at the clock. */
function withoutHeartbeat(status: NodeStatus, shape: NodeStatus): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const key of Object.keys(shape) as (keyof NodeStatus)[]) out[key] = status[key];
  const ours = new Set(shape.conditions?.map(({ type }) => type));
  out.conditions = (status.conditions ?? [])
    .filter(({ type }) => ours.has(type))
    .map(({ type, status: value, reason, message }) => ({ type, value, reason, message }));
  if (!(status.images ?? []).length) delete out.images;
  return out;
}
