/** The configuration file of our own containerd: as little as a node needs, so that it starts fast. */

export interface ContainerdPaths {
  /** Images, snapshots and metadata. */
  root: string;
  /** What belongs to running containers. */
  state: string;
  socket: string;
  cniConfigDirectory: string;
  cniPluginDirectory: string;
}

export interface ContainerdSettings {
  paths: ContainerdPaths;
  snapshotter: 'overlayfs' | 'native';
  sandboxImage: string;
  /** Needed where this process may not lower an OOM score. */
  restrictOomScoreAdj: boolean;
}

/** Snapshotters for file systems we do not use, tracing: some probe devices or load kernel modules. */
const unusedPlugins = [
  'io.containerd.snapshotter.v1.aufs',
  'io.containerd.snapshotter.v1.blockfile',
  'io.containerd.snapshotter.v1.btrfs',
  'io.containerd.snapshotter.v1.devmapper',
  'io.containerd.snapshotter.v1.zfs',
  'io.containerd.internal.v1.opt',
  'io.containerd.internal.v1.restart',
  'io.containerd.internal.v1.tracing',
  'io.containerd.tracing.processor.v1.otlp',
  'io.containerd.nri.v1.nri',
];

/** TOML, version 2 of the format: containerd 1.3 to 2.x read it. */
export function containerdConfig({
  paths,
  snapshotter,
  sandboxImage,
  restrictOomScoreAdj,
}: ContainerdSettings): string {
  const text = (value: string) => JSON.stringify(value);
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  return `# Written at every start; changes are lost.
version = 2
root = ${text(paths.root)}
state = ${text(paths.state)}
disabled_plugins = [${unusedPlugins.map(text).join(', ')}]

[grpc]
  address = ${text(paths.socket)}

[ttrpc]
  address = ${text(`${paths.socket}.ttrpc`)}

[${cri}]
  sandbox_image = ${text(sandboxImage)}
  # Exec, attach and port-forward are streamed through a server that only this machine reaches.
  disable_tcp_service = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  restrict_oom_score_adj = ${restrictOomScoreAdj}
  disable_hugetlb_controller = true
  tolerate_missing_hugetlb_controller = true
  netns_mounts_under_state_dir = true

[${cri}.cni]
  conf_dir = ${text(paths.cniConfigDirectory)}
  bin_dir = ${text(paths.cniPluginDirectory)}
  max_conf_num = 1

[${cri}.containerd]
  snapshotter = ${text(snapshotter)}
  default_runtime_name = "runc"
  disable_snapshot_annotations = true

[${cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[${cri}.containerd.runtimes.runc.options]
  SystemdCgroup = false

[plugins."io.containerd.monitor.v1.cgroups"]
  no_prometheus = true

[plugins."io.containerd.gc.v1.scheduler"]
  startup_delay = "10s"
`;
}
