import { describe, expect, it } from 'vitest';
import deploymentResource from '#api/apps/deployment.js';
import namespaceResource from '#api/core/namespace.js';
import podResource from '#api/core/pod/index.js';
import { VirtualClock } from '#base/clock.js';
import type { AdmissionRequest } from '../admission.js';
import { refused, request, run, Shelf } from '../test-admission.js';
import { detailsOf, evaluate } from './evaluate.js';
import { defaultPodSecurity, podSecurity } from './index.js';
import type { PodSecurityObservation } from './observation.js';
import { formatLevel, type Level, policyOf } from './policy.js';

const latest = Number.POSITIVE_INFINITY;

/** What one container, with fields of the pod around it, is told at a level. */
function found(level: Level, container: object, { spec = {}, annotations = {}, version = latest } = {}): string {
  const containers = [{ name: 'c', image: 'i', ...container }];
  return detailsOf(evaluate({ level, version }, { metadata: { annotations }, spec: { containers, ...spec } }));
}

const hardened = {
  securityContext: {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    runAsNonRoot: true,
    seccompProfile: { type: 'RuntimeDefault' },
  },
};

describe('the checks', () => {
  const context = (securityContext: object) => ({ securityContext });

  it.each<[string, object, object, string]>([
    ['nothing', {}, {}, ''],
    ['host namespaces', {}, { hostNetwork: true, hostIPC: true }, 'host namespaces (hostNetwork=true, hostIPC=true)'],
    ['hostPath', {}, { volumes: [{ name: 'v', hostPath: { path: '/' } }] }, 'hostPath volumes (volume "v")'],
    [
      'host ports',
      { ports: [{ hostPort: 90 }, { hostPort: 80 }, { hostPort: 0 }] },
      {},
      'hostPort (container "c" uses hostPorts 80, 90)',
    ],
    [
      'privileged',
      context({ privileged: true }),
      {},
      'privileged (container "c" must not set securityContext.privileged=true)',
    ],
    [
      'capabilities',
      context({ capabilities: { add: ['SYS_ADMIN', 'CHOWN', 'NET_RAW'] } }),
      {},
      'non-default capabilities (container "c" must not include "NET_RAW", "SYS_ADMIN" in securityContext.capabilities.add)',
    ],
    [
      'probe hosts',
      { livenessProbe: { httpGet: { host: 'h' } }, lifecycle: { preStop: { tcpSocket: { host: 'a' } } } },
      {},
      'probe or lifecycle host (container "c" uses probe or lifecycle hosts "a", "h")',
    ],
    [
      'seccomp',
      context({ seccompProfile: { type: 'Unconfined' } }),
      { securityContext: { seccompProfile: { type: 'Unconfined' } } },
      'seccompProfile (pod and container "c" must not set securityContext.seccompProfile.type to "Unconfined")',
    ],
    [
      'SELinux',
      context({ seLinuxOptions: { type: 'spc_t', user: 'u', role: 'r' } }),
      {},
      'seLinuxOptions (container "c" set forbidden securityContext.seLinuxOptions: type "spc_t"; user may not be set; role may not be set)',
    ],
    ['sysctls', {}, { securityContext: { sysctls: [{ name: 'kernel.msgmax' }] } }, 'forbidden sysctls (kernel.msgmax)'],
    [
      'proc mounts',
      context({ procMount: 'Unmasked' }),
      {},
      'procMount (container "c" must not set securityContext.procMount to "Unmasked")',
    ],
    ['proc mounts with own users', context({ procMount: 'Unmasked' }), { hostUsers: false }, ''],
    [
      'host processes',
      {},
      { securityContext: { windowsOptions: { hostProcess: true } } },
      'hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)',
    ],
  ])('baseline: %s', (_, container, spec, expected) => {
    expect(found('baseline', container, { spec })).toBe(expected);
  });

  it('reads AppArmor from fields and annotations', () => {
    const annotations = { 'container.apparmor.security.beta.kubernetes.io/c': 'unconfined' };
    expect(found('baseline', context({ appArmorProfile: { type: 'Unconfined' } }), { annotations })).toBe(
      'forbidden AppArmor profiles (container "c" and annotation must not set AppArmor profile type to "Unconfined", "container.apparmor.security.beta.kubernetes.io/c="unconfined"")',
    );
  });

  it('restricted: names everything that a plain pod lacks, in the order of the checks', () => {
    expect(found('restricted', {}, { spec: { volumes: [{ name: 'v', nfs: {} }] } })).toBe(
      'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), ' +
        'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), ' +
        'restricted volume types (volume "v" uses restricted volume type "nfs"), ' +
        'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), ' +
        'seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
    );
    expect(found('restricted', hardened)).toBe('');
    expect(found('restricted', hardened, { spec: { securityContext: { runAsUser: 0 } } })).toBe(
      'runAsUser=0 (pod must not set runAsUser=0)',
    );
  });

  it('asks by version what was asked then', () => {
    const sysctl = { spec: { securityContext: { sysctls: [{ name: 'net.ipv4.tcp_rmem' }] } } };
    expect(found('baseline', {}, { ...sysctl, version: 31 })).toBe('forbidden sysctls (net.ipv4.tcp_rmem)');
    expect(found('baseline', {}, { ...sysctl, version: 32 })).toBe('');
    const only = { securityContext: { runAsNonRoot: true } };
    expect(found('restricted', only, { version: 7 })).toBe('');
    expect(found('restricted', only, { version: 18 })).toMatch(/^allowPrivilegeEscalation[^,]*$/);
    const annotations = { 'seccomp.security.alpha.kubernetes.io/pod': 'unconfined' };
    expect(found('baseline', {}, { annotations, version: 18 })).toBe(
      'seccompProfile (forbidden annotation seccomp.security.alpha.kubernetes.io/pod="unconfined")',
    );
    expect(found('baseline', {}, { annotations, version: 19 })).toBe('');
    const windows = { spec: { os: { name: 'windows' }, securityContext: { runAsNonRoot: true } } };
    expect(found('restricted', {}, { ...windows, version: 24 })).toMatch(/^allowPriv.*capabilities.*seccomp/);
    expect(found('restricted', {}, { ...windows, version: 25 })).toBe('');
  });
});

