/** What can be set of the controllers, as of upstream's kube-controller-manager; the flags are in the cluster's table. */
export interface ControllerSettings {
  /** Give each node a range of the cluster's pod addresses. */
  allocateNodeCidrs: boolean;
  clusterCidr: string;
  nodeCidrMaskSize: number;
  /** Not for pods, where it lies within the cluster's range. */
  serviceCidr: string;
  /** By node name: the range that a node uses already, before it has joined. */
  nodeCidrs: ReadonlyMap<string, string>;
}

export const defaultSettings: ControllerSettings = {
  allocateNodeCidrs: true,
  clusterCidr: '10.244.0.0/16',
  nodeCidrMaskSize: 24,
  serviceCidr: '10.96.0.0/12',
  nodeCidrs: new Map(),
};
