/** The official names of containers that run once, on real containers: all of them in one pod, and few pods beside it. */
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { Cluster } from '../../e2e/cluster.js';
import { busyboxImage, busyboxReference } from '../../images/images.js';
import { eventually } from '../../kubectl.js';
import { conformance } from './label.js';
import { data, greeterConfig, greeterReference, hostAliases, nodeCases } from './node-cases.js';

interface ContainerStatus {
  name: string;
  state: { terminated?: { exitCode: number } };
}

let cluster: Cluster;
/** By the index of the case. */
const logs: string[] = [];
const ends: { message?: string }[] = [];
const fields: Record<string, string> = {};
const tags = '[Conformance] [NodeConformance]';

beforeAll(async () => {
  const images = [await busyboxImage(), await busyboxImage([greeterReference], greeterConfig)];
  cluster = await Cluster.start({ subnet: 102, images });
  const metadata = { name: 'values' };
  const service = { ports: [{ port: 8765, targetPort: 8080 }] };
  await cluster.apply(
    { apiVersion: 'v1', kind: 'ConfigMap', metadata, data },
    { apiVersion: 'v1', kind: 'Secret', metadata, stringData: data },
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'fooservice' }, spec: service },
  );
  await Promise.all([runAll(), runOthers()]);
}, 180_000);
afterEach(({ task }) => {
  if (task.result?.state === 'fail') cluster.showLogs();
});
afterAll(() => cluster?.purge());

function podOf(name: string, spec: object, metadata = {}) {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, ...metadata }, spec };
}

const phaseOf = async (name: string) => (await cluster.json(`get pod ${name}`)).status.phase;
const waitFor = (name: string, phase: string) =>
  cluster.kubectl(['wait', `--for=jsonpath={.status.phase}=${phase}`, `pod/${name}`, '--timeout=120s']);

/** The pod of all cases fails in the end, for some of its containers do. */
async function runAll(): Promise<void> {
  const containers = nodeCases.map((one, index) => ({ name: `c${index}`, ...one.container }));
  const securityContext = { runAsUser: 1003, runAsGroup: 2004 };
  const volumes = [{ name: 'work', emptyDir: {} }];
  await cluster.apply(podOf('runs', { restartPolicy: 'Never', hostAliases, securityContext, volumes, containers }));
  await waitFor('runs', 'Failed');
  const { metadata, status } = await cluster.json('get pod runs');
  const [node] = (await cluster.json('get nodes')).items;
  const { cpu, memory } = node.status.allocatable;
  fields.uid = metadata.uid;
  fields.hostIP = status.hostIP;
  fields.podIP = status.podIP;
  fields['node.cpu'] = String(cpu.endsWith('m') ? Math.ceil(Number.parseInt(cpu, 10) / 1000) : cpu);
  fields['node.memory'] = String(memory.endsWith('Ki') ? Number.parseInt(memory, 10) * 1024 : memory);
  fields.service = (await cluster.json('get service fooservice')).spec.clusterIP;
  for (const { name, state } of status.containerStatuses) ends[Number(name.slice(1))] = state.terminated;
  for (const [index] of nodeCases.entries()) logs[index] = (await cluster.kubectl(`logs runs -c c${index}`)).trimEnd();
}

const filled = (text: string) => text.replace(/\{([\w.]+)\}/g, (_, name: string) => fields[name] ?? 'missing');

for (const [index, { name, says, message }] of nodeCases.entries())
  conformance(name, async () => {
    if (message !== undefined) expect(ends[index]!.message ?? '').toBe(message);
    if (typeof says === 'string') expect(logs[index]).toBe(filled(says));
    else if (says) expect(logs[index]!.split('\n')).toEqual(expect.arrayContaining(says.map(filled)));
  });

const counts = '/counts/file';
const counting = `echo run >> ${counts}; case $(wc -l < ${counts}) in 1) exit 1;; 2) exit 0;; esac; sleep 600`;
const initOf = (first: string, last: string, restartPolicy: string) => ({
  ...{ restartPolicy, terminationGracePeriodSeconds: 0 },
  initContainers: [first, last].map((word, index) => ({
    name: `init${index}`,
    image: busyboxReference,
    command: [word],
  })),
  containers: [
    { name: 'main', image: busyboxReference, command: restartPolicy === 'Always' ? ['sleep', '600'] : ['true'] },
  ],
});

