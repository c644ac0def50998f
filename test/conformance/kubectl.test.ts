/** The official names of kubectl that need no output of containers: a stock kubectl, on simulated nodes. */

import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { expect } from 'vitest';
import { eventually } from '../kubectl.js';
import { useCluster } from './conformance.js';
import { conformance, type KubectlScene } from './kubectl.js';

useCluster({ nodes: 1 });

const image = 'registry.example/app:1';

/** As upstream's agnhost-primary: one pod, and what leads to it. */
function primary(replicas = 1): object {
  const labels = { app: 'agnhost', role: 'primary' };
  const ports = [{ name: 'agnhost-server', containerPort: 6379 }];
  const spec = { containers: [{ name: 'agnhost-primary', image, ports }] };
  return {
    apiVersion: 'v1',
    kind: 'ReplicationController',
    metadata: { name: 'agnhost-primary', labels },
    spec: { replicas, selector: labels, template: { metadata: { labels }, spec } },
  };
}

const primaryService = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'agnhost-primary', labels: { app: 'agnhost', role: 'primary' } },
  spec: { ports: [{ port: 6379, targetPort: 'agnhost-server' }], selector: { app: 'agnhost', role: 'primary' } },
};

const httpd = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: name } },
  spec: { containers: [{ name, image: 'registry.example/httpd:1' }] },
});

async function runPrimary({ kubectl }: KubectlScene): Promise<string> {
  await kubectl.kubectl('create -f -', { input: JSON.stringify(primary()) });
  await kubectl.kubectl('wait --for=jsonpath={.status.readyReplicas}=1 rc/agnhost-primary --timeout=30s');
  return (await kubectl.kubectl('get pods -l app=agnhost -o jsonpath={.items[0].metadata.name}')).trim();
}

/** The words of each line, in which kubectl's columns may be of any width. */
function linesOf(text: string): string[] {
  return text.split('\n').map((line) => line.trim().split(/\s+/).join(' '));
}

conformance(
  '[sig-cli] Kubectl client Kubectl api-versions should check if v1 is in available api versions [Conformance]',
  async ({ kubectl }) => {
    expect((await kubectl.kubectl('api-versions')).split('\n')).toContain('v1');
  },
);

conformance(
  '[sig-cli] Kubectl client Kubectl cluster-info should check if Kubernetes control plane services is included in cluster-info [Conformance]',
  async ({ kubectl, cluster }) => {
    const said = await kubectl.kubectl('cluster-info');
    expect(said).toContain('Kubernetes control plane');
    expect(said).toContain(`is running at`);
    expect(said).toContain(cluster.url);
  },
);

conformance(
  '[sig-cli] Kubectl client Kubectl describe should check if kubectl describe prints relevant information for rc and pods [Conformance]',
  async (scene) => {
    const { kubectl, namespace } = scene;
    const pod = await runPrimary(scene);
    await kubectl.kubectl('create -f -', { input: JSON.stringify(primaryService) });
    const described = async (what: string) => linesOf(await kubectl.kubectl(`describe ${what}`));
    expect(await described(`pod ${pod}`)).toEqual(
      expect.arrayContaining([
        `Name: ${pod}`,
        `Namespace: ${namespace}`,
        expect.stringMatching(/^Node: node-0\/.+/),
        'Labels: app=agnhost',
        'role=primary',
        'Annotations: <none>',
        'Status: Running',
        expect.stringMatching(/^IP: \d+\.\d+\.\d+\.[1-9]\d*$/),
        'Controlled By: ReplicationController/agnhost-primary',
        `Image: ${image}`,
        'State: Running',
        'QoS Class: BestEffort',
      ]),
    );
    const rc = await described('rc agnhost-primary');
    expect(rc).toEqual(
      expect.arrayContaining([
        'Name: agnhost-primary',
        `Namespace: ${namespace}`,
        'Selector: app=agnhost,role=primary',
        'Labels: app=agnhost',
        'role=primary',
        'Annotations: <none>',
        'Replicas: 1 current / 1 desired',
        'Pods Status: 1 Running / 0 Waiting / 0 Succeeded / 0 Failed',
        'Pod Template:',
        `Image: ${image}`,
        'Events:',
        expect.stringMatching(/^Normal SuccessfulCreate \d+s replication-controller Created pod: agnhost-primary-/),
      ]),
    );
    const service = await described('service agnhost-primary');
    expect(service).toEqual(
      expect.arrayContaining([
        'Name: agnhost-primary',
        `Namespace: ${namespace}`,
        'Labels: app=agnhost',
        'role=primary',
        'Annotations: <none>',
        'Selector: app=agnhost,role=primary',
        'Type: ClusterIP',
        expect.stringMatching(/^IP: 10\./),
        'Port: <unset> 6379/TCP',
        expect.stringMatching(/^Endpoints: \d+\.\d+\.\d+\.\d+:6379$/),
        'Session Affinity: None',
      ]),
    );
    const node = (await described('node node-0')).join('\n');
    const parts = [
      'Name: node-0',
      'Labels:',
      'Annotations:',
      'CreationTimestamp:',
      'Conditions:',
      'Type Status LastHeartbeatTime LastTransitionTime Reason Message',
      'Addresses:',
      'Capacity:',
      'Kernel Version:',
      'Container Runtime Version:',
      'Kubelet Version:',
      'Non-terminated Pods: (1 in total)',
      'Events:',
    ];
    for (const part of parts) expect(node).toContain(part);
    expect(await described(`namespace ${namespace}`)).toEqual(
      expect.arrayContaining([
        `Name: ${namespace}`,
        expect.stringMatching(/^Labels: /),
        'Annotations: <none>',
        'Status: Active',
      ]),
    );
  },
);

