/** The plugins that run only where they are asked for, in a cluster that asks for them by its settings. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configmaps, events, namespaces, pods, rolebindings, roles, secrets, services } from '#api/names.gen.js';
import { type Clock, SystemClock } from '#base/clock.js';
import { startTestCluster, type TestCluster } from '#testing/index.js';
import type { ApiServerSettings } from './settings.js';

let cluster: TestCluster | undefined;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 't8s-admission-'));
});
afterEach(async () => {
  await cluster?.stop();
  cluster = undefined;
  rmSync(folder, { recursive: true, force: true });
});

/** Without the plugin that would have pods wait for a controller, unless it is said what does not run. */
async function start(given: Partial<ApiServerSettings>, clock?: Clock) {
  const apiServer = { disableAdmissionPlugins: ['ServiceAccount'], ...given };
  cluster = await startTestCluster({ nodes: 0, scheduler: false, controllers: [], apiServer, clock });
  return { running: cluster, client: cluster.client() };
}

function configure(plugins: object[]): string {
  const path = join(folder, 'admission.yaml');
  const file = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AdmissionConfiguration', plugins };
  writeFileSync(path, JSON.stringify(file));
  return path;
}

const problem = (promise: Promise<unknown>) =>
  promise.then(
    () => 'was admitted',
    (error: Error) => error.message,
  );
const pod = (name: string, spec: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default' },
  spec: { containers: [{ name: 'c', image: 'a:1', imagePullPolicy: 'Never' }], ...spec },
});

describe('plugins by name', () => {
  it('run beside those that run by default, in their place', async () => {
    const { client } = await start({
      enableAdmissionPlugins: ['AlwaysPullImages', 'ExtendedResourceToleration', 'LimitPodHardAntiAffinityTopology'],
    });
    const resources = { requests: { 'a.b/c': '1' }, limits: { 'a.b/c': '1' } };
    const containers = [{ name: 'c', image: 'a:1', imagePullPolicy: 'Never', resources }];
    const { spec } = await client.of(pods).create(pod('p', { containers }));
    expect(spec.containers[0]?.imagePullPolicy).toBe('Always');
    expect(spec.tolerations).toContainEqual({ key: 'a.b/c', operator: 'Exists', effect: 'NoSchedule' });
    const term = { topologyKey: 'zone', labelSelector: { matchLabels: { a: 'b' } } };
    const affinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
    expect(await problem(client.of(pods).create(pod('q', { affinity })))).toBe(
      'pods "q" is forbidden: affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey zone but only key kubernetes.io/hostname is allowed',
    );
  });

  it('do not run when they are turned off', async () => {
    const { client } = await start({ disableAdmissionPlugins: ['ServiceAccount', 'DefaultTolerationSeconds'] });
    const { spec } = await client.of(pods).create(pod('p'));
    expect(spec.serviceAccountName).toBeUndefined();
    expect(spec.tolerations).toBeUndefined();
  });

  it('are refused when there are none of the name, or both', async () => {
    expect(await problem(start({ enableAdmissionPlugins: ['Nope'] }))).toMatch(/plugin "Nope" is unknown/);
    const both = { enableAdmissionPlugins: ['AlwaysAdmit'], disableAdmissionPlugins: ['AlwaysAdmit'] };
    expect(await problem(start(both))).toBe(
      '[AlwaysAdmit] in enable-admission-plugins and disable-admission-plugins overlapped',
    );
  });

  it('deny everything, the objects that the start makes among it', async () => {
    expect(await problem(start({ enableAdmissionPlugins: ['AlwaysDeny'] }))).toMatch(
      // Several are made at once.
      /^(namespaces "\S+"|servicecidrs\S+ "kubernetes") is forbidden: admission control is denying all modifications$/,
    );
  });
});

it('NamespaceAutoProvision makes the namespace that a write is in, but not in a dry run', async () => {
  const { client } = await start({ enableAdmissionPlugins: ['NamespaceAutoProvision', 'NamespaceExists'] });
  const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'm', namespace: 'new' } };
  expect(await problem(client.of(configmaps).create(map, { dryRun: true }))).toBe('namespaces "new" not found');
  await client.of(configmaps).create(map);
  expect((await client.of(namespaces).get('new')).status?.phase).toBe('Active');
});

it('DenyServiceExternalIPs lets services keep and give up what they have', async () => {
  const { client } = await start({ enableAdmissionPlugins: ['DenyServiceExternalIPs'] });
  const service = (externalIPs?: string[]) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 's', namespace: 'default' },
    spec: { ports: [{ port: 80 }], externalIPs },
  });
  expect(await problem(client.of(services).create(service(['192.0.2.1'])))).toBe(
    'services "s" is forbidden: Use of external IPs is denied by admission control',
  );
  await client.of(services).create(service());
});

