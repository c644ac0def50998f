/** Extenders: servers that say which nodes will do, which are better, who must go, and that bind. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import events from '#api/core/event.js';
import nodes from '#api/core/node.js';
import pods from '#api/core/pod/index.js';
import type { Pod } from '#api/gen/core-v1.js';
import type { Extender } from '#api/gen/kubescheduler-v1.js';
import priorityClasses from '#api/scheduling/priorityclass.js';
import { SystemClock, startTestCluster, type TestCluster } from '#testing/index.js';

let cluster: TestCluster | undefined;
let server: Server | undefined;
afterEach(async () => {
  await cluster?.stop();
  await new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
  server?.closeAllConnections();
  cluster = undefined;
  server = undefined;
});

/** What the scheduler sends, of which each test reads what it is about. */
// biome-ignore lint/suspicious/noExplicitAny: messages of several forms
type Answer = (body: any) => unknown;

const namespace = 'default';
const asked: { verb: string; body: Record<string, unknown> }[] = [];

/** Answers by verb; one that answers nothing is a failure of the server. */
async function start(answers: Record<string, Answer>, settings: Partial<Extender>): Promise<void> {
  asked.length = 0;
  server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => {
      text += chunk;
    });
    request.on('end', () => {
      const verb = request.url!.replace(/^\/ext\//, '');
      const body = JSON.parse(text);
      asked.push({ verb, body });
      const answer = answers[verb]?.(body);
      response.statusCode = answer === undefined ? 500 : 200;
      response.end(JSON.stringify(answer ?? {}));
    });
  });
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  const urlPrefix = `http://127.0.0.1:${(server.address() as AddressInfo).port}/ext/`;
  cluster = await startTestCluster({
    clock: new SystemClock(),
    nodes: [{ name: 'a' }, { name: 'b' }],
    scheduler: { configuration: { extenders: [{ urlPrefix, ...settings }] } },
  });
  // In real time the taint of a node that is not ready goes a moment after it has become ready.
  await cluster.until(async () => {
    const { items } = await cluster!.client().of(nodes).list();
    return items.every(({ spec }) => !spec.taints?.length);
  });
}

async function addPod(name: string, spec: Partial<Pod['spec']> = {}): Promise<void> {
  const containers = [{ name: 'c', image: 'i', resources: {} }];
  const body = { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace }, spec: { containers, ...spec } };
  await cluster!.client().of(pods).create(body);
}

const pod = (name: string) => cluster!.client().of(pods).get(name, { namespace });
const nodeOf = async (name: string) => {
  await cluster!.until(async () => (await pod(name)).spec.nodeName !== undefined, { stepMs: 20 });
  return (await pod(name)).spec.nodeName;
};
async function failure(): Promise<string> {
  let told: string | undefined;
  await cluster!.until(
    async () => {
      const { items } = await cluster!.client().of(events).list({ namespace });
      told = items.find(({ reason }) => reason === 'FailedScheduling')?.message;
      return told !== undefined;
    },
    { stepMs: 20 },
  );
  return told!;
}
const bodyOf = (verb: string) => asked.find((one) => one.verb === verb)?.body;

test('an extender with its own copy of nodes is asked by names, and the best of its scores wins', async () => {
  await start(
    {
      filter: () => ({ nodenames: ['a', 'b'], failedNodes: {} }),
      prioritize: () => [
        { Host: 'a', Score: 1 },
        { Host: 'b', Score: 10 },
      ],
    },
    { filterVerb: 'filter', prioritizeVerb: 'prioritize', weight: 5, nodeCacheCapable: true },
  );
  await addPod('p');
  expect(await nodeOf('p')).toBe('b');
  expect(bodyOf('filter')).toMatchObject({ Pod: { metadata: { name: 'p' } }, Nodes: null });
  expect((bodyOf('filter') as { NodeNames: string[] }).NodeNames.sort()).toEqual(['a', 'b']);
});

test('what it says against nodes is told, in its words', async () => {
  const failed = { FailedNodes: { a: 'too far' }, FailedAndUnresolvableNodes: { b: 'too hot' } };
  await start({ filter: () => ({ Nodes: { items: [] }, ...failed }) }, { filterVerb: 'filter' });
  await addPod('p');
  expect(await failure()).toBe(
    '0/2 nodes are available: 1 too far, 1 too hot. no new claims to deallocate, preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling.',
  );
  const { Nodes } = bodyOf('filter') as { Nodes: { items: { metadata: { name: string } }[] } };
  expect(Nodes.items.map(({ metadata }) => metadata.name).sort()).toEqual(['a', 'b']);
});

test('one that fails holds pods up, unless it is ignorable', async () => {
  await start({}, { filterVerb: 'filter' });
  await addPod('p');
  expect(await failure()).toMatch(/^failed filter with extender at URL http:\/\/127.0.0.1:\d+\/ext\/filter, code 500$/);
  await cluster!.stop();
  await start({}, { filterVerb: 'filter', ignorable: true });
  await addPod('p');
  await nodeOf('p');
});

test('it is asked only about pods that want what it manages, which no node needs to have', async () => {
  const managedResources = [{ name: 'example.com/licence', ignoredByScheduler: true }];
  await start(
    { filter: () => ({ NodeNames: ['b'] }) },
    { filterVerb: 'filter', nodeCacheCapable: true, managedResources },
  );
  await addPod('plain');
  await nodeOf('plain');
  expect(asked).toEqual([]);
  const limits = { 'example.com/licence': '1' };
  await addPod('p', { containers: [{ name: 'c', image: 'i', resources: { limits, requests: limits } }] });
  expect(await nodeOf('p')).toBe('b');
});

test('it binds in the place of the scheduler', async () => {
  const bind: Answer = ({ PodName: name, PodNamespace, PodUID: uid, Node }) => {
    const target = { apiVersion: 'v1', kind: 'Node', name: Node };
    const metadata = { name, namespace: PodNamespace, uid };
    const body = { apiVersion: 'v1', kind: 'Binding', metadata, target };
    void cluster!
      .client()
      .of(pods)
      .subresource({ method: 'POST', name, namespace: PodNamespace, subresource: 'binding', body });
    return {};
  };
  await start({ bind }, { bindVerb: 'bind' });
  await addPod('p');
  const nodeName = await nodeOf('p');
  const { uid } = (await pod('p')).metadata;
  expect(bodyOf('bind')).toEqual({ PodName: 'p', PodNamespace: namespace, PodUID: uid, Node: nodeName });
});

test('it has a say in who must go', async () => {
  const preempt: Answer = ({ NodeNameToMetaVictims: nodes }) => ({ NodeNameToMetaVictims: { b: nodes['b'] } });
  await start({ preempt }, { preemptVerb: 'preempt', nodeCacheCapable: true });
  const port = [{ containerPort: 80, hostPort: 8080 }];
  const containers = [{ name: 'c', image: 'i', resources: {}, ports: port }];
  await addPod('low-1', { containers });
  await addPod('low-2', { containers });
  const places = { [(await nodeOf('low-1'))!]: 'low-1', [(await nodeOf('low-2'))!]: 'low-2' };
  const metadata = { name: 'high' };
  const body = { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata, value: 100 };
  await cluster!.client().of(priorityClasses).create(body);
  await addPod('important', { containers, priorityClassName: 'high' });
  expect(await nodeOf('important')).toBe('b');
  const { uid } = (await pod(places['a']!)).metadata;
  expect(bodyOf('preempt')).toMatchObject({
    NodeNameToVictims: null,
    NodeNameToMetaVictims: { a: { Pods: [{ UID: uid }], NumPDBViolations: 0 } },
  });
});