/** Pods that go on by themselves while the tests of others run. */
async function runOthers(): Promise<void> {
  const shell = (name: string, script: string, more = {}) => ({
    ...{ name, image: busyboxReference, command: ['sh', '-c', script] },
    ...more,
  });
  const counter = {
    ...{ terminationGracePeriodSeconds: 0, volumes: [{ name: 'counts', emptyDir: { medium: 'Memory' } }] },
    containers: [shell('main', counting, { volumeMounts: [{ name: 'counts', mountPath: '/counts' }] })],
  };
  const volumes = [{ name: 'work', emptyDir: {} }];
  const variable = { name: 'VALUE', valueFrom: { fieldRef: { fieldPath: "metadata.annotations['sub']" } } };
  const subPath = (name: string, value: object, subPathExpr = '$(VALUE)') =>
    shell(name, 'sleep 600', {
      env: [value],
      volumeMounts: [{ name: 'work', mountPath: '/work', subPathExpr }],
    });
  const sysctls = [{ name: 'kernel.shm_rmid_forced', value: '1' }];
  const hosts = shell('main', 'cat /etc/hosts');
  const own = { ...shell('own', 'cat /etc/hosts'), volumeMounts: [{ name: 'hosts', mountPath: '/etc/hosts' }] };
  const file = { name: 'hosts', hostPath: { path: '/etc/hosts', type: 'File' } };
  const once = { restartPolicy: 'Never', terminationGracePeriodSeconds: 0 };
  await cluster.apply(
    ...['Always', 'OnFailure', 'Never'].map((restartPolicy) =>
      podOf(`count-${restartPolicy.toLowerCase()}`, { restartPolicy, ...counter }),
    ),
    podOf('fails', { containers: [shell('main', 'exit 1')] }),
    podOf('init-always', initOf('true', 'true', 'Always')),
    podOf('init-never', initOf('true', 'true', 'Never')),
    podOf('init-fails-always', initOf('false', 'true', 'Always')),
    podOf('init-fails-never', initOf('true', 'false', 'Never')),
    podOf('sub-paths', {
      ...{ terminationGracePeriodSeconds: 0, volumes },
      containers: [
        subPath('dots', { name: 'VALUE', value: '..' }),
        subPath('absolute', { name: 'VALUE', value: '/tmp' }),
        // Absolute as long as the pod has no such annotation.
        subPath('later', variable, '$(VALUE)/inner'),
      ],
    }),
    podOf('sysctls', {
      ...once,
      securityContext: { sysctls },
      containers: [shell('main', 'sysctl kernel.shm_rmid_forced')],
    }),
    podOf('hosts', { ...once, volumes: [file], containers: [hosts, own] }),
    podOf('hosts-of-node', { ...once, hostNetwork: true, containers: [hosts] }),
    podOf('stays', { terminationGracePeriodSeconds: 0, containers: [shell('main', 'sleep 600')] }),
  );
}

conformance(
  `[sig-node] Container Runtime blackbox test when starting a container that exits should run with the expected status ${tags}`,
  async () => {
    const expected = [
      ['count-always', 'Running', 2, true],
      ['count-onfailure', 'Succeeded', 1, false],
      ['count-never', 'Failed', 0, false],
    ];
    const seen = async ([name]: (typeof expected)[number]) => {
      const { phase, containerStatuses } = (await cluster.json(`get pod ${name}`)).status;
      return [name, phase, containerStatuses[0].restartCount, containerStatuses[0].ready];
    };
    await eventually(
      'each has ended or goes on as its policy says',
      async () => expect(await Promise.all(expected.map(seen))).toEqual(expected),
      { timeoutMs: 90_000, everyMs: 1000 },
    );
    await cluster.kubectl(['delete', 'pod', ...expected.map(([name]) => String(name)), '--timeout=60s']);
  },
);

conformance(
  `[sig-node] Kubelet when scheduling a busybox command that always fails in a pod should have an terminated reason ${tags}`,
  () =>
    eventually('the end has a reason', async () => {
      const [{ state, lastState }] = (await cluster.json('get pod fails')).status.containerStatuses;
      expect((state.terminated ?? lastState.terminated).reason).toBe('Error');
    }),
);

conformance(
  `[sig-node] Kubelet when scheduling a busybox command that always fails in a pod should be possible to delete ${tags}`,
  async () => {
    await cluster.kubectl('delete pod fails --timeout=60s');
    expect((await cluster.try('get pod fails')).stderr).toContain('NotFound');
  },
);

const initCases = [
  ['invoke init containers on a RestartAlways pod', 'init-always', 'Running'],
  ['invoke init containers on a RestartNever pod', 'init-never', 'Succeeded'],
] as const;
for (const [what, pod, phase] of initCases)
  conformance(`[sig-node] InitContainer should ${what} ${tags}`, async () => {
    await waitFor(pod, phase);
    const { conditions, initContainerStatuses } = (await cluster.json(`get pod ${pod}`)).status;
    expect(conditions).toContainEqual(expect.objectContaining({ type: 'Initialized', status: 'True' }));
    for (const { ready, state } of initContainerStatuses) expect([ready, state.terminated.exitCode]).toEqual([true, 0]);
  });

