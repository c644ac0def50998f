/**
 * The messages and methods of CRI v1 that we use, with the numbers of k8s.io/cri-api `runtime/v1/api.proto`.
 * Field names are the proto's in camel case; what is left out is what we neither set nor read.
 */
import type { Method } from '#base/grpc/channel.js';
import {
  bool,
  bytes,
  type Fields,
  int,
  int64,
  list,
  type Message,
  map,
  message,
  nested,
  string,
  uint64,
} from '#base/grpc/message.js';

const empty = message({});
const int64Value = message({ value: int64(1) });
const uint64Value = message({ value: uint64(1) });

export const namespaceMode = { pod: 0, container: 1, node: 2, target: 3 } as const;
export const seccompProfile = { RuntimeDefault: 0, Unconfined: 1, Localhost: 2 } as const;
export const mountPropagation = { private: 0, 'host to container': 1, bidirectional: 2 } as const;
export const portProtocol = { TCP: 0, UDP: 1, SCTP: 2 } as const;
/** By number. */
export const containerStates = ['created', 'running', 'exited', 'unknown'] as const;
export const sandboxReady = 0;

const namespaceOption = message({ network: int(1), pid: int(2), ipc: int(3), targetId: string(4) });
const securityProfile = message({ profileType: int(1), localhostRef: string(2) });
const linuxResources = message({
  cpuPeriod: int(1),
  cpuQuota: int(2),
  cpuShares: int(3),
  memoryLimitInBytes: int(4),
  oomScoreAdj: int(5),
});
const sandboxMetadata = message({ name: string(1), uid: string(2), namespace: string(3), attempt: int(4) });
const containerMetadata = message({ name: string(1), attempt: int(2) });
const imageSpec = message({ image: string(1), annotations: map(2), userSpecifiedImage: string(18) });

export const sandboxConfigMessage = message({
  metadata: nested(1, sandboxMetadata),
  hostname: string(2),
  logDirectory: string(3),
  dnsConfig: nested(4, message({ servers: list(string(1)), searches: list(string(2)), options: list(string(3)) })),
  portMappings: list(
    nested(5, message({ protocol: int(1), containerPort: int(2), hostPort: int(3), hostIp: string(4) })),
  ),
  labels: map(6),
  annotations: map(7),
  linux: nested(
    8,
    message({
      cgroupParent: string(1),
      securityContext: nested(
        2,
        message({
          namespaceOptions: nested(1, namespaceOption),
          runAsUser: nested(3, int64Value),
          readonlyRootfs: bool(4),
          supplementalGroups: list(int64(5)),
          privileged: bool(6),
          runAsGroup: nested(8, int64Value),
          seccomp: nested(9, securityProfile),
        }),
      ),
      sysctls: map(3),
    }),
  ),
});

const containerSecurityContext = message({
  capabilities: nested(1, message({ addCapabilities: list(string(1)), dropCapabilities: list(string(2)) })),
  privileged: bool(2),
  namespaceOptions: nested(3, namespaceOption),
  runAsUser: nested(5, int64Value),
  runAsUsername: string(6),
  readonlyRootfs: bool(7),
  supplementalGroups: list(int64(8)),
  noNewPrivs: bool(11),
  runAsGroup: nested(12, int64Value),
  maskedPaths: list(string(13)),
  readonlyPaths: list(string(14)),
  seccomp: nested(15, securityProfile),
});

export const containerConfigMessage = message({
  metadata: nested(1, containerMetadata),
  image: nested(2, imageSpec),
  command: list(string(3)),
  args: list(string(4)),
  workingDir: string(5),
  envs: list(nested(6, message({ key: string(1), value: bytes(2) }))),
  mounts: list(
    nested(7, message({ containerPath: string(1), hostPath: string(2), readonly: bool(3), propagation: int(5) })),
  ),
  devices: list(nested(8, message({ containerPath: string(1), hostPath: string(2), permissions: string(3) }))),
  labels: map(9),
  annotations: map(10),
  logPath: string(11),
  stdin: bool(12),
  stdinOnce: bool(13),
  tty: bool(14),
  linux: nested(
    15,
    message({ resources: nested(1, linuxResources), securityContext: nested(2, containerSecurityContext) }),
  ),
});

const sandboxId = message({ podSandboxId: string(1) });
const containerId = message({ containerId: string(1) });
const url = message({ url: string(1) });

export const sandboxStatusMessage = message({
  id: string(1),
  metadata: nested(2, sandboxMetadata),
  state: int(3),
  createdAt: int64(4),
  network: nested(5, message({ ip: string(1), additionalIps: list(nested(2, message({ ip: string(1) }))) })),
  labels: map(7),
  annotations: map(8),
});

export const containerStatusMessage = message({
  id: string(1),
  metadata: nested(2, containerMetadata),
  state: int(3),
  createdAt: int64(4),
  startedAt: int64(5),
  finishedAt: int64(6),
  exitCode: int(7),
  image: nested(8, imageSpec),
  imageRef: string(9),
  reason: string(10),
  message: string(11),
  labels: map(12),
  annotations: map(13),
  logPath: string(15),
  imageId: string(17),
});

export const sandboxMessage = message({
  id: string(1),
  metadata: nested(2, sandboxMetadata),
  state: int(3),
  createdAt: int64(4),
  labels: map(5),
  annotations: map(6),
});

