import { describe, expect, test } from 'vitest';
import type { Container, Pod, PodSpec, Volume } from '#api/gen/core-v1.js';
import { copy } from '#base/json.js';
import pods from './index.js';

const container: Container = { name: 'web', image: 'nginx' };

function podOf(spec: Partial<PodSpec>, metadata: Pod['metadata'] = {}): Pod {
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'default', ...metadata },
    spec: copy({ containers: [container], ...spec }),
  };
  pods.default!(pod);
  return pod;
}

function messagesOf(spec: Partial<PodSpec>, metadata?: Pod['metadata']): string[] {
  const pod = podOf(spec, metadata);
  return [...pods.validate!(pod), ...pods.validateCreate!(pod)].map(({ message }) => message);
}

const withContainer = (more: Partial<Container>) => messagesOf({ containers: [{ ...container, ...more }] });
const withVolume = (volume: Partial<Volume>) => messagesOf({ volumes: [{ name: 'data', ...volume }] });

const labelRule =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

describe('a pod is refused', () => {
  test('without containers, names or images', () => {
    expect(messagesOf({ containers: [] })).toEqual(['spec.containers: Required value']);
    expect(withContainer({ name: '' })).toEqual(['spec.containers[0].name: Required value']);
    expect(withContainer({ image: '' })).toEqual(['spec.containers[0].image: Required value']);
    expect(withContainer({ name: 'Web' })).toEqual([`spec.containers[0].name: Invalid value: "Web": ${labelRule}`]);
    expect(withContainer({ image: ' nginx' })).toEqual([
      'spec.containers[0].image: Invalid value: " nginx": must not have leading or trailing whitespace',
    ]);
  });

  test('with two containers of one name, of whatever sort', () => {
    expect(messagesOf({ containers: [container, container] })).toEqual([
      'spec.containers[1].name: Duplicate value: "web"',
    ]);
    expect(messagesOf({ initContainers: [container] })).toEqual([
      'spec.initContainers[0].name: Duplicate value: "web"',
    ]);
  });

  test('with volumes of two sorts, or mounts of a volume that is not valid', () => {
    expect(withVolume({ emptyDir: {}, cephfs: { monitors: [] }, downwardAPI: {} })).toEqual([
      'spec.volumes[0].cephFS: Forbidden: may not specify more than 1 volume type',
      'spec.volumes[0].downwarAPI: Forbidden: may not specify more than 1 volume type',
    ]);
    expect(withVolume({ gcePersistentDisk: { pdName: '', partition: 256 }, nfs: { server: '', path: '' } })).toEqual([
      'spec.volumes[0].persistentDisk.pdName: Required value',
      'spec.volumes[0].persistentDisk.partition: Invalid value: 256: must be between 1 and 255, inclusive',
      'spec.volumes[0].nfs: Forbidden: may not specify more than 1 volume type',
    ]);
    const mounting = { ...container, volumeMounts: [{ name: 'data', mountPath: '/data' }] };
    expect(messagesOf({ volumes: [{ name: 'data', secret: {} }], containers: [mounting] })).toEqual([
      'spec.volumes[0].secret.secretName: Required value',
      'spec.containers[0].volumeMounts[0].name: Not found: "data"',
    ]);
    expect(messagesOf({ volumes: ['', ''].map((name) => ({ name, emptyDir: {} })) })).toEqual([
      'spec.volumes[0].name: Required value',
      'spec.volumes[1].name: Required value',
    ]);
  });

  test('in words that show the whole of a part as upstream has it', () => {
    expect(messagesOf({ resourceClaims: [{ name: 'gpu' }] })).toEqual([
      'spec.resourceClaims[0]: Invalid value: {"Name":"gpu","ResourceClaimName":null,"ResourceClaimTemplateName":null}: must specify one of: `resourceClaimName`, `resourceClaimTemplateName`',
    ]);
    const seccompProfile = { type: 'RuntimeDefault', localhostProfile: 'a' };
    expect(messagesOf({ securityContext: { seccompProfile } })).toEqual([
      'spec.securityContext.seccompProfile.localhostProfile: Invalid value: {"Type":"RuntimeDefault","LocalhostProfile":"a"}: can only be set when seccomp type is Localhost',
    ]);
  });

  test('with values that are not among those supported', () => {
    expect(withContainer({ imagePullPolicy: 'x' })).toEqual([
      'spec.containers[0].imagePullPolicy: Unsupported value: "x": supported values: "Always", "IfNotPresent", "Never"',
    ]);
    expect(messagesOf({ restartPolicy: 'Sometimes' })).toEqual([
      'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"',
    ]);
    expect(messagesOf({ dnsPolicy: 'Mine' })).toEqual([
      'spec.dnsPolicy: Unsupported value: "Mine": supported values: "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"',
    ]);
    expect(withContainer({ ports: [{ containerPort: 80, protocol: 'HTTP' }] })).toEqual([
      'spec.containers[0].ports[0].protocol: Unsupported value: "HTTP": supported values: "SCTP", "TCP", "UDP"',
    ]);
  });

  test('with ports out of range or taken twice', () => {
    expect(withContainer({ ports: [{ containerPort: 65536 }] })).toEqual([
      'spec.containers[0].ports[0].containerPort: Invalid value: 65536: must be between 1 and 65535, inclusive',
    ]);
    expect(withContainer({ ports: [{ containerPort: 0 }] })).toEqual([
      'spec.containers[0].ports[0].containerPort: Required value',
    ]);
    const port = { containerPort: 80, hostPort: 8080 };
    expect(withContainer({ ports: [port, { ...port, containerPort: 81 }] })).toEqual([
      'spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//8080"',
    ]);
    expect(messagesOf({ hostNetwork: true, containers: [{ ...container, ports: [port] }] })).toEqual([
      'spec.containers[0].ports[0].hostPort: Invalid value: 8080: must match `containerPort` when `hostNetwork` is true',
    ]);
  });

  test('with an environment of two minds', () => {
    const fieldRef = { fieldPath: 'metadata.name' };
    expect(withContainer({ env: [{ name: 'A', value: 'x', valueFrom: { fieldRef } }] })).toEqual([
      'spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
    ]);
    expect(
      withContainer({ env: [{ name: 'A', valueFrom: { fieldRef, secretKeyRef: { name: 's', key: 'k' } } }] }),
    ).toEqual([
      'spec.containers[0].env[0].valueFrom: Invalid value: "": may not have more than one field specified at a time',
    ]);
    expect(withContainer({ env: [{ name: '' }] })).toEqual(['spec.containers[0].env[0].name: Required value']);
    expect(withContainer({ env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.labels' } } }] })).toEqual([
      'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Unsupported value: "metadata.labels": supported values: "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"',
    ]);
    expect(withContainer({ env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.nope' } } }] })).toEqual([
      'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.nope": error converting fieldPath: field label not supported: spec.nope',
    ]);
    const resourceFieldRef = { resource: 'limits.cpu', divisor: '1k' };
    expect(withContainer({ env: [{ name: 'A', valueFrom: { resourceFieldRef } }] })).toEqual([
      'spec.containers[0].env[0].valueFrom.resourceFieldRef.divisor: Invalid value: "limits.cpu": only divisor\'s values 1m and 1 are supported with the cpu resource',
    ]);
  });

  test('with volumes of no source, of two, or of one name', () => {
    const secret = { secretName: 's' };
    expect(withVolume({ secret, configMap: { name: 'c' } })).toEqual([
      'spec.volumes[0].configMap: Forbidden: may not specify more than 1 volume type',
    ]);
    expect(
      messagesOf({
        volumes: [
          { name: 'data', secret },
          { name: 'data', secret },
        ],
      }),
    ).toEqual(['spec.volumes[1].name: Duplicate value: "data"']);
    expect(withVolume({ hostPath: { path: '/a/../b', type: 'Disk' } })).toEqual([
      'spec.volumes[0].hostPath.path: Invalid value: "/a/../b": must not contain \'..\'',
      'spec.volumes[0].hostPath.type: Unsupported value: "Disk": supported values: "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"',
    ]);
    expect(withVolume({ configMap: { name: 'c', defaultMode: 0o1000 } })).toEqual([
      'spec.volumes[0].configMap.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive',
    ]);
    const items = [{ key: 'k', path: 'p' }];
    expect(
      withVolume({ projected: { sources: [{ configMap: { name: 'c', items } }, { secret: { name: 's', items } }] } }),
    ).toEqual(['spec.volumes[0].projected: Invalid value: "s": conflicting duplicate paths']);
    expect(withVolume({ nfs: { server: '', path: 'x' } })).toEqual([
      'spec.volumes[0].nfs.server: Required value',
      'spec.volumes[0].nfs.path: Invalid value: "x": must be an absolute path',
    ]);
  });

  test('that mounts what is not there, or in one place twice', () => {
    expect(withContainer({ volumeMounts: [{ name: 'x', mountPath: '/a' }] })).toEqual([
      'spec.containers[0].volumeMounts[0].name: Not found: "x"',
    ]);
    const mount = { name: 'data', mountPath: '/a' };
    const volumes = [{ name: 'data' }];
    expect(messagesOf({ volumes, containers: [{ ...container, volumeMounts: [mount, mount] }] })).toEqual([
      'spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/a": must be unique',
    ]);
    expect(
      messagesOf({ volumes, containers: [{ ...container, volumeMounts: [{ ...mount, subPath: '/x' }] }] }),
    ).toEqual(['spec.containers[0].volumeMounts.subPath: Invalid value: "/x": must be a relative path']);
  });

  test('with resources that contradict each other', () => {
    expect(withContainer({ resources: { limits: { cpu: '1' }, requests: { cpu: '2' } } })).toEqual([
      'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
    ]);
    expect(withContainer({ resources: { limits: { foo: '1' } } })).toEqual(
      ['limits', 'requests'].flatMap((list) => [
        `spec.containers[0].resources.${list}[foo]: Invalid value: "foo": must be a standard resource type or fully qualified`,
        `spec.containers[0].resources.${list}[foo]: Invalid value: "foo": must be a standard resource for containers`,
      ]),
    );
    expect(withContainer({ resources: { requests: { memory: '-1' } } })).toEqual([
      'spec.containers[0].resources.requests[memory]: Invalid value: "-1": must be greater than or equal to 0',
    ]);
    expect(withContainer({ resources: { requests: { 'example.com/gpu': '1' } } })).toEqual([
      'spec.containers[0].resources.limits: Required value: Limit must be set for non overcommitable resources',
    ]);
    expect(withContainer({ resources: { limits: { 'hugepages-2Mi': '4Mi' } } })).toEqual([
      'spec.containers[0].resources: Forbidden: HugePages require cpu or memory',
    ]);
    expect(withContainer({ resources: { limits: { 'example.com/gpu': '500m' } } })).toEqual(
      ['limits', 'requests'].map(
        (list) => `spec.containers[0].resources.${list}[example.com/gpu]: Invalid value: "500m": must be an integer`,
      ),
    );
  });

  test('with probes of no handler, of two, or of numbers below zero', () => {
    expect(withContainer({ livenessProbe: {} })).toEqual([
      'spec.containers[0].livenessProbe: Required value: must specify a handler type',
    ]);
    const exec = { command: ['true'] };
    expect(withContainer({ livenessProbe: { exec, httpGet: { port: 80 } } })).toEqual([
      'spec.containers[0].livenessProbe.httpGet: Forbidden: may not specify more than 1 handler type',
    ]);
    expect(withContainer({ livenessProbe: { exec, successThreshold: 2, periodSeconds: -1 } })).toEqual([
      'spec.containers[0].livenessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0',
      'spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1',
    ]);
    expect(withContainer({ readinessProbe: { exec, terminationGracePeriodSeconds: 1 } })).toEqual([
      'spec.containers[0].readinessProbe.terminationGracePeriodSeconds: Invalid value: 1: must not be set for readinessProbes',
    ]);
    const init = { ...container, name: 'init', livenessProbe: { exec } };
    expect(messagesOf({ initContainers: [init] })).toEqual([
      'spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
    ]);
    expect(messagesOf({ initContainers: [{ ...init, restartPolicy: 'Always' }] })).toEqual([]);
  });

  test('with tolerations and affinities that say nothing sensible', () => {
    expect(messagesOf({ tolerations: [{}] })).toEqual([
      'spec.tolerations[0].operator: Invalid value: "": operator must be Exists when `key` is empty, which means "match all values and all keys"',
    ]);
    expect(messagesOf({ tolerations: [{ key: 'a', operator: 'Exists', value: 'b' }] })).toEqual([
      'spec.tolerations[0].operator: Invalid value: "b": value must be empty when `operator` is \'Exists\'',
    ]);
    expect(messagesOf({ tolerations: [{ key: 'a', effect: 'NoSchedule', tolerationSeconds: 1 }] })).toEqual([
      'spec.tolerations[0].effect: Invalid value: "NoSchedule": effect must be \'NoExecute\' when `tolerationSeconds` is set',
    ]);
    const term = { topologyKey: '', labelSelector: {} };
    expect(
      messagesOf({
        affinity: {
          podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 0, podAffinityTerm: term }] },
        },
      }).slice(0, 2),
    ).toEqual([
      'spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 0: must be in the range 1-100',
      'spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm.topologyKey: Required value: can not be empty',
    ]);
    const constraint = { maxSkew: 0, topologyKey: 'zone', whenUnsatisfiable: 'ScheduleAnyway', minDomains: 1 };
    expect(messagesOf({ topologySpreadConstraints: [constraint] })).toEqual([
      'spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero',
      'spec.topologySpreadConstraints[0].minDomains: Invalid value: 1: can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway',
    ]);
  });

  test('with security settings that cancel each other', () => {
    expect(withContainer({ securityContext: { privileged: true, allowPrivilegeEscalation: false } })).toEqual([
      'spec.containers[0].securityContext: Invalid value: {"Capabilities":null,"Privileged":true,"SELinuxOptions":null,"WindowsOptions":null,"RunAsUser":null,"RunAsGroup":null,"RunAsNonRoot":null,"ReadOnlyRootFilesystem":null,"AllowPrivilegeEscalation":false,"ProcMount":null,"SeccompProfile":null,"AppArmorProfile":null}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true',
    ]);
    expect(messagesOf({ securityContext: { runAsUser: -1 } })).toEqual([
      'spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive',
    ]);
    expect(withContainer({ securityContext: { seccompProfile: { type: 'Localhost' } } })).toEqual([
      'spec.containers[0].securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost',
    ]);
  });

  test('with what may only come later', () => {
    const debuggers = [{ name: 'debug', image: 'busybox' }];
    expect(messagesOf({ ephemeralContainers: debuggers })).toEqual([
      'spec.ephemeralContainers: Forbidden: cannot be set on create',
    ]);
    expect(messagesOf({ nodeName: 'one', schedulingGates: [{ name: 'example.com/wait' }] })).toEqual([
      'spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared',
    ]);
    expect(messagesOf({ dnsPolicy: 'None' })).toEqual([
      'spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None',
    ]);
  });
});

