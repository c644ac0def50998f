import { generateKeyPairSync } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import deploymentResource from '#api/apps/deployment.js';
import bindingResource from '#api/core/binding.js';
import namespaceResource from '#api/core/namespace.js';
import nodeResource from '#api/core/node.js';
import podResource from '#api/core/pod/index.js';
import serviceResource from '#api/core/service.js';
import serviceAccountResource from '#api/core/serviceaccount.js';
import type { TokenRequest, TokenReview } from '#api/gen/authentication-v1.js';
import type { SelfSubjectRulesReview, SubjectAccessReview } from '#api/gen/authorization-v1.js';
import type { Scale } from '#api/gen/autoscaling-v1.js';
import type { Pod, Service } from '#api/gen/core-v1.js';
import definitions from '#api/index.gen.js';
import type { AnyResource } from '#api/resource.js';
import { builtinSchemas } from '#api/schema-table.js';
import { Scheme } from '#api/scheme.js';
import type { KubeObject } from '#apimachinery/object.js';
import { VirtualClock } from '#base/clock.js';
import { copy } from '#base/json.js';
import { silentLog } from '#base/log.js';
import { SeededPrng } from '#base/prng.js';
import { openMemoryStore } from '#storage/memory.js';
import type { UserInfo } from './authentication/authenticator.js';
import { componentUsers } from './authentication/component-users.js';
import { bootstrapPolicy } from './authorization/rbac/bootstrap/reconcile.js';
import { createPolicy, defaultIssuer, type Policy } from './policy.js';
import type { Write } from './registry/registry.js';
import { ObjectRegistry } from './registry/store.js';
import type { SubresourceCall, SubresourceHandler } from './subresources/subresource.js';

const root: UserInfo = componentUsers.apiServer;
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

let clock: VirtualClock;
let policy: Policy;
let registry: ObjectRegistry;
let handlers: SubresourceHandler[];
let warnings: string[];

beforeEach(async () => {
  clock = new VirtualClock();
  warnings = [];
  const prng = new SeededPrng(7);
  policy = createPolicy({
    registry: () => registry,
    clientAuthorities: '',
    serviceAccountKey: privateKey,
    schemas: builtinSchemas,
    clock,
    prng,
    log: silentLog,
  });
  registry = new ObjectRegistry({
    scheme: new Scheme(definitions as AnyResource[]),
    store: openMemoryStore(),
    admission: policy.admission,
    schemas: builtinSchemas,
    clock,
    prng,
    log: silentLog,
  });
  handlers = policy.handlers([{ name: 'scheduler', check: async () => ({ healthy: true, message: 'ok' }) }]);
  await put(namespaceResource, { metadata: { name: 'ns' }, spec: {}, status: { phase: 'Active' } });
  await put(serviceAccountResource, { metadata: { name: 'default', namespace: 'ns' } });
});

function write(user = root, subresource = ''): Write {
  const warn = (text: string) => warnings.push(text);
  const annotate = () => {};
  return { user, dryRun: false, subresource, manager: 'test', admission: 'run', options: {}, warn, annotate } as Write;
}

async function put<T extends KubeObject>(resource: AnyResource, object: object): Promise<T> {
  const { group, versions, kind } = resource;
  const typed = { apiVersion: group ? `${group}/${versions[0]}` : versions[0], kind, ...object };
  return (await registry.of(resource).create(typed as KubeObject, write())) as T;
}

const pod = (name: string, extra: object = {}, metadata: object = {}) =>
  put<Pod>(podResource, {
    metadata: { name, namespace: 'ns', ...metadata },
    spec: { containers: [{ name: 'c', image: 'i' }], ...extra },
  });

function call(resource: AnyResource, name: string, { user = root, subresource = '', namespace = 'ns' } = {}) {
  const key = { namespace, name };
  const calling = { key, resource, user, registry, write: { ...write(user, subresource), admission: 'done' } };
  return { ...calling, signal: new AbortController().signal, info: {} } as unknown as SubresourceCall;
}

function handler(resource: { group: string; plural: string }, name: string): SubresourceHandler {
  const found = handlers.find(
    (one) =>
      one.name === name &&
      (one.resource === '*' || (one.resource.group === resource.group && one.resource.plural === resource.plural)),
  );
  if (!found) throw new Error(`no handler of ${resource.plural}/${name}`);
  return found;
}

const review = <T>(resource: AnyResource, body: object, user = root, namespace = '') =>
  handler(resource, '').create!(call(resource, '', { user, namespace }), {
    metadata: {},
    ...body,
  } as never) as Promise<T>;

const byPlural = (group: string, plural: string) => registry.scheme.byPlural({ group, plural })!;

