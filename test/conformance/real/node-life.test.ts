/** The official names of what happens to containers while they run, on real containers: probes, hooks, resizes, taints. */
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { Cluster, clock } from '../../e2e/cluster.js';
import { busyboxImage, busyboxReference } from '../../images/images.js';
import { eventually } from '../../kubectl.js';
import { conformance } from './label.js';

let cluster: Cluster;
const tags = '[Conformance] [NodeConformance]';

interface ContainerStatus {
  name: string;
  ready: boolean;
  restartCount: number;
  state: { running?: { startedAt: string } };
}

const shell = (name: string, script: string, more = {}) => ({
  ...{ name, image: busyboxReference, command: ['sh', '-c', script] },
  ...more,
});
const podOf = (name: string, containers: object[], spec = {}) => ({
  ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name } },
  spec: { terminationGracePeriodSeconds: 0, containers, ...spec },
});
/** Serves a page until, where that is told, it is gone. */
const serve = (port: number, page: string, then = '') =>
  `mkdir -p /srv; echo ok > /srv/${page}; httpd -p ${port} -h /srv; ${then} sleep 600`;
const probe = (how: object, more = {}) => ({
  periodSeconds: 1,
  failureThreshold: 1,
  timeoutSeconds: 5,
  ...how,
  ...more,
});
const cat = { exec: { command: ['cat', '/tmp/health'] } };
const page = (port: number) => ({ httpGet: { path: '/healthz', port } });

/** Probes are each container's own, so one pod holds all of them. */
const probed = [
  shell('exec-well', 'echo ok > /tmp/health; sleep 600', { livenessProbe: probe(cat, { initialDelaySeconds: 2 }) }),
  shell('http-well', serve(8081, 'healthz'), { livenessProbe: probe(page(8081), { initialDelaySeconds: 2 }) }),
  shell('tcp-well', serve(8080, 'x'), {
    livenessProbe: probe({ tcpSocket: { port: 8080 } }, { initialDelaySeconds: 2 }),
  }),
  shell('exec-ill', 'echo ok > /tmp/health; sleep 3; rm /tmp/health; sleep 600', {
    livenessProbe: probe(cat, { initialDelaySeconds: 2 }),
  }),
  shell('http-ill', serve(8082, 'healthz', 'sleep 3; rm /srv/healthz;'), {
    livenessProbe: probe(page(8082), { initialDelaySeconds: 2 }),
  }),
  shell('never-ready', 'sleep 600', { readinessProbe: probe({ exec: { command: ['false'] } }) }),
];
const delayed = shell('main', 'sleep 600', {
  readinessProbe: probe({ exec: { command: ['true'] } }, { initialDelaySeconds: 5 }),
});

beforeAll(async () => {
  cluster = await Cluster.start({ subnet: 104, images: [await busyboxImage()] });
  await cluster.apply(
    podOf('probed', probed),
    podOf('delayed', [delayed]),
    podOf('handler', [shell('main', 'httpd -f -vv -p 8080 -h /tmp')]),
  );
  await cluster.kubectl('wait --for=condition=Ready pod/handler --timeout=60s');
}, 180_000);
afterEach(({ task }) => {
  if (task.result?.state === 'fail') cluster.showLogs();
});
afterAll(() => cluster?.purge());

async function statusOf(container: string): Promise<ContainerStatus> {
  const statuses: ContainerStatus[] = (await cluster.json('get pod probed')).status.containerStatuses;
  return statuses.find(({ name }) => name === container)!;
}

conformance(`[sig-node] Probing container should have monotonically increasing restart count ${tags}`, async () => {
  const seen: number[] = [];
  await eventually(
    'it was restarted twice',
    async () => {
      seen.push((await statusOf('exec-ill')).restartCount);
      expect(seen.at(-1)).toBeGreaterThanOrEqual(2);
    },
    { timeoutMs: 120_000, everyMs: 1000 },
  );
  expect(seen).toEqual(seen.toSorted((a, b) => a - b));
});

const hooks = ['exec', 'http'] as const;
const told = async (path: string) => expect(await cluster.kubectl('logs handler')).toContain(`url:/${path}`);

/** A hook that asks the handler for this path. */
function hookOf(how: (typeof hooks)[number], host: string, path: string): object {
  if (how === 'http') return { httpGet: { host, port: 8080, path: `/${path}` } };
  const request = `printf 'GET /${path} HTTP/1.0\\r\\n\\r\\n' | nc -w 5 ${host} 8080`;
  return { exec: { command: ['sh', '-c', request] } };
}

