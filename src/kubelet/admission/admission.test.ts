import { expect, test } from 'vitest';
import type { Container, Node, Pod, PodSpec } from '#api/gen/core-v1.js';
import type { Condition } from '../eviction/thresholds.js';
import { type AdmissionInput, type Refusal, refusalOf } from './admission.js';
import { allowedSysctlProblem } from './sysctls.js';

const node: Node = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'n1', labels: { 'kubernetes.io/os': 'linux', disk: 'ssd' } },
  spec: {},
  status: { allocatable: { cpu: '2', memory: '1Gi', pods: '3', 'example.com/dongle': '1' } },
};

const asking = (requests: Record<string, string>): Container => ({ name: 'main', image: 'i', resources: { requests } });

const podOf = (spec: Partial<PodSpec> = {}, labels?: Record<string, string>): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'ns', uid: 'u', labels },
  spec: { nodeName: 'n1', containers: [asking({})], ...spec },
});

const refused = (pod: Pod, others: Pod[] = [], on: Node = node) => told(refusalOf(inputOf(pod, { others, node: on })));

const inputOf = (pod: Pod, given: Partial<AdmissionInput> = {}): AdmissionInput => ({
  pod,
  others: [],
  node,
  operatingSystem: 'linux',
  pressure: [],
  allowedSysctls: [],
  ...given,
});

const told = (refusal: Refusal | undefined) => refusal && { reason: refusal.reason, message: refusal.message };

test('a pod that fits is let in', () => {
  const pod = podOf({ containers: [asking({ cpu: '2', memory: '1Gi', 'example.com/dongle': '1' })] });
  expect(refused(pod)).toBeUndefined();
});

test('what the node lacks is told in numbers, the first of it as the reason', () => {
  const other = podOf({ containers: [asking({ cpu: '1930m', memory: '1Gi' })] });
  expect(refused(podOf({ containers: [asking({ cpu: '1500m', memory: '1' })] }), [other])).toEqual({
    reason: 'OutOfcpu',
    message: "Node didn't have enough resource: cpu, requested: 1500, used: 1930, capacity: 2000",
  });
  expect(refused(podOf({ containers: [asking({ memory: '1Ki' })] }), [other])).toEqual({
    reason: 'OutOfmemory',
    message: "Node didn't have enough resource: memory, requested: 1024, used: 1073741824, capacity: 1073741824",
  });
  expect(refused(podOf(), [podOf(), podOf(), podOf()])).toEqual({
    reason: 'OutOfpods',
    message: "Node didn't have enough resource: pods, requested: 1, used: 3, capacity: 3",
  });
  expect(refused(podOf({ containers: [asking({ 'example.com/dongle': '2' })] }))?.reason).toBe(
    'OutOfexample.com/dongle',
  );
});

test('an extended resource that the node does not know is not its to count', () => {
  expect(refused(podOf({ containers: [asking({ 'example.com/elsewhere': '9' })] }))).toBeUndefined();
});

test('labels, names, ports and taints refuse by the name of the predicate', () => {
  expect(refused(podOf({ nodeSelector: { disk: 'hdd' } }))).toEqual({
    reason: 'NodeAffinity',
    message: "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
  });
  const port = (hostPort: number, hostIP?: string) => ({
    containers: [{ ...asking({}), ports: [{ containerPort: 80, hostPort, hostIP }] }],
  });
  expect(refused(podOf(port(80)), [podOf(port(80, '127.0.0.1'))])?.message).toBe(
    "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
  );
  expect(refused(podOf(port(80)), [podOf(port(81))])).toBeUndefined();
  const tainted = (effect: string): Node => ({ ...node, spec: { taints: [{ key: 'k', effect }] } });
  expect(refused(podOf(), [], tainted('NoExecute'))).toEqual({
    reason: 'TaintToleration',
    message: "Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate",
  });
  expect(refused(podOf(), [], tainted('NoSchedule'))).toBeUndefined();
  expect(refused(podOf({ tolerations: [{ operator: 'Exists' }] }), [], tainted('NoExecute'))).toBeUndefined();
});