describe('pods/binding', () => {
  const bind = (name: string, node: string, metadata: object = {}) =>
    handler(podResource, 'binding').create!(call(podResource, name, { subresource: 'binding' }), {
      metadata: { name, ...metadata },
      target: { kind: 'Node', name: node },
    } as never);

  it('assigns a pod once', async () => {
    const { metadata } = await pod('web');
    expect(await bind('web', 'n1', { annotations: { a: 'b' } })).toMatchObject({ status: 'Success', code: 201 });
    const bound = await registry.of<Pod>(podResource).get({ namespace: 'ns', name: 'web' });
    expect(bound.spec.nodeName).toBe('n1');
    expect(bound.metadata.generation).toBe(1);
    expect(bound.metadata.annotations).toEqual({ a: 'b' });
    const lastTransitionTime = '2026-01-01T00:00:00Z';
    expect(bound.status?.conditions).toMatchObject([{ type: 'PodScheduled', status: 'True', lastTransitionTime }]);
    expect(bound.metadata.resourceVersion).not.toBe(metadata.resourceVersion);
    await expect(bind('web', 'n2')).rejects.toMatchObject({
      code: 409,
      message: 'Operation cannot be fulfilled on pods/binding "web": pod web is already assigned to node "n1"',
    });
    await expect(bind('web', 'n1', { name: undefined })).rejects.toMatchObject({
      code: 400,
      message: 'name in URL does not match name in Binding object',
    });
    await expect(bind('lost', 'n1')).rejects.toMatchObject({ code: 404, message: 'pods "lost" not found' });
  });

  it('holds to the uid, and lets one of two racing schedulers win', async () => {
    await pod('web');
    await expect(bind('web', 'n1', { uid: 'other' })).rejects.toMatchObject({ code: 409 });
    const results = await Promise.allSettled([bind('web', 'n1'), bind('web', 'n2')]);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  it('refuses other targets and other names', async () => {
    await pod('web');
    const wrong = { metadata: { name: 'web' }, target: { kind: 'Pod', name: 'x' } };
    const create = handler(bindingResource, '').create!;
    await expect(create(call(bindingResource, ''), wrong as never)).rejects.toMatchObject({
      code: 500,
      message: expect.stringContaining('target.kind'),
    });
    await expect(bind('web', 'n', { name: 'x' })).rejects.toMatchObject({ code: 400 });
  });
});

describe('pods/eviction', () => {
  it('deletes the pod, saying why on it', async () => {
    await pod('web');
    const evict = handler(podResource, 'eviction').create!;
    const asked = call(podResource, 'web', { subresource: 'eviction' });
    expect(await evict(asked, { metadata: { name: 'web', namespace: 'ns' } } as never)).toMatchObject({ code: 201 });
    await expect(registry.of(podResource).get({ namespace: 'ns', name: 'web' })).rejects.toMatchObject({ code: 404 });
    await expect(evict(asked, { metadata: { name: 'x' } } as never)).rejects.toMatchObject({ code: 400 });
    const never = { metadata: { name: 'web' }, deleteOptions: { propagationPolicy: 'Never' } };
    await expect(evict(asked, never as never)).rejects.toMatchObject({
      code: 422,
      message: expect.stringMatching('^DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value'),
    });
  });
});

it.each(['its own options', 'those of the deletion'])(
  'evicts nothing where %s say that it is a dry run',
  async (which) => {
    await pod('web');
    const evict = handler(podResource, 'eviction').create!;
    const asked = call(podResource, 'web', { subresource: 'eviction' });
    const dryRun = which === 'its own options';
    const deleteOptions = dryRun ? undefined : { dryRun: ['All'] };
    const body = { metadata: { name: 'web', namespace: 'ns' }, deleteOptions };
    expect(await evict({ ...asked, write: { ...asked.write, dryRun } }, body as never)).toMatchObject({ code: 201 });
    const { metadata, status } = await registry.of<Pod>(podResource).get({ namespace: 'ns', name: 'web' });
    expect(metadata.deletionTimestamp ?? status?.conditions).toBeUndefined();
  },
);

describe('scale', () => {
  const labels = { app: 'web' };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  const scale = () => handler(deploymentResource, 'scale');
  const asked = () => call(deploymentResource, 'web', { subresource: 'scale' });

  it('reads and sets the replicas', async () => {
    const metadata = { name: 'web', namespace: 'ns' };
    await put(deploymentResource, { metadata, spec: { replicas: 2, selector: { matchLabels: labels }, template } });
    const before = (await scale().get!(asked())) as Scale;
    expect(before).toMatchObject({
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      metadata: { name: 'web', namespace: 'ns' },
      spec: { replicas: 2 },
      status: { replicas: 0, selector: 'app=web' },
    });
    const cells = scale().columns!(deploymentResource)!.map((column) => [
      column.name,
      column.cell(
        { ...before, metadata: { ...before.metadata, creationTimestamp: '2026-01-01T00:00:00Z' } },
        { nowMs: Date.UTC(2026, 0, 1, 0, 1) },
      ),
    ]);
    expect(cells).toEqual([
      ['Name', 'web'],
      ['Desired', 2],
      ['Available', 0],
      ['Age', '60s'],
    ]);
    const after = (await scale().update!(asked(), (current) => {
      (current as Scale).spec.replicas = 5;
      return current;
    })) as Scale;
    expect(after.spec.replicas).toBe(5);
    const deployment = await registry.of(deploymentResource).get({ namespace: 'ns', name: 'web' });
    expect(deployment).toMatchObject({ spec: { replicas: 5 }, metadata: { generation: 2 } });
    const stale = { ...before, spec: { replicas: 1 } } as KubeObject;
    await expect(scale().update!(asked(), () => stale)).rejects.toMatchObject({ code: 409 });
    const negative = { ...after, spec: { replicas: -1 } } as KubeObject;
    await expect(scale().update!(asked(), () => negative)).rejects.toMatchObject({
      message:
        'Scale.autoscaling "web" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    });
  });
});

describe('serviceaccounts/token', () => {
  const request = (spec: object, name = 'default') =>
    handler(serviceAccountResource, 'token').create!(call(serviceAccountResource, name, { subresource: 'token' }), {
      metadata: {},
      spec,
    } as never) as Promise<TokenRequest>;
  const identify = (token: string) => policy.authenticator.authenticate({ bearerToken: token });

  it('makes tokens by which the account is known', async () => {
    const { status, spec } = await request({ expirationSeconds: 600 });
    expect(spec.audiences).toEqual([defaultIssuer]);
    expect(status?.expirationTimestamp).toBe('2026-01-01T00:10:00Z');
    const found = await identify(status!.token!);
    expect(found?.user).toMatchObject({
      name: 'system:serviceaccount:ns:default',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:ns', 'system:authenticated'],
    });
    await registry.of(serviceAccountResource).delete({ namespace: 'ns', name: 'default' }, {}, write());
    await clock.advance(11_000);
    await expect(identify(status!.token!)).rejects.toMatchObject({ code: 401 });
  });

  it('binds a token to a pod and its node', async () => {
    await put(nodeResource, { metadata: { name: 'n1' }, spec: {} });
    const { metadata } = await pod('web', { nodeName: 'n1' });
    const boundObjectRef = { kind: 'Pod', apiVersion: 'v1', name: 'web', uid: metadata.uid };
    const { status } = await request({ boundObjectRef, expirationSeconds: 3607 });
    const found = await identify(status!.token!);
    expect(found?.user.extra).toMatchObject({
      'authentication.kubernetes.io/pod-name': ['web'],
      'authentication.kubernetes.io/node-name': ['n1'],
    });
    // Extended to a year for clients that read the token once, while the kubelet is told the hour.
    expect(status?.expirationTimestamp).toBe('2026-01-01T01:00:07Z');
    await clock.advance(24 * 3600_000);
    expect(await identify(status!.token!)).toBeDefined();
    await expect(request({ boundObjectRef: { ...boundObjectRef, uid: 'x' } })).rejects.toMatchObject({ code: 409 });
  });

  it('refuses what cannot be', async () => {
    await expect(request({ expirationSeconds: 60 })).rejects.toMatchObject({
      message:
        'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes',
    });
    await expect(request({}, 'nobody')).rejects.toMatchObject({ message: 'serviceaccounts "nobody" not found' });
    const boundObjectRef = { kind: 'ConfigMap', apiVersion: 'v1', name: 'x' };
    await expect(request({ boundObjectRef })).rejects.toMatchObject({ code: 400 });
  });

  it('is what a TokenReview looks into', async () => {
    const { status } = await request({ audiences: ['vault'] });
    const ask = (spec: object) => review<TokenReview>(byPlural('authentication.k8s.io', 'tokenreviews'), { spec });
    expect((await ask({ token: status!.token, audiences: ['vault', 'x'] })).status).toMatchObject({
      authenticated: true,
      audiences: ['vault'],
      user: { username: 'system:serviceaccount:ns:default' },
    });
    expect((await ask({ token: status!.token })).status).toMatchObject({ user: {}, error: expect.any(String) });
    expect((await ask({ token: 'rubbish' })).status).toEqual({ user: {}, error: 'invalid bearer token' });
    await expect(ask({ token: '' })).rejects.toMatchObject({ code: 400 });
  });
});

describe('access reviews', () => {
  const jane: UserInfo = { name: 'jane', groups: ['dev', 'system:authenticated'] };
  const group = 'authorization.k8s.io';
  beforeEach(() => {
    for (const role of bootstrapPolicy().clusterRoles)
      policy.rbac.setRole({ namespace: '', name: role.metadata.name! }, role);
    const roleRef = { apiGroup: '', kind: 'ClusterRole', name: 'view' };
    const subjects = [{ kind: 'Group', name: 'dev' }];
    const metadata = { name: 'b', namespace: 'ns' };
    policy.rbac.setBinding(metadata, { apiVersion: '', kind: 'RoleBinding', metadata, subjects, roleRef });
  });

  it('answers about oneself and about others', async () => {
    const self = byPlural(group, 'selfsubjectaccessreviews');
    const resourceAttributes = { verb: 'list', resource: 'pods', namespace: 'ns' };
    const ask = async (spec: object, user = jane) => (await review<SubjectAccessReview>(self, { spec }, user)).status;
    expect(await ask({ resourceAttributes })).toEqual({
      allowed: true,
      reason: 'RBAC: allowed by RoleBinding "b/ns" of ClusterRole "view" to Group "dev"',
    });
    expect(await ask({ resourceAttributes: { ...resourceAttributes, verb: 'delete' } })).toEqual({ allowed: false });
    await expect(ask({})).rejects.toMatchObject({ code: 422 });
    const others = byPlural(group, 'subjectaccessreviews');
    const about = { spec: { resourceAttributes, user: 'x', groups: ['dev'] } };
    expect((await review<SubjectAccessReview>(others, about)).status?.allowed).toBe(true);
    const local = byPlural(group, 'localsubjectaccessreviews');
    await expect(review(local, about, root, 'other')).rejects.toMatchObject({ code: 400 });
  });

  it('lists the rules', async () => {
    const rules = byPlural(group, 'selfsubjectrulesreviews');
    const { status } = await review<SelfSubjectRulesReview>(rules, { spec: { namespace: 'ns' } }, jane);
    expect(status?.incomplete).toBe(false);
    expect(status?.resourceRules).toContainEqual({
      verbs: ['get', 'list', 'watch'],
      apiGroups: [''],
      resources: ['namespaces'],
    });
  });

  it('says who one is', async () => {
    const self = byPlural('authentication.k8s.io', 'selfsubjectreviews');
    const found = await review<{ status: object }>(self, {}, jane);
    expect(found.status).toEqual({ userInfo: { username: 'jane', groups: ['dev', 'system:authenticated'] } });
  });
});

describe('through the registry', () => {
  it('pods get an account and a token, services an address that failure gives back', async () => {
    const made = await pod('web');
    expect(made.spec).toMatchObject({
      serviceAccountName: 'default',
      priority: 0,
      preemptionPolicy: 'PreemptLowerPriority',
    });
    expect(made.spec.containers[0]?.volumeMounts?.[0]?.mountPath).toBe('/var/run/secrets/kubernetes.io/serviceaccount');
    const service = (name: string, extra: object = {}) =>
      put<Service>(serviceResource, { metadata: { name, namespace: 'ns' }, spec: { ports: [{ port: 80 }], ...extra } });
    const wanted = { clusterIP: '10.96.0.50' };
    await expect(service('bad', { ...wanted, ports: [{ port: 0 }] })).rejects.toMatchObject({ code: 422 });
    expect((await service('good', wanted)).spec).toMatchObject({ clusterIPs: ['10.96.0.50'], ipFamilies: ['IPv4'] });
    // A second one of the name fails, and must not give the address of the first away.
    await expect(service('good', wanted)).rejects.toMatchObject({ code: 409 });
    await expect(service('thief', wanted)).rejects.toMatchObject({
      message: expect.stringContaining('already allocated'),
    });
    const { items } = await registry.of<Service>(serviceResource).list({ namespace: 'ns' });
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['good']);
    const update = await registry
      .of<Service>(serviceResource)
      .update(
        { namespace: 'ns', name: 'good' },
        (current) => ({ ...copy(current), spec: { ports: [{ port: 81 }] } }) as Service,
        write(),
      );
    expect(update.spec).toMatchObject({ clusterIP: '10.96.0.50', ports: [{ port: 81 }] });
  });

  it('component statuses are asked for', async () => {
    const statuses = byPlural('', 'componentstatuses');
    const [scheduler] = await handler(statuses, '').list!(call(statuses, '', { namespace: '' }));
    expect(scheduler).toMatchObject({
      metadata: { name: 'scheduler' },
      conditions: [{ type: 'Healthy', status: 'True', message: 'ok' }],
    });
  });
});
