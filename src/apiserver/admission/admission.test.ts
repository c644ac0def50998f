import { describe, expect, it } from 'vitest';
import leaseResource from '#api/coordination/lease.js';
import namespaceResource from '#api/core/namespace.js';
import nodeResource from '#api/core/node.js';
import podResource from '#api/core/pod/index.js';
import type { Pod } from '#api/gen/core-v1.js';
import clusterRoleResource from '#api/rbac/clusterrole.js';
import clusterRoleBindingResource from '#api/rbac/clusterrolebinding.js';
import priorityClassResource from '#api/scheduling/priorityclass.js';
import { builtinSchemas } from '#api/schema-table.js';
import { VirtualClock } from '#base/clock.js';
import { copy } from '#base/json.js';
import { silentLog } from '#base/log.js';
import { SeededPrng } from '#base/prng.js';
import type { UserInfo } from '../authentication/authenticator.js';
import { parseRule } from '../authorization/rbac/bootstrap/text.js';
import { RbacAuthorizer } from '../authorization/rbac/rbac.js';
import { clusterAddresses } from '../webhook/services.js';
import type { AdmissionRequest } from './admission.js';
import { defaultTolerationSeconds } from './default-toleration-seconds.js';
import { namespaceLifecycle } from './namespace-lifecycle.js';
import { nodeRestriction } from './node-restriction.js';
import { admissionPlugins } from './order.js';
import { admissionPolicies } from './policy/index.js';
import { priority } from './priority.js';
import { rbacEscalation } from './rbac-escalation.js';
import { serviceAccount } from './service-account.js';
import { refused, request, run, Shelf } from './test-admission.js';
import { admissionWebhooks } from './webhook/index.js';

const shelfWith = (...entries: [string, object][]) => {
  const shelf = new Shelf();
  for (const [plural, object] of entries) shelf.put(plural, object);
  return shelf;
};
const pod = (extra: object = {}, metadata: object = {}): Pod =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'ns', ...metadata },
    spec: { containers: [{ name: 'c', image: 'i' }], ...extra },
  }) as Pod;

describe('NamespaceLifecycle', () => {
  const namespace = (name: string, phase = 'Active') => ({ metadata: { name }, status: { phase } });
  const shelf = shelfWith(['namespaces', namespace('ns')], ['namespaces', namespace('going', 'Terminating')]);
  const clock = new VirtualClock();
  const plugin = namespaceLifecycle({ registry: shelf.registry, clock });

  it('keeps the namespaces that the system rests on', async () => {
    for (const name of ['default', 'kube-system', 'kube-public']) {
      const asked = request(namespaceResource, undefined, { operation: 'DELETE', old: namespace(name) as never });
      expect(await refused(plugin, asked)).toBe(`namespaces "${name}" is forbidden: this namespace may not be deleted`);
    }
    await run(plugin, request(namespaceResource, undefined, { operation: 'DELETE', old: namespace('x') as never }));
  });

  it('refuses to create in a namespace that is missing or going, but lets the rest be updated and deleted', async () => {
    await run(plugin, request(podResource, pod()));
    const lost = refused(plugin, request(podResource, pod({}, { namespace: 'lost' })));
    await clock.advance(100);
    expect(await lost).toBe('namespaces "lost" not found');
    const going = pod({}, { namespace: 'going' });
    expect(await refused(plugin, request(podResource, going))).toBe(
      'pods "web" is forbidden: unable to create new content in namespace going because it is being terminated',
    );
    await run(plugin, request(podResource, going, { operation: 'UPDATE', old: going }));
    await run(plugin, request(podResource, undefined, { operation: 'DELETE', old: going }));
  });
});