export const containerMessage = message({
  id: string(1),
  podSandboxId: string(2),
  metadata: nested(3, containerMetadata),
  image: nested(4, imageSpec),
  imageRef: string(5),
  state: int(6),
  createdAt: int64(7),
  labels: map(8),
  annotations: map(9),
});

export const imageMessage = message({
  id: string(1),
  repoTags: list(string(2)),
  repoDigests: list(string(3)),
  size: int(4),
  uid: nested(5, int64Value),
  username: string(6),
  pinned: bool(8),
});

const cpuUsage = message({ timestamp: int64(1), usageCoreNanoSeconds: nested(2, uint64Value) });
const memoryUsage = message({ timestamp: int64(1), workingSetBytes: nested(2, uint64Value) });

export const filesystemUsageMessage = message({
  timestamp: int64(1),
  fsId: nested(2, message({ mountpoint: string(1) })),
  usedBytes: nested(3, uint64Value),
  inodesUsed: nested(4, uint64Value),
});

export const containerStatsMessage = message({
  attributes: nested(1, message({ id: string(1), metadata: nested(2, containerMetadata), labels: map(3) })),
  cpu: nested(2, cpuUsage),
  memory: nested(3, memoryUsage),
  writableLayer: nested(4, filesystemUsageMessage),
});

const service =
  (name: string) =>
  <In extends Fields, Out extends Fields>(
    method: string,
    request: Message<In>,
    response: Message<Out>,
  ): Method<In, Out> => ({ path: `/${name}/${method}`, request, response });

const runtime = service('runtime.v1.RuntimeService');
const image = service('runtime.v1.ImageService');

export const runtimeService = {
  version: runtime(
    'Version',
    message({ version: string(1) }),
    message({ version: string(1), runtimeName: string(2), runtimeVersion: string(3), runtimeApiVersion: string(4) }),
  ),
  status: runtime(
    'Status',
    message({ verbose: bool(1) }),
    message({
      status: nested(
        1,
        message({
          conditions: list(
            nested(1, message({ type: string(1), status: bool(2), reason: string(3), message: string(4) })),
          ),
        }),
      ),
      info: map(2),
    }),
  ),
  runPodSandbox: runtime(
    'RunPodSandbox',
    message({ config: nested(1, sandboxConfigMessage), runtimeHandler: string(2) }),
    sandboxId,
  ),
  stopPodSandbox: runtime('StopPodSandbox', sandboxId, empty),
  removePodSandbox: runtime('RemovePodSandbox', sandboxId, empty),
  podSandboxStatus: runtime(
    'PodSandboxStatus',
    message({ podSandboxId: string(1), verbose: bool(2) }),
    message({ status: nested(1, sandboxStatusMessage), info: map(2) }),
  ),
  listPodSandbox: runtime('ListPodSandbox', empty, message({ items: list(nested(1, sandboxMessage)) })),
  createContainer: runtime(
    'CreateContainer',
    message({
      podSandboxId: string(1),
      config: nested(2, containerConfigMessage),
      sandboxConfig: nested(3, sandboxConfigMessage),
    }),
    containerId,
  ),
  startContainer: runtime('StartContainer', containerId, empty),
  stopContainer: runtime('StopContainer', message({ containerId: string(1), timeout: int(2) }), empty),
  removeContainer: runtime('RemoveContainer', containerId, empty),
  listContainers: runtime(
    'ListContainers',
    message({ filter: nested(1, message({ id: string(1), podSandboxId: string(3) })) }),
    message({ containers: list(nested(1, containerMessage)) }),
  ),
  containerStatus: runtime(
    'ContainerStatus',
    message({ containerId: string(1), verbose: bool(2) }),
    message({ status: nested(1, containerStatusMessage), info: map(2) }),
  ),
  updateContainerResources: runtime(
    'UpdateContainerResources',
    message({ containerId: string(1), linux: nested(2, linuxResources) }),
    empty,
  ),
  reopenContainerLog: runtime('ReopenContainerLog', containerId, empty),
  execSync: runtime(
    'ExecSync',
    message({ containerId: string(1), cmd: list(string(2)), timeout: int(3) }),
    message({ stdout: bytes(1), stderr: bytes(2), exitCode: int(3) }),
  ),
  exec: runtime(
    'Exec',
    message({
      containerId: string(1),
      cmd: list(string(2)),
      tty: bool(3),
      stdin: bool(4),
      stdout: bool(5),
      stderr: bool(6),
    }),
    url,
  ),
  attach: runtime(
    'Attach',
    message({ containerId: string(1), stdin: bool(2), tty: bool(3), stdout: bool(4), stderr: bool(5) }),
    url,
  ),
  portForward: runtime('PortForward', message({ podSandboxId: string(1), port: list(int(2)) }), url),
  listContainerStats: runtime('ListContainerStats', empty, message({ stats: list(nested(1, containerStatsMessage)) })),
};

const imageRequest = message({ image: nested(1, imageSpec) });

export const imageService = {
  listImages: image('ListImages', empty, message({ images: list(nested(1, imageMessage)) })),
  imageStatus: image('ImageStatus', imageRequest, message({ image: nested(1, imageMessage) })),
  pullImage: image(
    'PullImage',
    message({
      image: nested(1, imageSpec),
      auth: nested(2, message({ username: string(1), password: string(2), serverAddress: string(4) })),
    }),
    message({ imageRef: string(1) }),
  ),
  removeImage: image('RemoveImage', imageRequest, empty),
  imageFsInfo: image('ImageFsInfo', empty, message({ imageFilesystems: list(nested(1, filesystemUsageMessage)) })),
};
