/** What official names ask of containers that run once: each a container, and what its log or its end says. */
import { busyboxReference } from '../../images/images.js';

/** An image with an entry point of its own. */
export const greeterReference = 'registry.t8s.local/greeter:1';
export const greeterConfig = { Entrypoint: ['echo', 'entry'], Cmd: ['default', 'arguments'] };

export interface NodeCase {
  name: string;
  container: object;
  /** All of the log; a list: lines that are among it. A place in `{}` is a field of the pod's status, or its `uid` or `node.*`. */
  says?: string | readonly string[];
  /** The message the container ended with. */
  message?: string;
}

const tags = '[Conformance] [NodeConformance]';
const linux = '[LinuxOnly] ';
export const data = { 'data-1': 'value-1', 'data-2': 'value-2' };
export const hostAliases = [{ ip: '123.45.67.89', hostnames: ['foo', 'bar'] }];

const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });
const amount = (name: string, resource: string) => ({ name, valueFrom: { resourceFieldRef: { resource } } });
const sh = (script: string) => ({ command: ['sh', '-c', script] });

/** The shell leaves out names that are not its own, so `env` is run without one. */
const env = { command: ['env'] };

function objectCases(kind: 'ConfigMap' | 'Secrets'): NodeCase[] {
  const ref = kind === 'ConfigMap' ? 'configMapRef' : 'secretRef';
  const keyRef = kind === 'ConfigMap' ? 'configMapKeyRef' : 'secretKeyRef';
  const fromKey = { name: 'FROM_KEY', valueFrom: { [keyRef]: { name: 'values', key: 'data-1' } } };
  const prefixes = ['', '1-', '$_-', 'D.', '#'];
  const all = (prefix: string) => Object.entries(data).map(([key, value]) => `${prefix}${key}=${value}`);
  const titles =
    kind === 'ConfigMap'
      ? {
          one: `via environment variable ${tags}`,
          prefixed: 'as environment variable names with various prefixes [Conformance]',
        }
      : {
          one: `from pods in env vars ${tags}`,
          prefixed: 'as environment variable names variable names with various prefixes [Conformance]',
        };
  const of = (what: string, container: object, says: readonly string[]): NodeCase => ({
    name: `[sig-node] ${kind} should be consumable ${what}`,
    container: { ...env, ...container },
    says,
  });
  return [
    of(titles.one, { env: [fromKey] }, ['FROM_KEY=value-1']),
    of(
      `via the environment ${tags}`,
      { envFrom: [{ [ref]: { name: 'values' } }, { prefix: 'p-', [ref]: { name: 'values' } }] },
      [...all(''), ...all('p-')],
    ),
    of(
      titles.prefixed,
      { envFrom: prefixes.map((prefix) => ({ prefix, [ref]: { name: 'values' } })) },
      prefixes.flatMap(all),
    ),
  ];
}

function downwardCases(): NodeCase[] {
  const of = (what: string, variables: object[], says: readonly string[], more = {}): NodeCase => ({
    name: `[sig-node] Downward API should provide ${what} ${tags}`,
    container: { ...env, env: variables, ...more },
    says,
  });
  const limits = [amount('CPU_LIMIT', 'limits.cpu'), amount('MEMORY_LIMIT', 'limits.memory')];
  const requests = [amount('CPU_REQUEST', 'requests.cpu'), amount('MEMORY_REQUEST', 'requests.memory')];
  const resources = { requests: { cpu: '250m', memory: '32Mi' }, limits: { cpu: '1250m', memory: '64Mi' } };
  return [
    of(
      "container's limits.cpu/memory and requests.cpu/memory as env vars",
      [...limits, ...requests],
      // Whole cores, rounded up.
      ['CPU_LIMIT=2', 'CPU_REQUEST=1', `MEMORY_LIMIT=${64 * 2 ** 20}`, `MEMORY_REQUEST=${32 * 2 ** 20}`],
      { resources },
    ),
    of('default limits.cpu/memory from node allocatable', limits, [
      'CPU_LIMIT={node.cpu}',
      'MEMORY_LIMIT={node.memory}',
    ]),
    of('host IP as an env var', [field('HOST_IP', 'status.hostIP')], ['HOST_IP={hostIP}']),
    of('hostIPs as an env var', [field('HOST_IPS', 'status.hostIPs')], ['HOST_IPS={hostIP}']),
    of('pod UID as env vars', [field('POD_UID', 'metadata.uid')], ['POD_UID={uid}']),
    of(
      'pod name, namespace and IP address as env vars',
      [
        field('POD_NAME', 'metadata.name'),
        field('POD_NAMESPACE', 'metadata.namespace'),
        field('POD_IP', 'status.podIP'),
      ],
      ['POD_NAME=runs', 'POD_NAMESPACE=default', 'POD_IP={podIP}'],
    ),
  ];
}

