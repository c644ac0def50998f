/** What all pods of one kubelet share: the runtime, the machine's numbers, and the parts that act on their behalf. */
import type { Service } from '#api/gen/core-v1.js';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import type { Prng } from '#base/prng.js';
import type { Client } from '#client/client.js';
import type { AdmissionGate } from './admission/gate.js';
import type { PodCgroups } from './cgroup-tree.js';
import type { ConfigObjects } from './config-objects.js';
import type { ClusterDns, DnsConfig } from './dns.js';
import type { ImagePuller } from './image-puller.js';
import type { KubeletMetrics } from './kubelet-metrics.js';
import type { LifecycleHooks } from './lifecycle-hooks.js';
import type { KubeletPaths } from './paths.js';
import type { EventSink } from './pod-events.js';
import type { PodStates } from './pod-states.js';
import type { Prober } from './probes/probe.js';
import type { PendingResizes } from './resize/pending-resizes.js';
import type { Runtime } from './runtime/runtime.js';
import type { StatusManager } from './status-manager.js';
import type { Volumes } from './volumes/volumes.js';

export interface NodeContext {
  client: Client;
  runtime: Runtime;
  /** `containerd`, of `containerd://<id>`. */
  runtimeName: string;
  clock: Clock;
  prng: Prng;
  log: Log;
  events: EventSink;
  paths: KubeletPaths;
  states: PodStates;
  statuses: StatusManager;
  admission: AdmissionGate;
  resizes: PendingResizes;
  images: ImagePuller;
  volumes: Volumes;
  cgroups: PodCgroups;
  config: ConfigObjects;
  hooks: LifecycleHooks;
  prober: Prober;
  metrics: KubeletMetrics;
  cluster: ClusterDns;
  /** Of the node; read once when the kubelet starts. */
  hostDns: DnsConfig;
  nodeHosts: string;
  hostIPs: readonly string[];
  memoryBytes: number;
  allocatable: Readonly<Record<string, string>>;
  /** The services that a namespace's pods are told of. */
  services: (namespace: string) => readonly Service[];
  /** Resolves when a pod may be looked at. */
  turn: () => Promise<void>;
  /** Pods have directories, files and cgroups on this machine. */
  isMachine: boolean;
}
