/** The life of an application on a cluster, as its owner lives it with kubectl. Later tests go on where earlier ones ended. */
import { once } from 'node:events';
import { get, request } from 'node:http';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { busyboxImage, busyboxReference, healthAppImage } from '../images/images.js';
import { eventually } from '../kubectl.js';
import { configMap, deployment, newVersionReference, secret, service } from './application.js';
import { Cluster, clock, freePort } from './cluster.js';

let cluster: Cluster;
let serviceAddress: string;

beforeAll(async () => {
  const newVersion = { names: [newVersionReference], version: '2.0.0' };
  const images = await Promise.all([busyboxImage(), healthAppImage(), healthAppImage(newVersion)]);
  cluster = await Cluster.start({ subnet: 72, images });
});
afterEach(({ task }) => {
  if (task.result?.state === 'fail') cluster.showLogs();
});
afterAll(() => cluster?.purge());

/** The names of the pods that answered, each request on a connection of its own. */
async function answeringPods(address: string, requests: number): Promise<Set<string>> {
  const pods = new Set<string>();
  for (let count = 0; count < requests; count++) pods.add((await ask(`http://${address}/api/data`)).pod as string);
  return pods;
}

async function ask(url: string, method = 'GET'): Promise<Record<string, unknown>> {
  const sent = (method === 'GET' ? get : request)(url, { agent: false, method, timeout: 5000 });
  sent.on('timeout', () => sent.destroy(new Error(`${url}: no answer in 5 s`)));
  sent.end();
  const [response] = await once(sent, 'response');
  let body = '';
  for await (const part of response.setEncoding('utf8')) body += part;
  if (response.statusCode !== 200) throw new Error(`${url}: ${response.statusCode} ${body}`);
  return JSON.parse(body);
}

async function podNames(): Promise<string[]> {
  const { items } = await cluster.json('get pods -l app=myapp');
  const live = items.filter((pod: { metadata: { deletionTimestamp?: string } }) => !pod.metadata.deletionTimestamp);
  return live.map((pod: { metadata: { name: string } }) => pod.metadata.name);
}

async function replicaCountBecomes(count: number): Promise<void> {
  await eventually(`${count} pods are ready`, async () => {
    expect((await cluster.json('get deployment myapp')).status.readyReplicas).toBe(count);
    expect(await podNames()).toHaveLength(count);
  });
}