it('OwnerReferencesPermissionEnforcement asks whether dependents may be deleted and owners held up', async () => {
  const { running, client } = await start({ enableAdmissionPlugins: ['OwnerReferencesPermissionEnforcement'] });
  const metadata = { namespace: 'default' };
  const owner = await client.of(configmaps).create({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { ...metadata, name: 'owner' },
  });
  const group = 'rbac.authorization.k8s.io';
  const grant = async (verb: string) => {
    const named = { apiVersion: `${group}/v1`, metadata: { ...metadata, name: verb } };
    const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: [verb] }];
    await client.of(roles).create({ ...named, kind: 'Role', rules });
    const roleRef = { apiGroup: group, kind: 'Role', name: verb };
    const subjects = [{ apiGroup: group, kind: 'User', name: 'jane' }];
    await client.of(rolebindings).create({ ...named, kind: 'RoleBinding', roleRef, subjects });
    await running.advance(0);
  };
  await grant('create');
  const jane = running.client({ name: 'jane' });
  const dependent = (extra: object) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: 'd',
      namespace: 'default',
      ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: owner.metadata.uid!, ...extra }],
    },
  });
  const forbidden = 'configmaps "d" is forbidden: cannot set';
  expect(await problem(jane.of(configmaps).create(dependent({})))).toBe(
    `${forbidden} an ownerRef on a resource you can't delete: , <nil>`,
  );
  await grant('delete');
  expect(await problem(jane.of(configmaps).create(dependent({ blockOwnerDeletion: true })))).toBe(
    `${forbidden} blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: , <nil>`,
  );
  const unknown = dependent({ apiVersion: 'x.y/v1', kind: 'Z', blockOwnerDeletion: true });
  expect(await problem(jane.of(configmaps).create(unknown))).toBe(
    `${forbidden} blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion x.y/v1 Kind Z: no matches for kind "Z" in version "x.y/v1"`,
  );
  await jane.of(configmaps).create(dependent({}));
});

describe('plugins with a configuration', () => {
  it('PodNodeSelector adds what namespaces ask for, and holds pods to what is configured', async () => {
    const configuration = {
      podNodeSelectorPluginConfig: { clusterDefaultNodeSelector: 'env=dev', default: 'env=dev,disk=ssd' },
    };
    const { client } = await start({
      enableAdmissionPlugins: ['PodNodeSelector'],
      admissionControlConfigFile: configure([{ name: 'PodNodeSelector', configuration }]),
    });
    expect((await client.of(pods).create(pod('p'))).spec.nodeSelector).toEqual({ env: 'dev' });
    expect(await problem(client.of(pods).create(pod('q', { nodeSelector: { env: 'prod' } })))).toBe(
      'pods "q" is forbidden: pod node label selector conflicts with its namespace node label selector',
    );
    expect(await problem(client.of(pods).create(pod('q', { nodeSelector: { a: 'b' } })))).toBe(
      'pods "q" is forbidden: pod node label selector labels conflict with its namespace whitelist',
    );
  });

  it('PodTolerationRestriction gives defaults and holds pods to a list', async () => {
    const gpu = { key: 'gpu', operator: 'Exists' };
    const configuration = {
      apiVersion: 'podtolerationrestriction.admission.k8s.io/v1alpha1',
      kind: 'Configuration',
      default: [gpu],
      whitelist: [gpu, { key: 'node.kubernetes.io/not-ready', operator: 'Exists' }],
    };
    const { client } = await start({
      enableAdmissionPlugins: ['PodTolerationRestriction'],
      disableAdmissionPlugins: ['DefaultTolerationSeconds', 'ServiceAccount'],
      admissionControlConfigFile: configure([{ name: 'PodTolerationRestriction', configuration }]),
    });
    expect((await client.of(pods).create(pod('p'))).spec.tolerations).toEqual([gpu]);
    expect(await problem(client.of(pods).create(pod('q', { tolerations: [{ operator: 'Exists' }] })))).toBe(
      'pod tolerations (possibly merged with namespace default tolerations) conflict with its cluster whitelist',
    );
  });

  it('EventRateLimit answers what comes too fast with 429', async () => {
    const configuration = {
      apiVersion: 'eventratelimit.admission.k8s.io/v1alpha1',
      kind: 'Configuration',
      limits: [{ type: 'Namespace', qps: 1, burst: 2 }],
    };
    const { running, client } = await start({
      enableAdmissionPlugins: ['EventRateLimit'],
      admissionControlConfigFile: configure([{ name: 'EventRateLimit', configuration }]),
    });
    const event = (name: string) => ({
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name, namespace: 'default' },
      involvedObject: { kind: 'Pod', name: 'p', namespace: 'default' },
    });
    await client.of(events).create(event('a'));
    await client.of(events).create(event('b'));
    expect(await problem(client.of(events).create(event('c')))).toBe(
      'Too many requests: limit reached on type Namespace for key default',
    );
    await running.advance(1000);
    await client.of(events).create(event('c'));
  });

  it('PodSecurity holds namespaces without labels to the defaults', async () => {
    const configuration = {
      apiVersion: 'pod-security.admission.config.k8s.io/v1',
      kind: 'PodSecurityConfiguration',
      defaults: { enforce: 'baseline' },
      exemptions: { namespaces: ['kube-system'] },
    };
    const { client } = await start({
      admissionControlConfigFile: configure([{ name: 'PodSecurity', configuration }]),
    });
    expect(await problem(client.of(pods).create(pod('p', { hostNetwork: true })))).toBe(
      'pods "p" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true)',
    );
    const system = pod('p', { hostNetwork: true });
    await client.of(pods).create({ ...system, metadata: { ...system.metadata, namespace: 'kube-system' } });
  });

  it('ResourceQuota lets nobody use what is limited where no quota covers it', async () => {
    const configuration = {
      apiVersion: 'apiserver.config.k8s.io/v1',
      kind: 'ResourceQuotaConfiguration',
      limitedResources: [
        { resource: 'secrets', matchContains: ['count/secrets'] },
        { resource: 'pods', matchScopes: [{ scopeName: 'PriorityClass', operator: 'In', values: ['high'] }] },
      ],
    };
    const { client } = await start({
      admissionControlConfigFile: configure([{ name: 'ResourceQuota', configuration }]),
    });
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', namespace: 'default' } };
    expect(await problem(client.of(secrets).create(secret))).toBe(
      'secrets "s" is forbidden: insufficient quota to consume: count/secrets',
    );
    await client.of(pods).create(pod('p'));
  });

  it('that do not hold together stop the start, in one line', async () => {
    const nested = (configuration: object, name = 'PodSecurity') =>
      start({ admissionControlConfigFile: configure([{ name, configuration }]), enableAdmissionPlugins: [] });
    const security = { apiVersion: 'pod-security.admission.config.k8s.io/v1', kind: 'PodSecurityConfiguration' };
    expect(await problem(nested({ ...security, defaults: { enforce: 'none', 'warn-version': 'v2' } }))).toMatch(
      /: \[defaults\.enforce: Invalid value: "none": must be one of privileged, baseline, restricted, defaults\.warn-version: Invalid value: "v2": must be "latest" or "v1\.x"\]$/,
    );
    expect(await problem(nested({ ...security, nope: 1 }))).toMatch(/unknown field "nope"/);
    expect(await problem(start({ enableAdmissionPlugins: ['EventRateLimit'] }))).toMatch(/has no limits/);
  });
});

