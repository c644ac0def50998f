/**
 * What can be set of the kubelet of this machine, as of upstream's, by the names of its flags; periods in milliseconds.
 * https://kubernetes.io/docs/reference/command-line-tools-reference/kubelet/
 */
import type { ClusterDns } from './dns.js';

export interface KubeletSettings {
  /** A folder of manifests, or one: pods that run here without the API. undefined: none. */
  podManifestPath: string | undefined;
  fileCheckFrequency: number;
  /** Kernel parameters beside the safe ones, or their beginnings with a `*`. */
  allowedUnsafeSysctls: readonly string[];

  /** `<signal><<amount>`; what is free below that, the node frees by ending pods. */
  evictionHard: readonly string[];
  /** The same after a time of grace, each with one. */
  evictionSoft: readonly string[];
  /** `<signal>=<duration>` */
  evictionSoftGracePeriod: readonly string[];
  /** `<signal>=<amount>`: how much more is to be free before it is enough. */
  evictionMinimumReclaim: readonly string[];
  /** Seconds that a pod has to end at most when a soft threshold ends it. */
  evictionMaxPodGracePeriod: number;
  /** How long the node says that it is short of something after it was last so. */
  evictionPressureTransitionPeriod: number;

  /** Percent of the disk. */
  imageGcHighThreshold: number;
  imageGcLowThreshold: number;
  minimumImageTtlDuration: number;
  /** After so long unused an image goes, however much is free; 0: never. */
  maximumImageGcAge: number;
}

export const defaultKubeletSettings: KubeletSettings = {
  podManifestPath: undefined,
  fileCheckFrequency: 20_000,
  allowedUnsafeSysctls: [],
  evictionHard: [
    'memory.available<100Mi',
    'nodefs.available<10%',
    'nodefs.inodesFree<5%',
    'imagefs.available<15%',
    'imagefs.inodesFree<5%',
  ],
  evictionSoft: [],
  evictionSoftGracePeriod: [],
  evictionMinimumReclaim: [],
  evictionMaxPodGracePeriod: 0,
  evictionPressureTransitionPeriod: 300_000,
  imageGcHighThreshold: 85,
  imageGcLowThreshold: 80,
  minimumImageTtlDuration: 120_000,
  maximumImageGcAge: 0,
};

/** How a kubelet is set up, for who asks it. */
export interface ConfiguredKubelet {
  settings: KubeletSettings;
  cluster: ClusterDns;
  /** Of its server, where it has one. */
  port?: number;
  podsMax: number;
}