describe('ServiceAccount', () => {
  const account = (name: string, extra: object = {}) => ({ metadata: { name, namespace: 'ns' }, ...extra });
  const make = (shelf: Shelf, clock = new VirtualClock()) =>
    serviceAccount({ registry: shelf.registry, clock, prng: new SeededPrng(1) });

  it('mounts a token in every container that has nothing at the path', async () => {
    const plugin = make(shelfWith(['serviceaccounts', account('default', { imagePullSecrets: [{ name: 's' }] })]));
    const object = pod({
      initContainers: [{ name: 'i', image: 'i' }],
      containers: [
        { name: 'a', image: 'i' },
        {
          name: 'b',
          image: 'i',
          volumeMounts: [{ name: 'own', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' }],
        },
      ],
    });
    await run(plugin, request(podResource, object));
    const name = object.spec!.volumes![0]!.name;
    expect(name).toMatch(/^kube-api-access-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    const mount = { name, readOnly: true, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' };
    expect(object.spec).toEqual({
      serviceAccountName: 'default',
      serviceAccount: 'default',
      imagePullSecrets: [{ name: 's' }],
      initContainers: [{ name: 'i', image: 'i', volumeMounts: [mount] }],
      containers: [
        { name: 'a', image: 'i', volumeMounts: [mount] },
        { name: 'b', image: 'i', volumeMounts: [{ name: 'own', mountPath: mount.mountPath }] },
      ],
      volumes: [
        {
          name,
          projected: {
            defaultMode: 420,
            sources: [
              { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
              { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
              {
                downwardAPI: {
                  items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
                },
              },
            ],
          },
        },
      ],
    });
  });

  it.each([
    [{}, {}, true],
    [{ automountServiceAccountToken: false }, {}, false],
    [{ automountServiceAccountToken: false }, { automountServiceAccountToken: true }, true],
    [{}, { automountServiceAccountToken: false }, false],
  ])('account %o and pod %o: mounted %s', async (ofAccount, ofPod, mounted) => {
    const object = pod(ofPod);
    await run(make(shelfWith(['serviceaccounts', account('default', ofAccount)])), request(podResource, object));
    expect(object.spec?.volumes !== undefined).toBe(mounted);
  });

  it('waits for the default account of a new namespace, not for others', async () => {
    const shelf = new Shelf();
    const clock = new VirtualClock();
    const plugin = make(shelf, clock);
    expect(await refused(plugin, request(podResource, pod({ serviceAccountName: 'x' })))).toBe(
      'pods "web" is forbidden: error looking up service account ns/x: serviceaccount "x" not found',
    );
    const waiting = run(plugin, request(podResource, pod()));
    await clock.advance(200);
    shelf.put('serviceaccounts', account('default'));
    await clock.advance(1000);
    await waiting;
    const never = refused(
      plugin,
      request(podResource, pod({}, { namespace: 'other', name: '', generateName: 'web-' })),
    );
    await clock.advance(10_000);
    expect(await never).toBe(
      'pods "web-" is forbidden: error looking up service account other/default: serviceaccount "default" not found',
    );
  });

  it('keeps mirror pods from borrowing', async () => {
    const mirror = { annotations: { 'kubernetes.io/config.mirror': 'x' } };
    const plugin = make(new Shelf());
    await run(plugin, request(podResource, pod({}, mirror)));
    expect(await refused(plugin, request(podResource, pod({ serviceAccountName: 'a' }, mirror)))).toMatch(
      'a mirror pod may not reference service accounts',
    );
  });
});

describe('Priority', () => {
  const classes = shelfWith(
    ['priorityclasses', { metadata: { name: 'high' }, value: 1000, preemptionPolicy: 'Never' }],
    ['priorityclasses', { metadata: { name: 'usual' }, value: 5, globalDefault: true }],
  );
  const plugin = priority({ registry: classes.registry });

  it('computes the numbers from the class named, the default, or none', async () => {
    const of = async (spec: object, registry = classes.registry) => {
      const object = pod(spec);
      await run(priority({ registry }), request(podResource, object));
      const { priorityClassName, priority: value, preemptionPolicy } = object.spec!;
      return [priorityClassName, value, preemptionPolicy];
    };
    expect(await of({ priorityClassName: 'high' })).toEqual(['high', 1000, 'Never']);
    expect(await of({})).toEqual(['usual', 5, 'PreemptLowerPriority']);
    expect(await of({}, new Shelf().registry)).toEqual([undefined, 0, 'PreemptLowerPriority']);
    expect(await of({ priorityClassName: 'high', priority: 1000 })).toEqual(['high', 1000, 'Never']);
  });

  it('refuses unknown classes, numbers that differ, and a second default', async () => {
    expect(await refused(plugin, request(podResource, pod({ priorityClassName: 'x' })))).toBe(
      'pods "web" is forbidden: no PriorityClass with name x was found',
    );
    expect(await refused(plugin, request(podResource, pod({ priority: 7 })))).toBe(
      'pods "web" is forbidden: the integer value of priority (7) must not be provided in pod spec; priority admission controller computed 5 from the given PriorityClass name',
    );
    const second = { metadata: { name: 'b' }, value: 1, globalDefault: true };
    expect(await refused(plugin, request(priorityClassResource, second))).toBe(
      'priorityclasses.scheduling.k8s.io "b" is forbidden: PriorityClass usual is already marked as default. Only one default can exist',
    );
  });
});

describe('DefaultTolerationSeconds', () => {
  it.each([
    [[], ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']],
    [[{ operator: 'Exists' }], []],
    [[{ key: 'node.kubernetes.io/not-ready', effect: 'NoExecute' }], ['node.kubernetes.io/unreachable']],
    [
      [{ operator: 'Exists', effect: 'NoSchedule' }],
      ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'],
    ],
  ])('to %o adds %o', async (tolerations, added) => {
    const object = pod({ tolerations: [...tolerations] });
    await run(defaultTolerationSeconds, request(podResource, object));
    expect(object.spec!.tolerations!.slice(tolerations.length)).toEqual(
      added.map((key) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 })),
    );
  });
});

describe('NodeRestriction', () => {
  const kubelet: UserInfo = { name: 'system:node:a', groups: ['system:nodes', 'system:authenticated'] };
  const plugin = nodeRestriction({ registry: shelfWith(['pods', pod({ nodeName: 'b' })]).registry });
  const node = (name: string, labels: Record<string, string> = {}, spec: object = {}) => ({
    metadata: { name, labels },
    spec,
  });
  const as = (asked: Partial<AdmissionRequest>) => ({ user: kubelet, ...asked });

  it('is no concern of others', () => {
    expect(plugin.handles(request(podResource, pod()))).toBe(false);
  });

  it('lets a kubelet write itself only', async () => {
    await run(plugin, request(nodeResource, node('a', { 'kubernetes.io/hostname': 'a', mine: 'x' }), as({})));
    expect(await refused(plugin, request(nodeResource, node('b'), as({})))).toMatch(
      'node "a" is not allowed to modify node "b"',
    );
    const labelled = node('a', { 'node-restriction.kubernetes.io/x': '1', 'example.kubernetes.io/y': '' });
    expect(await refused(plugin, request(nodeResource, labelled, as({})))).toMatch(
      'is not allowed to set the following labels: example.kubernetes.io/y, node-restriction.kubernetes.io/x',
    );
    const tainted = node('a', {}, { taints: [] });
    const old = node('a', {}, { taints: [{ key: 'k', effect: 'NoSchedule' }] });
    expect(
      await refused(plugin, request(nodeResource, tainted, as({ operation: 'UPDATE', old: old as never }))),
    ).toMatch('is not allowed to modify taints');
    const nameless = { user: { name: 'x', groups: ['system:nodes'] } };
    expect(await refused(plugin, request(nodeResource, node('x'), nameless))).toMatch('could not determine node');
  });

  it('lets a kubelet touch its own pods only', async () => {
    const own = pod({ nodeName: 'a' });
    const others = pod({ nodeName: 'b' });
    const status = (old: Pod) => as({ operation: 'UPDATE', subresource: 'status', old });
    await run(plugin, request(podResource, own, status(own)));
    expect(await refused(plugin, request(podResource, others, status(others)))).toMatch('set to itself');
    expect(await refused(plugin, request(podResource, own, as({})))).toMatch('can only create mirror pods');
    expect(await refused(plugin, request(podResource, undefined, as({ operation: 'DELETE', old: others })))).toMatch(
      'node "a" can only delete pods with spec.nodeName set to itself',
    );
    const eviction = { metadata: { name: 'web', namespace: 'ns' } };
    expect(await refused(plugin, request(podResource, eviction, as({ subresource: 'eviction' })))).toMatch(
      'can only evict',
    );
  });

  it('lets a kubelet have its own lease only', async () => {
    const lease = (namespace: string, name: string) =>
      request(leaseResource, { metadata: { name, namespace } }, as({}));
    await run(plugin, lease('kube-node-lease', 'a'));
    expect(await refused(plugin, lease('kube-node-lease', 'b'))).toMatch('same name as the requesting node');
    expect(await refused(plugin, lease('default', 'a'))).toMatch('"kube-node-lease"');
  });
});

describe('RBACEscalation', () => {
  const role = (name: string, ...rules: string[]) => ({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name },
    rules: rules.map(parseRule),
  });
  const grant = (rbac: RbacAuthorizer, ...rules: string[]) => {
    rbac.setRole({ namespace: '', name: 'has' }, role('has', ...rules));
    const subjects = [{ kind: 'User', name: 'jane' }];
    const roleRef = { apiGroup: '', kind: 'ClusterRole', name: 'has' };
    rbac.setBinding({ namespace: '', name: 'b' }, { ...role('b'), subjects, roleRef });
  };
  const setUp = (...rules: string[]) => {
    const rbac = new RbacAuthorizer();
    grant(rbac, ...rules);
    const { registry } = shelfWith(['clusterroles', role('wide', 'get: secrets')]);
    return rbacEscalation({ registry, authorizer: rbac, rbac });
  };
  const binding = {
    metadata: { name: 'b' },
    subjects: [],
    roleRef: { kind: 'ClusterRole', name: 'wide', apiGroup: '' },
  };

  it('lets nobody grant what they do not hold', async () => {
    const asked = request(clusterRoleResource, role('r', 'get list: pods'));
    await run(setUp('get list watch: pods'), asked);
    expect(await refused(setUp('get: pods'), asked)).toBe(
      'clusterroles.rbac.authorization.k8s.io "r" is forbidden: user "jane" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["pods"], Verbs:["list"]}',
    );
    expect(await refused(setUp('get: pods'), request(clusterRoleBindingResource, binding))).toMatch(
      '{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}',
    );
    const aggregated = { ...role('r'), aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] } };
    expect(await refused(setUp('get: pods'), request(clusterRoleResource, aggregated))).toMatch(
      'must have cluster-admin privileges',
    );
  });

  it('lets through changes of other fields, holders of escalate and bind, and system:masters', async () => {
    const wide = role('r', 'get: secrets');
    await run(setUp(), request(clusterRoleResource, wide, { operation: 'UPDATE', old: copy(wide) }));
    await run(setUp('escalate: clusterroles @rbac.authorization.k8s.io'), request(clusterRoleResource, wide));
    await run(
      setUp('bind: clusterroles @rbac.authorization.k8s.io #wide'),
      request(clusterRoleBindingResource, binding),
    );
    const root = { user: { name: 'root', groups: ['system:masters'] } };
    await run(setUp(), request(clusterRoleResource, wide, root));
  });
});

describe('the order', () => {
  it('names each plugin once, lifecycle first', () => {
    const rbac = new RbacAuthorizer();
    const { registry } = new Shelf();
    const clock = new VirtualClock();
    const shared = { registry, clock, prng: new SeededPrng(1), authorizer: rbac };
    const resolveService = clusterAddresses(shared);
    const webhooks = admissionWebhooks({ ...shared, resolveService, log: silentLog, schemas: builtinSchemas });
    const policies = admissionPolicies({ ...shared, schemas: builtinSchemas });
    const names = admissionPlugins({ ...shared, rbac, webhooks, policies }).map(({ name }) => name);
    expect(names[0]).toBe('NamespaceLifecycle');
    expect(new Set(names).size).toBe(names.length);
  });
});