conformance(
  '[sig-cli] Kubectl client Kubectl diff should check if kubectl diff finds a difference for Deployments [Conformance]',
  async ({ kubectl }) => {
    const labels = { app: 'httpd' };
    const deployment = (replicas: number, tag: string) =>
      JSON.stringify({
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'httpd' },
        spec: {
          replicas,
          selector: { matchLabels: labels },
          template: {
            metadata: { labels },
            spec: { containers: [{ name: 'httpd', image: `registry.example/httpd:${tag}` }] },
          },
        },
      });
    await kubectl.kubectl('apply -f -', { input: deployment(1, 'old') });
    const { code, stdout } = await kubectl.try('diff -f -', { input: deployment(1, 'new') });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^-\s+- image: registry\.example\/httpd:old$/m);
    expect(stdout).toMatch(/^\+\s+- image: registry\.example\/httpd:new$/m);
    expect(await kubectl.kubectl('get deployment httpd -o jsonpath={..image}')).toBe('registry.example/httpd:old');
    expect(await kubectl.try('diff -f -', { input: deployment(1, 'old') })).toMatchObject({ code: 0, stdout: '' });
  },
);

conformance('[sig-cli] Kubectl client Kubectl expose should create services for rc [Conformance]', async (scene) => {
  const { kubectl, until } = scene;
  await runPrimary(scene);
  const leadsOn = async (name: string, port: number) => {
    const service = await kubectl.json(`get service ${name}`);
    expect(service.spec.ports).toEqual([expect.objectContaining({ port, targetPort: 6379 })]);
    await until(async () => {
      const { items } = await kubectl.json(`get endpointslices -l kubernetes.io/service-name=${name}`);
      return items[0]?.endpoints?.length === 1 && items[0].ports[0].port === 6379;
    });
  };
  expect(await kubectl.kubectl('expose rc agnhost-primary --name=rm2 --port=1234 --target-port=6379')).toBe(
    'service/rm2 exposed\n',
  );
  await leadsOn('rm2', 1234);
  await kubectl.kubectl('expose service rm2 --name=rm3 --port=2345 --target-port=6379');
  await leadsOn('rm3', 2345);
});

conformance(
  '[sig-cli] Kubectl client Kubectl label should update the label on a resource [Conformance]',
  async ({ kubectl }) => {
    await kubectl.kubectl('create -f -', { input: JSON.stringify(httpd('pause')) });
    await kubectl.kubectl('wait --for=condition=Ready pod/pause --timeout=30s');
    await kubectl.kubectl('label pods pause testing-label=testing-label-value');
    expect(linesOf(await kubectl.kubectl('get pod pause -L testing-label'))[1]).toMatch(
      /^pause 1\/1 Running 0 \S+ testing-label-value$/,
    );
    await kubectl.kubectl('label pods pause testing-label-');
    expect(linesOf(await kubectl.kubectl('get pod pause -L testing-label'))[1]).toMatch(/^pause 1\/1 Running 0 \S+$/);
  },
);