describe('the policy of labels', () => {
  const read = (labels: Record<string, string>) => {
    const prefixed = Object.entries(labels).map(([key, value]) => [`pod-security.kubernetes.io/${key}`, value]);
    const { policy, errors } = policyOf(Object.fromEntries(prefixed), defaultPodSecurity.defaults);
    const { enforce, audit, warn } = policy;
    return [...[enforce, audit, warn].map(formatLevel), ...errors.map(({ message }) => message)];
  };

  it('warns of what it enforces, fails closed for enforce and open for the others', () => {
    expect(read({ enforce: 'baseline', 'enforce-version': 'v1.20' })).toEqual([
      'baseline:v1.20',
      'privileged:latest',
      'baseline:v1.20',
    ]);
    expect(read({ enforce: 'baseline', warn: 'restricted' })).toEqual([
      'baseline:latest',
      'privileged:latest',
      'restricted:latest',
    ]);
    expect(read({ enforce: 'strict', audit: 'x', 'warn-version': 'v1.01' })).toEqual([
      'restricted:latest',
      'privileged:latest',
      'privileged:latest',
      'metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "strict": must be one of privileged, baseline, restricted',
      'metadata.labels[pod-security.kubernetes.io/audit]: Invalid value: "x": must be one of privileged, baseline, restricted',
      'metadata.labels[pod-security.kubernetes.io/warn-version]: Invalid value: "v1.01": must be "latest" or "v1.x"',
    ]);
  });
});