function expansionCases(): NodeCase[] {
  const of = (what: string, container: object, says: NodeCase['says']): NodeCase => ({
    name: `[sig-node] Variable Expansion should ${what}`,
    container,
    says,
  });
  const value = { name: 'VALUE', value: 'test-value' };
  const mounts = (mountPath: string) => [
    { name: 'work', mountPath, subPathExpr: '$(VALUE)/deep' },
    { name: 'work', mountPath: '/whole' },
  ];
  const composed = { name: 'COMPOSED', value: 'a $(VALUE) $$(VALUE) $(NOTHING)' };
  return [
    of(`allow composing env vars into new env vars ${tags}`, { ...env, env: [value, composed] }, [
      'VALUE=test-value',
      'COMPOSED=a test-value $(VALUE) $(NOTHING)',
    ]),
    of(
      `allow substituting values in a container's args ${tags}`,
      { command: ['echo'], args: ['-$(VALUE)-'], env: [value] },
      '-test-value-',
    ),
    of(
      `allow substituting values in a container's command ${tags}`,
      { command: ['echo', '-$(VALUE)-'], env: [value] },
      '-test-value-',
    ),
    of(
      'allow substituting values in a volume subpath [Conformance]',
      { ...sh('test -d /whole/substituted/deep && ls /here'), env: [{ ...value, value: 'substituted' }] },
      '',
    ),
    of(
      'succeed in writing subpaths in container [Conformance]',
      { ...sh('echo written > /here/f; cat /whole/test-value/deep/f'), env: [value] },
      'written',
    ),
  ].map((one, index) => (index > 2 ? { ...one, container: { ...one.container, volumeMounts: mounts('/here') } } : one));
}

function imageCases(): NodeCase[] {
  const of = (what: string, container: object, says: string): NodeCase => ({
    name: `[sig-node] Containers should ${what} ${tags}`,
    container: { image: greeterReference, ...container },
    says,
  });
  const own = { command: ['echo', 'own'] };
  return [
    of('use the image defaults if command and args are blank', {}, 'entry default arguments'),
    of("be able to override the image's default arguments (container cmd)", { args: ['others'] }, 'entry others'),
    of("be able to override the image's default command (container entrypoint)", own, 'own'),
    of("be able to override the image's default command and arguments", { ...own, args: ['others'] }, 'own others'),
  ];
}