for (const how of hooks)
  conformance(
    `[sig-node] Container Lifecycle Hook when create a pod with lifecycle hook should execute poststart ${how} hook properly ${tags}`,
    async () => {
      const { podIP } = (await cluster.json('get pod handler')).status;
      const lifecycle = {
        postStart: hookOf(how, podIP, `started-${how}`),
        preStop: hookOf(how, podIP, `stops-${how}`),
      };
      const container = shell('main', 'trap "exit 0" TERM; while true; do sleep 1; done', { lifecycle });
      await cluster.apply(podOf(`hooked-${how}`, [container], { terminationGracePeriodSeconds: 15 }));
      await cluster.kubectl(`wait --for=condition=Ready pod/hooked-${how} --timeout=60s`);
      await told(`started-${how}`);
    },
  );

for (const how of hooks)
  conformance(
    `[sig-node] Container Lifecycle Hook when create a pod with lifecycle hook should execute prestop ${how} hook properly ${tags}`,
    async () => {
      expect(await cluster.kubectl('logs handler')).not.toContain(`stops-${how}`);
      await cluster.kubectl(`delete pod hooked-${how} --timeout=60s`);
      await told(`stops-${how}`);
    },
  );

conformance('[sig-node] PreStop should call prestop when killing a pod [Conformance]', async () => {
  const { podIP } = (await cluster.json('get pod handler')).status;
  const lifecycle = { preStop: hookOf('exec', podIP, 'killed') };
  await cluster.apply(
    podOf('tester', [shell('main', 'sleep 600', { lifecycle })], { terminationGracePeriodSeconds: 3 }),
  );
  await cluster.kubectl('wait --for=condition=Ready pod/tester --timeout=60s');
  await cluster.kubectl('delete pod tester --timeout=60s');
  await told('killed');
});

const amounts = (cpu: string, memory: string) => ({ requests: { cpu, memory } });

conformance(
  '[sig-node] Pod InPlace Resize Container resize pod via the replace endpoint [MinimumKubeletVersion:1.34] [Conformance]',
  async () => {
    await cluster.apply(podOf('replaced', [shell('c1', 'sleep 600', { resources: amounts('10m', '20Mi') })]));
    await cluster.kubectl('wait --for=condition=Ready pod/replaced --timeout=60s');
    const pod = await cluster.json('get pod replaced');
    expect(pod.metadata.generation).toBe(1);
    const wanted = amounts('30m', '40Mi');
    pod.spec.containers[0].resources = wanted;
    await cluster.kubectl('replace --subresource=resize -f -', { input: JSON.stringify(pod) });
    await eventually('the container has the new amounts', async () => {
      const { metadata, spec, status } = await cluster.json('get pod replaced');
      expect([metadata.generation, status.observedGeneration]).toEqual([2, 2]);
      expect(spec.containers[0].resources).toEqual(wanted);
      expect(status.containerStatuses[0]).toMatchObject({ resources: wanted, restartCount: 0 });
      expect((status.conditions as { type: string }[]).filter(({ type }) => type.startsWith('PodResize'))).toEqual([]);
    });
    const { metadata, spec, status } = await cluster.json('get pod replaced --subresource=resize');
    expect({ metadata, spec, status }).toEqual(
      await cluster.json('get pod replaced').then(({ metadata, spec, status }) => ({ metadata, spec, status })),
    );
  },
);

conformance(
  '[sig-node] Pod InPlace Resize Container burstable pods - extended resize with equivalents [MinimumKubeletVersion:1.34] [Conformance]',
  async () => {
    const of = (request: string, limit: string) => ({ requests: { cpu: request }, limits: { cpu: limit } });
    await cluster.apply(podOf('resized', [shell('c1', 'sleep 600', { resources: of('2m', '10m') })]));
    await cluster.kubectl('wait --for=condition=Ready pod/resized --timeout=60s');
    // The kernel knows no difference between these amounts of time.
    for (const resources of [of('1m', '5m'), of('2m', '10m')]) {
      const patch = JSON.stringify({ spec: { containers: [{ name: 'c1', resources }] } });
      await cluster.kubectl(['patch', 'pod', 'resized', '--subresource=resize', '-p', patch]);
      await eventually('the status tells the new amounts', async () => {
        const [status] = (await cluster.json('get pod resized')).status.containerStatuses;
        expect(status).toMatchObject({ resources, restartCount: 0 });
      });
    }
  },
);