describe('PodSecurity', () => {
  const label = (labels: Record<string, string>) =>
    Object.fromEntries(Object.entries(labels).map(([key, value]) => [`pod-security.kubernetes.io/${key}`, value]));
  const namespace = (labels: Record<string, string>) => ({ metadata: { name: 'ns', labels: label(labels) } });
  const pod = (container: object = {}, metadata: object = {}) => ({
    metadata: { name: 'web', namespace: 'ns', ...metadata },
    spec: { containers: [{ name: 'c', image: 'i', ...container }] },
  });
  const privileged = { securityContext: { privileged: true } };
  const told = 'privileged (container "c" must not set securityContext.privileged=true)';

  function setUp(labels: Record<string, string>, options = defaultPodSecurity) {
    const shelf = new Shelf();
    shelf.put('namespaces', namespace(labels));
    const plugin = podSecurity({ registry: shelf.registry, clock: new VirtualClock(), podSecurity: options });
    const warnings: string[] = [];
    const annotations: Record<string, string> = {};
    const notes: Partial<AdmissionRequest> = {
      warn: (text) => warnings.push(text),
      annotate(key, value) {
        annotations[key.replace('pod-security.kubernetes.io/', '')] = value;
      },
    };
    return { shelf, plugin, warnings, annotations, notes };
  }

  it('tells what it decided to whoever counts it', async () => {
    const shelf = new Shelf();
    shelf.put('namespaces', namespace({ enforce: 'baseline', warn: 'restricted', 'warn-version': 'v1.30' }));
    const told: PodSecurityObservation['outcome'][] = [];
    const observePodSecurity = ({ outcome }: PodSecurityObservation) => told.push(outcome);
    const options = { registry: shelf.registry, clock: new VirtualClock(), observePodSecurity };
    await refused(podSecurity(options), request(podResource, pod(privileged), { warn: () => {}, annotate: () => {} }));
    const exemptions = { ...defaultPodSecurity.exemptions, namespaces: ['default'] };
    const lenient = podSecurity({ ...options, podSecurity: { ...defaultPodSecurity, exemptions } });
    await lenient.validate!(request(podResource, pod(privileged), { namespace: 'default', annotate: () => {} }));
    expect(told).toEqual([{ mode: 'enforce', decision: 'deny', level: 'baseline', version: 'latest' }, 'exempt']);
  });

  it('refuses, audits and warns by the three modes', async () => {
    const strict = setUp({ enforce: 'baseline', audit: 'baseline' });
    expect(await refused(strict.plugin, request(podResource, pod(privileged), strict.notes))).toBe(
      `pods "web" is forbidden: violates PodSecurity "baseline:latest": ${told}`,
    );
    expect(strict.warnings).toEqual([]);
    expect(strict.annotations).toEqual({
      'enforce-policy': 'baseline:latest',
      'audit-violations': `would violate PodSecurity "baseline:latest": ${told}`,
    });
    const lax = setUp({ warn: 'baseline', 'warn-version': 'v1.30' });
    await run(lax.plugin, request(podResource, pod(privileged), lax.notes));
    expect(lax.warnings).toEqual([`would violate PodSecurity "baseline:v1.30": ${told}`]);
    const none = setUp({});
    await run(none.plugin, request(podResource, pod(privileged), none.notes));
    expect(none.annotations).toEqual({ 'enforce-policy': 'privileged:latest' });
  });

  it('warns of templates, and never refuses them', async () => {
    const { plugin, warnings, annotations, notes } = setUp({ enforce: 'baseline' });
    const { spec } = pod(privileged);
    const deployment = { metadata: { name: 'd', namespace: 'ns' }, spec: { template: { spec } } };
    await run(plugin, request(deploymentResource, deployment, notes));
    expect(warnings).toEqual([`would violate PodSecurity "baseline:latest": ${told}`]);
    expect(annotations).toEqual({});
  });

  it('looks at updates that change an image or add a container', async () => {
    const { plugin, notes } = setUp({ enforce: 'baseline' });
    const update = (object: object) =>
      request(podResource, object, { ...notes, operation: 'UPDATE', old: pod(privileged) as never });
    await run(plugin, update(pod(privileged, { labels: { a: 'b' } })));
    await run(plugin, request(podResource, pod(privileged), { ...notes, subresource: 'status', operation: 'UPDATE' }));
    expect(await refused(plugin, update(pod({ ...privileged, image: 'other' })))).toMatch('violates PodSecurity');
    const debug = pod(privileged);
    Object.assign(debug.spec, { ephemeralContainers: [{ name: 'e', image: 'i' }] });
    expect(await refused(plugin, { ...update(debug), subresource: 'ephemeralcontainers' })).toMatch('violates');
  });

  it('exempts users, namespaces and runtime classes', async () => {
    const none = { usernames: [], namespaces: [], runtimeClasses: [] };
    const exempting = (exemptions: object) =>
      setUp({ enforce: 'baseline' }, { ...defaultPodSecurity, exemptions: { ...none, ...exemptions } });
    for (const [exemptions, reason] of [
      [{ usernames: ['jane'] }, 'user'],
      [{ namespaces: ['ns'] }, 'namespace'],
      [{ runtimeClasses: ['vm'] }, 'runtimeClass'],
    ] as const) {
      const { plugin, notes, annotations } = exempting(exemptions);
      const object = pod(privileged);
      Object.assign(object.spec, { runtimeClassName: 'vm' });
      await run(plugin, request(podResource, object, notes));
      expect(annotations).toEqual({ exempt: reason });
    }
  });

  it('refuses labels that say nothing, when they are new', async () => {
    const { plugin } = setUp({});
    const bad = namespace({ enforce: 'x' });
    expect(await refused(plugin, request(namespaceResource, bad))).toBe(
      'Namespace "ns" is invalid: metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "x": must be one of privileged, baseline, restricted',
    );
    await run(plugin, request(namespaceResource, bad, { operation: 'UPDATE', old: bad as never }));
  });

  it('tells which pods a stricter namespace would not take, alike ones in one line', async () => {
    const { shelf, plugin, notes, warnings } = setUp({});
    shelf.put('pods', pod({}, { name: 'fine' }));
    for (const name of ['b', 'a', 'c']) shelf.put('pods', pod(privileged, { name }));
    shelf.put('pods', pod({ ports: [{ hostPort: 1 }] }, { name: 'p' }));
    const update = (now: object, before: object) =>
      request(namespaceResource, now, { ...notes, operation: 'UPDATE', old: before as never });
    await run(plugin, update(namespace({ enforce: 'baseline' }), namespace({})));
    expect(warnings).toEqual([
      'existing pods in namespace "ns" violate the new PodSecurity enforce level "baseline:latest"',
      'a (and 2 other pods): privileged',
      'p: hostPort',
    ]);
    warnings.length = 0;
    await run(plugin, update(namespace({ enforce: 'baseline' }), namespace({ enforce: 'restricted' })));
    expect(warnings).toEqual([]);
  });
});
