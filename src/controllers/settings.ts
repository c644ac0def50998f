/**
 * What can be set of the controllers, as of upstream's kube-controller-manager, by the names of its flags; periods in
 * milliseconds. The flags are in the cluster's table.
 * https://kubernetes.io/docs/reference/command-line-tools-reference/kube-controller-manager/
 */
export interface ControllerSettings {
  /** Give each node a range of the cluster's pod addresses. */
  allocateNodeCidrs: boolean;
  clusterCidr: string;
  nodeCidrMaskSize: number;
  /** Not for pods, where it lies within the cluster's range. */
  serviceCidr: string;
  /** By node name: the range that a node uses already, before it has joined. */
  nodeCidrs: ReadonlyMap<string, string>;

  horizontalPodAutoscalerSyncPeriod: number;
  horizontalPodAutoscalerDownscaleStabilization: number;
  horizontalPodAutoscalerTolerance: number;
  horizontalPodAutoscalerCpuInitializationPeriod: number;
  horizontalPodAutoscalerInitialReadinessDelay: number;

  nodeMonitorPeriod: number;
  nodeMonitorGracePeriod: number;
  nodeStartupGracePeriod: number;
  /** Nodes a second, in a zone; when most of it is not ready, where it is large; where it is not, none. */
  nodeEvictionRate: number;
  secondaryNodeEvictionRate: number;
  largeClusterSizeThreshold: number;
  unhealthyZoneThreshold: number;

  /** How many pods that have ended are kept; 0: all. */
  terminatedPodGcThreshold: number;
}

export const defaultSettings: ControllerSettings = {
  allocateNodeCidrs: true,
  clusterCidr: '10.244.0.0/16',
  nodeCidrMaskSize: 24,
  serviceCidr: '10.96.0.0/12',
  nodeCidrs: new Map(),
  horizontalPodAutoscalerSyncPeriod: 15_000,
  horizontalPodAutoscalerDownscaleStabilization: 300_000,
  horizontalPodAutoscalerTolerance: 0.1,
  horizontalPodAutoscalerCpuInitializationPeriod: 300_000,
  horizontalPodAutoscalerInitialReadinessDelay: 30_000,
  nodeMonitorPeriod: 5_000,
  nodeMonitorGracePeriod: 50_000,
  nodeStartupGracePeriod: 60_000,
  nodeEvictionRate: 0.1,
  secondaryNodeEvictionRate: 0.01,
  largeClusterSizeThreshold: 50,
  unhealthyZoneThreshold: 0.55,
  terminatedPodGcThreshold: 12_500,
};