describe('ImagePolicyWebhook', () => {
  let backend: Server;
  let answer: object | undefined;
  const asked: { spec: unknown }[] = [];
  beforeEach(async () => {
    asked.length = 0;
    backend = createServer((incoming, response) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => {
        asked.push(JSON.parse(Buffer.concat(chunks).toString()));
        response.writeHead(answer ? 200 : 400);
        response.end(JSON.stringify({ kind: 'ImageReview', status: answer }));
      });
    });
    await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => {
    backend.close();
  });

  function policy(extra: object): Partial<ApiServerSettings> {
    const { port } = backend.address() as AddressInfo;
    const kubeconfig = {
      clusters: [{ name: 'b', cluster: { server: `http://127.0.0.1:${port}/` } }],
      contexts: [{ name: 'b', context: { cluster: 'b' } }],
      'current-context': 'b',
    };
    writeFileSync(join(folder, 'backend.yaml'), JSON.stringify(kubeconfig));
    const configuration = { imagePolicy: { kubeConfigFile: 'backend.yaml', ...extra } };
    return {
      enableAdmissionPlugins: ['ImagePolicyWebhook'],
      admissionControlConfigFile: configure([{ name: 'ImagePolicyWebhook', configuration }]),
    };
  }

  it('asks the backend once for the same images, and refuses what it does', async () => {
    const { client } = await start(policy({}), new SystemClock());
    answer = { allowed: false, reason: 'too old' };
    const denied = 'is forbidden: image policy webhook backend denied one or more images: too old';
    expect(await problem(client.of(pods).create(pod('p')))).toBe(`pods "p" ${denied}`);
    expect(await problem(client.of(pods).create(pod('q')))).toBe(`pods "q" ${denied}`);
    expect(asked.map(({ spec }) => spec)).toEqual([{ containers: [{ image: 'a:1' }], namespace: 'default' }]);
  });

  it('lets pods in when the backend fails, where it is told to', async () => {
    const { client } = await start(policy({ defaultAllow: true }), new SystemClock());
    answer = undefined;
    const { metadata } = await client.of(pods).create(pod('p'));
    expect(metadata.annotations).toEqual({ 'alpha.image-policy.k8s.io/failed-open': 'true' });
  });
});
