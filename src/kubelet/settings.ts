/**
 * What can be set of the kubelet of this machine, as of upstream's, by the names of its flags; periods in milliseconds.
 * https://kubernetes.io/docs/reference/command-line-tools-reference/kubelet/
 */
export interface KubeletSettings {
  /** A folder of manifests, or one: pods that run here without the API. undefined: none. */
  podManifestPath: string | undefined;
  fileCheckFrequency: number;
  /** Kernel parameters beside the safe ones, or their beginnings with a `*`. */
  allowedUnsafeSysctls: readonly string[];
}

export const defaultKubeletSettings: KubeletSettings = {
  podManifestPath: undefined,
  fileCheckFrequency: 20_000,
  allowedUnsafeSysctls: [],
};