conformance(
  `[sig-node] InitContainer should not start app containers and fail the pod if init containers fail on a RestartNever pod ${tags}`,
  async () => {
    await waitFor('init-fails-never', 'Failed');
    const { conditions, initContainerStatuses, containerStatuses } = (await cluster.json('get pod init-fails-never'))
      .status;
    const initialized = { type: 'Initialized', status: 'False', reason: 'ContainersNotInitialized' };
    expect(conditions).toContainEqual(expect.objectContaining(initialized));
    expect(initContainerStatuses.map((one: ContainerStatus) => one.state.terminated?.exitCode)).toEqual([0, 1]);
    expect(containerStatuses[0].state.waiting.reason).toBe('PodInitializing');
  },
);

conformance(
  `[sig-node] InitContainer should not start app containers if init containers fail on a RestartAlways pod ${tags}`,
  () =>
    eventually('it was tried three times', async () => {
      const { phase, initContainerStatuses, containerStatuses } = (await cluster.json('get pod init-fails-always'))
        .status;
      expect(initContainerStatuses[0].restartCount).toBeGreaterThanOrEqual(2);
      expect(initContainerStatuses[1].state.waiting.reason).toBe('PodInitializing');
      expect([phase, containerStatuses[0].state.waiting.reason]).toEqual(['Pending', 'PodInitializing']);
    }),
);

const waitingOf = async (container: string) =>
  (await cluster.json('get pod sub-paths')).status.containerStatuses.find(
    (one: ContainerStatus) => one.name === container,
  ).state.waiting?.reason;
for (const [what, container] of [
  ['backticks', 'dots'],
  ['absolute path', 'absolute'],
])
  conformance(
    `[sig-node] Variable Expansion should fail substituting values in a volume subpath with ${what} [Conformance]`,
    () =>
      eventually('the container is refused', async () =>
        expect(await waitingOf(container!)).toBe('CreateContainerConfigError'),
      ),
  );

conformance(
  '[sig-node] Variable Expansion should verify that a failing subpath expansion can be modified during the lifecycle of a container [Conformance] [Slow]',
  async () => {
    await eventually('the container is refused', async () =>
      expect(await waitingOf('later')).toBe('CreateContainerConfigError'),
    );
    await cluster.kubectl('annotate pod sub-paths sub=inner');
    await eventually(
      'the container runs',
      async () => expect(await cluster.kubectl('exec sub-paths -c later -- ls -d /work')).toBe('/work\n'),
      { timeoutMs: 60_000, everyMs: 1000 },
    );
  },
);

conformance(`[sig-node] Sysctls [LinuxOnly] should support sysctls [Environment:NotInUserNS] ${tags}`, async () => {
  await waitFor('sysctls', 'Succeeded');
  expect(await cluster.kubectl('logs sysctls')).toBe('kernel.shm_rmid_forced = 1\n');
});

conformance(`[sig-node] Sysctls [LinuxOnly] should reject invalid sysctls ${tags}`, async () => {
  const sysctls = ['foo-', 'kernel.shmmax', 'safe-and-unsafe', 'bar..'].map((name) => ({ name, value: '42' }));
  const containers = [{ name: 'main', image: busyboxReference }];
  const input = JSON.stringify(podOf('invalid-sysctls', { securityContext: { sysctls }, containers }));
  const { code, stderr } = await cluster.try('create -f -', { input });
  expect(code).toBe(1);
  expect(stderr).toContain('Invalid value: "foo-"');
  expect(stderr).toContain('Invalid value: "bar.."');
  expect(stderr).not.toMatch(/safe-and-unsafe|kernel\.shmmax/);
});

conformance(`[sig-node] KubeletManagedEtcHosts should test kubelet managed /etc/hosts file ${tags}`, async () => {
  await Promise.all(['hosts', 'hosts-of-node'].map((pod) => waitFor(pod, 'Succeeded')));
  const managed = '# Kubernetes-managed hosts file.';
  expect(await cluster.kubectl('logs hosts -c main')).toContain(managed);
  expect(await cluster.kubectl('logs hosts -c own')).not.toContain(managed);
  expect(await cluster.kubectl('logs hosts-of-node')).not.toContain(managed);
});

for (const [what, names] of [
  ['will start an ephemeral container in an existing pod', ['first']],
  ['should update the ephemeral containers in an existing pod', ['first', 'second']],
] as const)
  conformance(`[sig-node] Ephemeral Containers ${what} ${tags}`, async () => {
    const command = ['sh', '-c', 'echo polo; sleep 600'];
    const ephemeralContainers = names.map((name) => ({ name, image: busyboxReference, command }));
    const patch = JSON.stringify({ spec: { ephemeralContainers } });
    await waitFor('stays', 'Running');
    await cluster.kubectl(['patch', 'pod', 'stays', '--subresource=ephemeralcontainers', '-p', patch]);
    for (const name of names)
      await eventually(`${name} speaks`, async () =>
        expect(await cluster.kubectl(`logs stays -c ${name}`)).toBe('polo\n'),
      );
    expect(await phaseOf('stays')).toBe('Running');
  });