for (const [what, container] of [
  ['exec "cat /tmp/health"', 'exec-ill'],
  ['/healthz http', 'http-ill'],
])
  conformance(`[sig-node] Probing container should be restarted with a ${what} liveness probe ${tags}`, () =>
    eventually('it was restarted', async () =>
      expect((await statusOf(container!)).restartCount).toBeGreaterThanOrEqual(1),
    ),
  );

conformance(
  `[sig-node] Probing container with readiness probe should not be ready before initial delay and never restart ${tags}`,
  async () => {
    await cluster.kubectl('wait --for=condition=Ready pod/delayed --timeout=60s');
    const { conditions, containerStatuses } = (await cluster.json('get pod delayed')).status;
    const ready = (conditions as { type: string; lastTransitionTime: string }[]).find(({ type }) => type === 'Ready')!;
    const startedAt = Date.parse(containerStatuses[0].state.running.startedAt);
    expect(Date.parse(ready.lastTransitionTime) - startedAt).toBeGreaterThanOrEqual(5000);
    expect(containerStatuses[0].restartCount).toBe(0);
  },
);

// They have run for a while by now, and their probes every second of it.
for (const [what, container] of [
  ['a exec "cat /tmp/health"', 'exec-well'],
  ['a /healthz http', 'http-well'],
  ['a tcp:8080', 'tcp-well'],
])
  conformance(
    `[sig-node] Probing container should *not* be restarted with ${what} liveness probe ${tags}`,
    async () => {
      const { restartCount, state } = await statusOf(container!);
      expect(restartCount).toBe(0);
      expect(clock.now() - Date.parse(state.running!.startedAt)).toBeGreaterThan(15_000);
    },
  );

conformance(
  `[sig-node] Probing container with readiness probe that fails should never be ready and never restart ${tags}`,
  async () => {
    const { restartCount, ready, state } = await statusOf('never-ready');
    expect([restartCount, ready]).toEqual([0, false]);
    expect(clock.now() - Date.parse(state.running!.startedAt)).toBeGreaterThan(15_000);
    const conditions: { type: string; status: string }[] = (await cluster.json('get pod probed')).status.conditions;
    expect(conditions.find(({ type }) => type === 'Ready')!.status).toBe('False');
  },
);

const key = 'kubernetes.io/e2e-evict-taint-key';
const tolerating = (tolerationSeconds: number) => ({
  tolerations: [{ key, operator: 'Equal', value: 'evictTaintVal', effect: 'NoExecute', tolerationSeconds }],
});
async function taint(word: string): Promise<void> {
  const [node] = (await cluster.json('get nodes')).items;
  await cluster.kubectl(['taint', 'node', node.metadata.name, word]);
}
const isGone = async (name: string) => (await cluster.try(`get pod ${name}`)).stderr.includes('NotFound');

// These two come last: pods that tolerate nothing leave the node.
conformance(
  '[sig-node] NoExecuteTaintManager Single Pod removing taint cancels eviction [Conformance] [Disruptive] [Serial]',
  async () => {
    await cluster.apply(podOf('stays', [shell('main', 'sleep 600')], tolerating(5)));
    await cluster.kubectl('wait --for=condition=Ready pod/stays --timeout=60s');
    await taint(`${key}=evictTaintVal:NoExecute`);
    await eventually('a pod that tolerates nothing is evicted', async () => expect(await isGone('delayed')).toBe(true));
    await taint(`${key}-`);
    await clock.sleep(6000);
    const { metadata, status } = await cluster.json('get pod stays');
    expect([metadata.deletionTimestamp, status.phase]).toEqual([undefined, 'Running']);
  },
);

conformance(
  '[sig-node] NoExecuteTaintManager Multiple Pods evicts pods with minTolerationSeconds [Conformance] [Disruptive] [Serial]',
  async () => {
    const pods = ['early', 'late'];
    await cluster.apply(
      ...pods.map((name, index) => podOf(name, [shell('main', 'sleep 600')], tolerating(2 + index * 4))),
    );
    await cluster.kubectl('wait --for=condition=Ready pod/early pod/late --timeout=60s');
    await taint(`${key}=evictTaintVal:NoExecute`);
    expect(await isGone('late')).toBe(false);
    for (const name of pods) await eventually(`${name} is evicted`, async () => expect(await isGone(name)).toBe(true));
    await taint(`${key}-`);
  },
);
