/** A whole kubelet for tests: on a virtual clock, with the simulated runtime and a scripted API. */
import type { Container, Node, Pod } from '#api/gen/core-v1.js';
import { notFound } from '#apimachinery/errors.js';
import { formatTime } from '#apimachinery/object.js';
import { VirtualClock } from '#base/clock.js';
import { copy } from '#base/json.js';
import { silentLog } from '#base/log.js';
import { SeededPrng } from '#base/prng.js';
import { Client } from '#client/client.js';
import type { ApiRequest, ApiResponse, Transport, WatchEvent } from '#client/transport.js';
import { Kubelet, type KubeletOptions } from './kubelet.js';
import { simulatedFacts } from './node-facts.js';
import { SimulatedRuntime, type SimulatedRuntimeOptions } from './runtime/simulated.js';

/** Holds pods and answers what a kubelet asks; everything else does not exist. */
class ScriptedApi implements Transport {
  readonly pods = new Map<string, Pod>();
  readonly requests: ApiRequest[] = [];
  nodes: Node[] = [];
  readonly #clock: VirtualClock;
  readonly #watchers = new Set<(event: WatchEvent<Pod>) => void>();
  #revision = 1;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  put(pod: Pod): Pod {
    const stored = copy(pod);
    stored.metadata.resourceVersion = String(++this.#revision);
    const type = this.pods.has(stored.metadata.name!) ? 'MODIFIED' : 'ADDED';
    this.pods.set(stored.metadata.name!, stored);
    for (const tell of this.#watchers) tell({ type, object: stored });
    return stored;
  }

  /** As a user's `kubectl delete`. */
  markDeleted(name: string, seconds: number): void {
    const pod = copy(this.pods.get(name)!);
    pod.metadata.deletionTimestamp = formatTime(this.#clock.now() + seconds * 1000);
    pod.metadata.deletionGracePeriodSeconds = seconds;
    this.put(pod);
  }

  status(name: string) {
    return this.pods.get(name)?.status;
  }

  async request(request: ApiRequest): Promise<ApiResponse> {
    this.requests.push(request);
    const { method, path } = request;
    if (method === 'GET' && /\/(pods|services|configmaps|secrets|nodes)$/.test(path)) {
      const items = path.endsWith('/pods') ? [...this.pods.values()] : path.endsWith('/nodes') ? this.nodes : [];
      return { status: 200, body: { metadata: { resourceVersion: String(this.#revision) }, items } };
    }
    if (method === 'POST' && path.endsWith('/nodes')) {
      const node = request.body as Node;
      this.nodes = [{ ...node, metadata: { ...node.metadata, uid: 'uid-of-node' } }];
    }
    if (method === 'POST' && path.endsWith('/pods'))
      return { status: 201, body: this.put(this.#created(request.body as Pod)) };
    if (method === 'POST') return { status: 201, body: path.endsWith('/nodes') ? this.nodes[0] : request.body };
    const [, , resource = '', name = ''] = /\/(namespaces\/[^/]+\/)?([^/]+)\/([^/]+)(\/status)?$/.exec(
      path.replace(/\/status$/, ''),
    )!;
    if (resource === 'nodes') return { status: 200, body: { ...this.nodes[0], ...(request.body as object) } };
    const pod = this.pods.get(name);
    if (resource !== 'pods' || !pod) throw notFound({ group: '', resource, name });
    if (method === 'PATCH') return { status: 200, body: this.#patch(pod, request.body as { status: PatchedStatus }) };
    this.pods.delete(name);
    for (const tell of this.#watchers) tell({ type: 'DELETED', object: pod });
    return { status: 200, body: pod };
  }

  async *watch({ path, signal }: ApiRequest): AsyncIterable<WatchEvent> {
    const queue: WatchEvent<Pod>[] = [];
    let wake = () => {};
    const tell = (event: WatchEvent<Pod>) => {
      queue.push(event);
      wake();
    };
    if (path.endsWith('/pods')) this.#watchers.add(tell);
    signal?.addEventListener('abort', () => wake());
    while (!signal?.aborted) {
      for (let event = queue.shift(); event; event = queue.shift()) yield event;
      await new Promise<void>((resolve) => (wake = resolve));
    }
    this.#watchers.delete(tell);
  }

  #created({ metadata, ...rest }: Pod): Pod {
    return { ...rest, metadata: { ...metadata, uid: `uid-${++this.#revision}` }, status: { phase: 'Pending' } };
  }

  #patch(pod: Pod, { status }: { status: PatchedStatus }): Pod {
    const next = copy(pod);
    const { conditions = [], ...rest } = status;
    const types = new Set(conditions.map(({ type }) => type));
    const kept = (pod.status?.conditions ?? []).filter(({ type }) => !types.has(type));
    const set = conditions.filter((one) => !('$patch' in one));
    const withoutNulls = set.map((one) => Object.fromEntries(Object.entries(one).filter(([, v]) => v !== null)));
    next.status = { ...pod.status, ...rest, conditions: [...kept, ...(withoutNulls as typeof conditions)] };
    return this.put(next);
  }
}

type PatchedStatus = NonNullable<Pod['status']>;

export function makePod(name: string, spec: Partial<Pod['spec']> & { containers: Container[] }): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', uid: `uid-${name}`, generation: 1 },
    spec: { restartPolicy: 'Always', nodeName: 'n1', terminationGracePeriodSeconds: 30, ...spec },
    status: { phase: 'Pending' },
  };
}

export const main: Container = { name: 'main', image: 'busybox' };

interface Setup {
  runtime?: Partial<SimulatedRuntimeOptions>;
  kubelet?: Partial<KubeletOptions>;
}

export async function setUp({ runtime: runtimeOptions, kubelet: kubeletOptions }: Setup = {}) {
  const clock = new VirtualClock();
  const prng = new SeededPrng(1);
  const api = new ScriptedApi(clock);
  let address = 1;
  const runtime = new SimulatedRuntime({
    clock,
    prng,
    allocateAddress: () => `10.0.0.${address++}`,
    ...runtimeOptions,
  });
  const events: string[] = [];
  const options: KubeletOptions = {
    client: new Client(api),
    runtime,
    nodeName: 'n1',
    clock,
    prng,
    log: silentLog,
    events: { event: (_about, { reason, message }) => void events.push(`${reason}: ${message}`) },
    mode: 'simulated',
    addresses: ['192.0.2.1'],
    cluster: { servers: ['10.96.0.10'], domain: 'cluster.local' },
    version: 'v1.36.0+t8s.test',
    facts: simulatedFacts('n1'),
    ...kubeletOptions,
  };
  const kubelet = new Kubelet(options);
  await started(kubelet, clock);
  return { clock, api, runtime, kubelet, events, options };
}

export async function started(kubelet: Kubelet, clock: VirtualClock): Promise<void> {
  const start = kubelet.start();
  await clock.advance(1);
  await start;
  await clock.advance(1);
}