test('a pod for another system is refused, by its label or by its field', () => {
  expect(refused(podOf({}, { 'kubernetes.io/os': 'windows' }))?.reason).toBe('PodOSSelectorNodeLabelDoesNotMatch');
  expect(refused(podOf({ os: { name: 'windows' } }))?.reason).toBe('PodOSNotSupported');
});

test('kernel parameters that are not safe, or not the pod’s own, are refused', () => {
  const sysctl = (name: string, more: Partial<PodSpec> = {}) =>
    refused(podOf({ ...more, securityContext: { sysctls: [{ name, value: '1' }] } }));
  expect(sysctl('kernel.msgmax')).toEqual({
    reason: 'SysctlForbidden',
    message: 'forbidden sysctl: "kernel.msgmax" not allowlisted',
  });
  expect(sysctl('net/ipv4/tcp_syncookies')).toBeUndefined();
  expect(sysctl('net.ipv4.tcp_syncookies', { hostNetwork: true })?.message).toBe(
    'forbidden sysctl: "net.ipv4.tcp_syncookies" not allowed with host Net enabled',
  );
});

test('under pressure a node takes only what is critical, or says how much memory it needs', () => {
  const under = (pod: Pod, pressure: Condition) => told(refusalOf(inputOf(pod, { pressure: [pressure] })));
  const measured = podOf({ containers: [asking({ memory: '1Mi' })] });
  expect(under(podOf(), 'MemoryPressure')).toEqual({
    reason: 'Evicted',
    message: 'The node had condition: [MemoryPressure]. ',
  });
  expect(under(measured, 'MemoryPressure')).toBeUndefined();
  expect(under(measured, 'DiskPressure')?.message).toBe('The node had condition: [DiskPressure]. ');
  expect(under(podOf({ priority: 2_000_000_000 }), 'DiskPressure')).toBeUndefined();
});

test('a feature that this kubelet does not declare is refused by its name, and one that it has is not', () => {
  expect(refused(podOf({ hostNetwork: true, hostUsers: false }))).toEqual({
    reason: 'PodFeatureUnsupported',
    message: 'Pod requires node features that are not available: UserNamespacesHostNetworkSupport',
  });
  const exitCodes = { operator: 'In', values: [1] };
  const restarting = { ...asking({}), restartPolicyRules: [{ action: 'RestartAllContainers', exitCodes }] };
  expect(refused(podOf({ containers: [restarting] }))).toBeUndefined();
});

test('kernel parameters that are not safe need the word of whoever runs the node', () => {
  const asks = (name: string, spec: Partial<PodSpec> = {}) =>
    podOf({ securityContext: { sysctls: [{ name, value: '1' }] }, ...spec });
  const told = (pod: Pod, ...allowedSysctls: string[]) => refusalOf(inputOf(pod, { allowedSysctls }))?.message;
  expect(told(asks('kernel.msgmax'))).toBe('forbidden sysctl: "kernel.msgmax" not allowlisted');
  expect(told(asks('kernel.msgmax'), 'kernel.msg*')).toBeUndefined();
  expect(told(asks('kernel/msgmax'), 'kernel.msgmax')).toBeUndefined();
  expect(told(asks('kernel.msgmax'), 'net.*', 'kernel.msg')).toBe('forbidden sysctl: "kernel.msgmax" not allowlisted');
  expect(told(asks('net.core.somaxconn', { hostNetwork: true }), 'net.*')).toBe(
    'forbidden sysctl: "net.core.somaxconn" not allowed with host Net enabled',
  );
  expect(told(asks('fs.mqueue.msg_max', { hostIPC: true }), 'fs.mqueue.*')).toBe(
    'forbidden sysctl: "fs.mqueue.msg_max" not allowed with host IPC enabled',
  );
  expect(allowedSysctlProblem('kernel.msg*')).toBeUndefined();
  expect(allowedSysctlProblem('vm.swappiness')).toBe('the sysctls "vm.swappiness" are not known to be namespaced');
  expect(allowedSysctlProblem('net.*.x')).toContain('must');
});
