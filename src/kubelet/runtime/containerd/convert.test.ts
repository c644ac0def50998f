import { describe, expect, it } from 'vitest';
import type { ContainerConfig, SandboxConfig } from '../runtime.js';
import { containerFromCri, containerToCri, milliseconds, sandboxFromCri, sandboxToCri } from './convert.js';
import { containerConfigMessage, containerStatusMessage, sandboxConfigMessage, sandboxStatusMessage } from './cri.js';

const sandbox: SandboxConfig = {
  name: 'web',
  namespace: 'default',
  uid: 'u1',
  attempt: 2,
  hostname: 'web',
  logDirectory: '/logs',
  dns: { servers: ['10.96.0.10'], searches: ['svc.cluster.local'], options: ['ndots:5'] },
  portMappings: [{ protocol: 'UDP', containerPort: 53, hostPort: 5353 }],
  labels: { a: 'b' },
  annotations: {},
  hostNetwork: false,
  hostPid: false,
  hostIpc: true,
  shareProcessNamespace: false,
  cgroupParent: '/kubepods/u1',
  sysctls: { 'net.core.somaxconn': '1024' },
  security: { privileged: false, runAsUser: 0, supplementalGroups: [5], seccomp: 'Unconfined' },
};
const container: ContainerConfig = {
  name: 'app',
  attempt: 1,
  imageId: 'sha256:1',
  image: 'nginx',
  command: ['a'],
  args: [],
  workingDir: '/w',
  env: [{ name: 'E', value: 'ü' }],
  mounts: [{ containerPath: '/c', hostPath: '/h', readOnly: true, propagation: 'host to container' }],
  devices: [],
  labels: {},
  annotations: {},
  logPath: 'app/1.log',
  stdin: false,
  stdinOnce: false,
  tty: false,
  resources: { cpuPeriodUs: 100_000, cpuQuotaUs: 5000, cpuShares: 51, memoryLimitBytes: 5e10, oomScoreAdj: -997 },
  security: {
    privileged: false,
    runAsGroup: 7,
    supplementalGroups: [],
    seccomp: { localhost: '/profiles/x.json' },
    readOnlyRootFilesystem: true,
    allowPrivilegeEscalation: false,
    addCapabilities: ['NET_ADMIN'],
    dropCapabilities: ['ALL'],
    procMount: 'Default',
  },
};

describe('what CRI is told', () => {
  it('of a sandbox', () => {
    const told = sandboxConfigMessage.decode(sandboxConfigMessage.encode(sandboxToCri(sandbox)));
    expect(told).toMatchObject({
      metadata: { name: 'web', uid: 'u1', namespace: 'default', attempt: 2 },
      portMappings: [{ protocol: 1, containerPort: 53, hostPort: 5353, hostIp: '' }],
      linux: {
        cgroupParent: '/kubepods/u1',
        securityContext: {
          // Network of the pod, processes of each container, IPC of the node.
          namespaceOptions: { network: 0, pid: 1, ipc: 2 },
          runAsUser: { value: 0n },
          runAsGroup: undefined,
          supplementalGroups: [5n],
          seccomp: { profileType: 1 },
        },
      },
    });
  });

  it('of a sandbox on the network of the host: no name of its own', () => {
    const told = sandboxToCri({ ...sandbox, hostNetwork: true });
    expect(told).toMatchObject({ hostname: '', linux: { securityContext: { namespaceOptions: { network: 2 } } } });
  });

  it('of a container: user 0 is told from none, and /proc is masked', () => {
    const told = containerConfigMessage.decode(containerConfigMessage.encode(containerToCri(container, sandbox)));
    expect(told).toMatchObject({
      image: { image: 'sha256:1', userSpecifiedImage: 'nginx' },
      envs: [{ key: 'E', value: Buffer.from('ü') }],
      mounts: [{ containerPath: '/c', hostPath: '/h', readonly: true, propagation: 1 }],
      linux: {
        resources: { cpuQuota: 5000, memoryLimitInBytes: 5e10, oomScoreAdj: -997 },
        securityContext: {
          capabilities: { addCapabilities: ['NET_ADMIN'], dropCapabilities: ['ALL'] },
          runAsUser: undefined,
          runAsGroup: { value: 7n },
          readonlyRootfs: true,
          noNewPrivs: true,
          seccomp: { profileType: 2, localhostRef: '/profiles/x.json' },
        },
      },
    });
    expect(told.linux?.securityContext?.maskedPaths).toContain('/proc/kcore');
    const bare = { ...container, security: { ...container.security, procMount: 'Unmasked' as const } };
    expect(containerToCri(bare, sandbox).linux?.securityContext?.maskedPaths).toEqual([]);
  });
});

describe('what CRI tells', () => {
  it('of a sandbox: every address, the primary first, and none when there is no network', () => {
    const empty = sandboxStatusMessage.decode(Buffer.alloc(0));
    const network = { ip: '10.0.0.2', additionalIps: [{ ip: 'fd00::2' }] };
    expect(sandboxFromCri({ ...empty, network })).toMatchObject({ ips: ['10.0.0.2', 'fd00::2'], ready: true });
    expect(sandboxFromCri({ ...empty, state: 1 })).toMatchObject({ ips: [], ready: false });
  });

  it('of a container: times in milliseconds, the state by name, the signal from the code', () => {
    const status = containerStatusMessage.decode(
      containerStatusMessage.encode({
        id: 'c',
        state: 2,
        exitCode: 137,
        startedAt: 1_700_000_000_123_456_789n,
        reason: 'OOMKilled',
      }),
    );
    expect(containerFromCri(status, { sandboxId: 's', imageId: 'sha256:9' })).toMatchObject({
      state: 'exited',
      startedAtMs: 1_700_000_000_123,
      finishedAtMs: 0,
      signal: 9,
      reason: 'OOMKilled',
      sandboxId: 's',
      imageId: 'sha256:9',
    });
    expect(milliseconds(-62135596800000000000n)).toBe(0);
  });
});