function securityCases(): NodeCase[] {
  const of = (what: string, { script, says }: { script: string; says: string }, securityContext: object): NodeCase => ({
    name: `[sig-node] Security Context ${what}`,
    container: { ...sh(script), securityContext },
    says,
  });
  return [
    of(
      `When creating a container with runAsUser should run the container with uid 65534 ${linux}${tags}`,
      { script: 'id -u', says: '65534' },
      { runAsUser: 65534 },
    ),
    of(
      `should support container.SecurityContext.RunAsUser And container.SecurityContext.RunAsGroup ${linux}[Conformance]`,
      { script: 'id -u; id -g', says: '1001\n2002' },
      { runAsUser: 1001, runAsGroup: 2002 },
    ),
    of(
      'should support pod.Spec.SecurityContext.RunAsUser And pod.Spec.SecurityContext.RunAsGroup [LinuxOnly] [Conformance]',
      { script: 'id -u; id -g', says: '1003\n2004' },
      {},
    ),
    of(
      `When creating a pod with privileged should run the container as unprivileged when false ${linux}${tags}`,
      { script: 'ip link add dummy0 type dummy 2>/dev/null || echo refused', says: 'refused' },
      { privileged: false, runAsUser: 0 },
    ),
    of(
      `When creating a pod with readOnlyRootFilesystem should run the container with writable rootfs when readOnlyRootFilesystem=false ${tags}`,
      { script: 'echo written > /file; cat /file', says: 'written' },
      { readOnlyRootFilesystem: false, runAsUser: 0 },
    ),
    of(
      `when creating containers with AllowPrivilegeEscalation should not allow privilege escalation when false ${linux}${tags}`,
      { script: 'grep NoNewPrivs /proc/self/status | tr -d "\\t"', says: 'NoNewPrivs:1' },
      { allowPrivilegeEscalation: false, runAsUser: 1000 },
    ),
    {
      name: `[sig-node] Kubelet when scheduling a read only busybox container should not write to root filesystem ${linux}${tags}`,
      container: {
        ...sh('echo checked; echo test > /file; sleep 1; cat /file || echo unwritten'),
        securityContext: { readOnlyRootFilesystem: true, runAsUser: 0 },
      },
      says: ['checked', 'unwritten'],
    },
  ];
}

function endCases(): NodeCase[] {
  const of = (what: string, script: string, message: string, more: object): NodeCase => ({
    name: `[sig-node] Container Runtime blackbox test on terminated container should report termination message ${what} ${tags}`,
    container: { ...sh(script), ...more },
    message,
  });
  const fallback = { terminationMessagePolicy: 'FallbackToLogsOnError' };
  return [
    of(
      'as empty when pod succeeds and TerminationMessagePolicy FallbackToLogsOnError is set',
      'echo DONE',
      '',
      fallback,
    ),
    of(
      'from file when pod succeeds and TerminationMessagePolicy FallbackToLogsOnError is set',
      'echo no; printf OK > /dev/termination-log',
      'OK',
      fallback,
    ),
    of(
      'from log output if TerminationMessagePolicy FallbackToLogsOnError is set',
      'printf DONE; exit 1',
      'DONE',
      fallback,
    ),
    of(
      'if TerminationMessagePath is set as non-root user and at a non-default path',
      'printf DONE > /dev/termination-custom-log',
      'DONE',
      { terminationMessagePath: '/dev/termination-custom-log', securityContext: { runAsUser: 10000 } },
    ),
  ];
}

const kubeletCases: readonly NodeCase[] = [
  {
    name: `[sig-node] Kubelet when scheduling a busybox command in a pod should print the output to logs ${tags}`,
    container: sh("echo 'Hello World'; echo again >&2"),
    says: ['Hello World', 'again'],
  },
  {
    name: `[sig-node] Kubelet when scheduling an agnhost Pod with hostAliases should write entries to /etc/hosts ${tags}`,
    container: { command: ['cat', '/etc/hosts'] },
    says: ['# Kubernetes-managed hosts file.', '# Entries added by HostAliases.', '123.45.67.89\tfoo\tbar'],
  },
  {
    name: `[sig-node] Pods should contain environment variables for services ${tags}`,
    container: env,
    says: [
      'FOOSERVICE_SERVICE_HOST={service}',
      'FOOSERVICE_SERVICE_PORT=8765',
      'FOOSERVICE_PORT=tcp://{service}:8765',
      'FOOSERVICE_PORT_8765_TCP_PORT=8765',
      'FOOSERVICE_PORT_8765_TCP_PROTO=tcp',
      'FOOSERVICE_PORT_8765_TCP=tcp://{service}:8765',
      'FOOSERVICE_PORT_8765_TCP_ADDR={service}',
    ],
  },
];

const withoutImage: readonly NodeCase[] = [
  ...objectCases('ConfigMap'),
  ...objectCases('Secrets'),
  ...downwardCases(),
  ...expansionCases(),
  ...imageCases(),
  ...securityCases(),
  ...endCases(),
  ...kubeletCases,
];

export const nodeCases: readonly NodeCase[] = withoutImage.map((one) => ({
  ...one,
  container: { image: busyboxReference, ...one.container },
}));