conformance(
  '[sig-cli] Kubectl client Kubectl patch should add annotations for pods in rc [Conformance]',
  async (scene) => {
    const { kubectl } = scene;
    const pod = await runPrimary(scene);
    await kubectl.kubectl(['patch', 'pod', pod, '-p', '{"metadata":{"annotations":{"x":"y"}}}']);
    const { items } = await kubectl.json('get pods -l app=agnhost');
    expect(items.map(({ metadata }: { metadata: { annotations: object } }) => metadata.annotations)).toEqual([
      { x: 'y' },
    ]);
  },
);

conformance(
  "[sig-cli] Kubectl client Kubectl replace should update a single-container pod's image [Conformance]",
  async ({ kubectl }) => {
    await kubectl.kubectl(
      'run replaced --image=registry.example/httpd:1 --pod-running-timeout=2m0s --labels=run=replaced',
    );
    await kubectl.kubectl('wait --for=condition=Ready pod/replaced --timeout=30s');
    const changed = (await kubectl.kubectl('get pod replaced -o json')).replaceAll(
      'registry.example/httpd:1',
      'registry.example/busybox:1',
    );
    expect(await kubectl.kubectl('replace -f -', { input: changed })).toBe('pod/replaced replaced\n');
    expect((await kubectl.json('get pod replaced')).spec.containers[0].image).toBe('registry.example/busybox:1');
  },
);

conformance(
  '[sig-cli] Kubectl client Kubectl run pod should create a pod from an image when restart is Never [Conformance]',
  async ({ kubectl }) => {
    await kubectl.kubectl('run once --restart=Never --pod-running-timeout=2m0s --image=registry.example/httpd:1');
    const { spec } = await kubectl.json('get pod once');
    expect([spec.restartPolicy, spec.containers[0].image]).toEqual(['Never', 'registry.example/httpd:1']);
  },
);

conformance(
  '[sig-cli] Kubectl client Kubectl server-side dry-run should check if kubectl can dry-run update Pods [Conformance]',
  async ({ kubectl }) => {
    await kubectl.kubectl('run kept --image=registry.example/httpd:1 --labels=run=kept');
    await kubectl.kubectl('wait --for=condition=Ready pod/kept --timeout=30s');
    const patch = '{"spec":{"containers":[{"name":"kept","image":"registry.example/busybox:1"}]}}';
    expect(await kubectl.kubectl(['patch', 'pod', 'kept', '-p', patch, '--dry-run=server'])).toBe('pod/kept patched\n');
    expect((await kubectl.json('get pod kept')).spec.containers[0].image).toBe('registry.example/httpd:1');
  },
);

conformance(
  '[sig-cli] Kubectl client Kubectl version should check is all data is printed [Conformance]',
  async ({ kubectl }) => {
    const said = await kubectl.kubectl('version');
    expect(said).toMatch(/^Client Version: v\d+\.\d+\./m);
    expect(said).toMatch(/^Server Version: v1\.36\.0/m);
    const { serverVersion } = JSON.parse(await kubectl.kubectl('version -o json'));
    const told = ['major', 'minor', 'gitVersion', 'buildDate', 'goVersion', 'compiler', 'platform'];
    expect(told.filter((name) => !serverVersion[name])).toEqual([]);
  },
);

conformance(
  '[sig-cli] Kubectl client Proxy server should support --unix-socket=/path [Conformance]',
  async ({ kubectl, directory }) => {
    const socketPath = join(directory, 'socket');
    const proxy = kubectl.spawn(`proxy --unix-socket=${socketPath}`);
    await proxy.says('Starting to serve on');
    expect(await versionsAt({ socketPath })).toContain('v1');
    await proxy.stop();
  },
);

conformance(
  '[sig-cli] Kubectl client Proxy server should support proxy with --port 0 [Conformance]',
  async ({ kubectl }) => {
    const proxy = kubectl.spawn('proxy -p 0 --disable-filter');
    const port = await eventually('the proxy serves', async () => {
      const [, number] = /Starting to serve on 127\.0\.0\.1:(\d+)/.exec(proxy.output) ?? [];
      if (!number) throw new Error(proxy.output);
      return number;
    });
    expect(await versionsAt({ port, host: '127.0.0.1' })).toContain('v1');
    await proxy.stop();
  },
);

function versionsAt(target: { socketPath: string } | { host: string; port: string }): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const agent = new Agent({ keepAlive: false });
    const sent = request({ ...target, path: '/api/', agent }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      response.on('error', reject);
      response.on('end', () => resolve(JSON.parse(text).versions));
    });
    sent.on('error', reject).end();
  });
}