describe('an application', () => {
  it('comes up with its configuration, secret, probes and limits', async () => {
    await cluster.apply(configMap, secret, deployment, service);
    await cluster.kubectl('rollout status deployment/myapp --timeout=60s');
    await cluster.kubectl('wait --for=condition=Available deployment/myapp --timeout=10s');
    await replicaCountBecomes(3);
    const [pod] = await podNames();
    const environment = await cluster.kubectl(`exec ${pod} -- env`);
    expect(environment).toContain('NODE_ENV=production');
    expect(environment).toContain('SECRET=postgres://db/app');
    expect((await cluster.json(`get pod ${pod}`)).status.qosClass).toBe('Burstable');
  });

  it('is balanced over all replicas by its service, for the machine and for pods', async () => {
    const { spec, status } = await cluster.json('get service myapp-service');
    serviceAddress = spec.clusterIP;
    const names = (await podNames()).sort();
    await eventually('every replica answers', async () => {
      expect([...(await answeringPods(serviceAddress, 40))].sort()).toEqual(names);
    });
    const external = status.loadBalancer.ingress[0].ip;
    expect([...(await answeringPods(external, 40))].sort()).toEqual(names);
    expect([...(await answeringPods(`${external}:${spec.ports[0].nodePort}`, 40))].sort()).toEqual(names);
    const loop = 'for i in $(seq 30); do wget -qO- http://myapp-service/api/data; done';
    await cluster.kubectl(['run', 'client', `--image=${busyboxReference}`, '--restart=Never', '--', 'sh', '-c', loop]);
    await cluster.kubectl('wait --for=jsonpath={.status.phase}=Succeeded pod/client --timeout=30s');
    const answers = (await cluster.kubectl('logs client'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).pod);
    expect([...new Set(answers)].sort()).toEqual(names);
    await cluster.kubectl('delete pod client --wait=false');
  });

  it('is scaled to five', async () => {
    expect(await cluster.kubectl('scale deployment myapp --replicas=5')).toBe('deployment.apps/myapp scaled\n');
    await replicaCountBecomes(5);
    await eventually('all five answer', async () => {
      expect((await answeringPods(serviceAddress, 60)).size).toBe(5);
    });
  });

  it('is updated without one failed request', async () => {
    const before = await cluster.kubectl('rollout history deployment/myapp');
    expect(before).toMatch(/^1\s+<none>$/m);
    const traffic = startTraffic(`http://${serviceAddress}/api/data`, { perSecond: 50 });
    await cluster.kubectl(`set image deployment/myapp myapp=${newVersionReference}`);
    await cluster.kubectl('rollout status deployment/myapp --timeout=120s', { timeoutMs: 130_000 });
    // The old pods drain yet.
    await clock.sleep(3000);
    const { answers, failures } = await traffic.stop();
    expect(failures).toEqual([]);
    expect(new Set(answers.map(({ version }) => version))).toEqual(new Set(['1.0.0', '2.0.0']));
    expect(answers.at(-1)?.version).toBe('2.0.0');
    expect(await cluster.kubectl('rollout history deployment/myapp')).toMatch(/^2\s+<none>$/m);
  });

  it('is rolled back', async () => {
    expect(await cluster.kubectl('rollout undo deployment/myapp')).toBe('deployment.apps/myapp rolled back\n');
    await cluster.kubectl('rollout status deployment/myapp --timeout=120s', { timeoutMs: 130_000 });
    // The rollout is over when the old pods have been asked to go: they serve on until no rule leads to them any more.
    await eventually('the service leads to the old version alone', async () => {
      const answers = await Promise.all(Array.from({ length: 10 }, () => ask(`http://${serviceAddress}/api/data`)));
      expect(new Set(answers.map(({ version }) => version))).toEqual(new Set(['1.0.0']));
    });
    expect(await cluster.kubectl('rollout history deployment/myapp')).toMatch(/^3\s+<none>$/m);
    await cluster.kubectl('scale deployment myapp --replicas=3');
    await replicaCountBecomes(3);
  });

  it('gets a new pod for a deleted one', async () => {
    const [victim, ...others] = await podNames();
    await cluster.kubectl(`delete pod ${victim}`);
    await replicaCountBecomes(3);
    const names = await podNames();
    expect(names).not.toContain(victim);
    expect(names).toEqual(expect.arrayContaining(others));
  });

  it('has a container restarted whose liveness probe fails', async () => {
    const [name] = await podNames();
    const { status } = await cluster.json(`get pod ${name}`);
    expect(await ask(`http://${status.podIP}:3000/toggle-health`, 'POST')).toMatchObject({ healthy: false });
    await eventually('the container is restarted and ready', async () => {
      const [container] = (await cluster.json(`get pod ${name}`)).status.containerStatuses;
      expect(container).toMatchObject({ restartCount: 1, ready: true });
    });
    expect(await cluster.kubectl(`logs ${name} --previous`)).toContain('SIGTERM: draining');
    const events = await cluster.kubectl(`events --for pod/${name}`);
    expect(events).toContain('Liveness probe failed: HTTP probe failed with statuscode: 503');
    expect(events).toContain('Container myapp failed liveness probe, will be restarted');
  });

  it('is shown by get, describe and events', async () => {
    const all = await cluster.kubectl('get all -o wide');
    for (const row of ['pod/myapp-', 'service/myapp-service', 'deployment.apps/myapp', 'replicaset.apps/myapp-']) {
      expect(all).toContain(row);
    }
    const [name] = await podNames();
    const described = await cluster.kubectl(`describe pod ${name}`);
    expect(described).toMatch(/^Controlled By:\s+ReplicaSet\/myapp-/m);
    expect(described).toMatch(
      /^\s+Liveness:\s+http-get http:\/\/:3000\/health delay=0s timeout=5s period=1s #success=1 #failure=2$/m,
    );
    expect(described).toMatch(/Normal\s+Scheduled\s.*Successfully assigned default\/myapp-/);
    expect(described).toMatch(
      /Normal\s+Pulled\s.*Container image "registry.t8s.local\/health-app:1" already present on machine/,
    );
    expect(described).toMatch(/Normal\s+Started\s/);
    expect(await cluster.kubectl('describe deployment myapp')).toMatch(/ScalingReplicaSet/);
    expect(await cluster.kubectl('describe service myapp-service')).toMatch(/^Endpoints:\s+10\.72\./m);
    expect(await cluster.kubectl('describe node')).toMatch(/Ready\s+True/);
  });

  it('tells its log as it is written', async () => {
    const follow = cluster.spawn('logs -f deployment/myapp');
    await follow.says('Server running on port 3000');
    await follow.stop();
    const [name] = await podNames();
    expect((await cluster.kubectl(`logs ${name} --tail=1`)).trim().split('\n')).toHaveLength(1);
    expect(await cluster.kubectl(`logs ${name} --timestamps --since=1h`)).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z /m);
    expect(await cluster.kubectl('logs -l app=myapp --prefix')).toContain('[pod/myapp-');
  });

  it('is reached through port-forward', async () => {
    const port = await freePort();
    const forward = cluster.spawn(`port-forward service/myapp-service ${port}:80`);
    await forward.says(`Forwarding from 127.0.0.1:${port}`);
    for (let count = 0; count < 3; count++) {
      expect(await ask(`http://127.0.0.1:${port}/api/data`)).toMatchObject({ message: 'Hello from Kubernetes!' });
    }
    await forward.stop();
  });

  it('goes, with all that it owned, when it is deleted', async () => {
    await cluster.kubectl('delete deployment/myapp service/myapp-service configmap/myapp-config secret/db-secret');
    await eventually('pods and replica sets are gone', async () => {
      expect((await cluster.json('get pods,replicasets,endpointslices -l app=myapp')).items).toEqual([]);
    });
    await eventually('the address refuses', async () => {
      const socket = connect({ host: serviceAddress, port: 80, timeout: 1000 });
      const refused = await once(socket, 'connect').then(
        () => false,
        () => true,
      );
      socket.destroy();
      expect(refused).toBe(true);
    });
  });
});

/** Asks at a steady rate, each time on a new connection, whether or not earlier requests have been answered. */
function startTraffic(url: string, { perSecond }: { perSecond: number }) {
  const stop = new AbortController();
  const answers: Record<string, unknown>[] = [];
  const failures: string[] = [];
  const open = new Set<Promise<void>>();
  const asking = (async () => {
    while (!stop.signal.aborted) {
      const one = ask(url)
        .then(
          (answer) => void answers.push(answer),
          (failure: Error) => void failures.push(`after ${answers.length} answers: ${failure.message}`),
        )
        .finally(() => open.delete(one));
      open.add(one);
      await clock.sleep(1000 / perSecond);
    }
  })();
  return {
    stop: async () => {
      stop.abort();
      await asking;
      await Promise.all(open);
      return { answers, failures };
    },
  };
}