describe('an update of a pod', () => {
  const update = (change: (pod: Pod) => void, spec: Partial<PodSpec> = {}) => {
    const old = podOf(spec);
    const pod = podOf(spec);
    change(pod);
    return pods.validateUpdate!(pod, old).map(({ message }) => message);
  };

  test('may change the image', () => {
    expect(update((pod) => (pod.spec.containers[0]!.image = 'nginx:2'))).toEqual([]);
  });

  test('may not change anything else, and says what', () => {
    const [message] = update((pod) => (pod.spec.containers[0]!.command = ['sh']));
    expect(message).toBe(
      'spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n@@ -5,7 +5,9 @@\n   {\n    "Name": "web",\n    "Image": "nginx",\n-   "Command": null,\n+   "Command": [\n+    "sh"\n+   ],\n    "Args": null,\n    "WorkingDir": "",\n    "Ports": null,\n',
    );
  });

  test('may not add a container', () => {
    expect(update((pod) => pod.spec.containers.push({ ...container, name: 'other' }))).toEqual([
      'spec.containers: Forbidden: pod updates may not add or remove containers',
    ]);
  });

  test('may shorten a deadline, never lengthen or drop it', () => {
    const spec = { activeDeadlineSeconds: 10 };
    expect(update((pod) => (pod.spec.activeDeadlineSeconds = 5), spec)).toEqual([]);
    expect(update((pod) => (pod.spec.activeDeadlineSeconds = 11), spec)).toEqual([
      'spec.activeDeadlineSeconds: Invalid value: 11: must be less than or equal to previous value',
    ]);
    expect(update((pod) => delete pod.spec.activeDeadlineSeconds, spec)).toEqual([
      'spec.activeDeadlineSeconds: Invalid value: null: must not update from a positive integer to nil value',
    ]);
  });

  test('may not change what class it has, nor what kubelets say of it', () => {
    const [message] = update((pod) => (pod.spec.containers[0]!.resources = { requests: { cpu: '1' } }));
    expect(message).toBe('metadata: Invalid value: "": Pod QoS is immutable');
    const mirror = 'kubernetes.io/config.mirror';
    expect(update((pod) => (pod.metadata.annotations = { [mirror]: 'x' }))).toEqual([
      `metadata.annotations[${mirror}]: Forbidden: may not add mirror pod annotation`,
    ]);
  });

  test('may add tolerations, never take them', () => {
    const spec = { tolerations: [{ key: 'a', operator: 'Exists' }] };
    expect(update((pod) => pod.spec.tolerations!.push({ key: 'b', operator: 'Exists' }), spec)).toEqual([]);
    expect(update((pod) => (pod.spec.tolerations = []), spec)).toEqual([
      'spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds',
    ]);
  });

  test('may narrow the nodes of a gated pod', () => {
    const spec = { schedulingGates: [{ name: 'example.com/wait' }], nodeSelector: { a: '1' } };
    expect(update((pod) => (pod.spec.nodeSelector = { a: '1', b: '2' }), spec)).toEqual([]);
    expect(update((pod) => (pod.spec.nodeSelector = { a: '2' }), spec)).toEqual([
      'spec.nodeSelector: Invalid value: {"a":"2"}: only additions to spec.nodeSelector are allowed (no mutations or deletions)',
    ]);
  });
});

test('a container that ended for good is not reported running again', () => {
  const old = podOf({ restartPolicy: 'Never' });
  const status = { name: 'web', ready: false, restartCount: 0, image: '', imageID: '' };
  old.status = { containerStatuses: [{ ...status, state: { terminated: { exitCode: 0 } } }] };
  const pod = { ...old, status: { containerStatuses: [{ ...status, state: { running: {} } }] } };
  expect(pods.validateStatusUpdate!(pod, old).map(({ message }) => message)).toEqual([
    'status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state',
  ]);
});

test('claims in a status are those of the spec, each once', () => {
  const old = podOf({ resourceClaims: [{ name: 'gpu', resourceClaimName: 'a' }] });
  const resourceClaimStatuses = [{ name: 'gpu' }, { name: 'gpu' }, { name: 'odd' }];
  expect(
    pods.validateStatusUpdate!({ ...old, status: { resourceClaimStatuses } }, old).map(({ message }) => message),
  ).toEqual([
    'status.resourceClaimStatuses[1].name: Duplicate value: "gpu"',
    'status.resourceClaimStatuses[2].name: Invalid value: "odd": must match the name of an entry in `spec.resourceClaims`',
  ]);
});
