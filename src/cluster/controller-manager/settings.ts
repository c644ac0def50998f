/**
 * The settings of the controllers, by the names that kube-controller-manager gives its flags.
 * https://kubernetes.io/docs/reference/command-line-tools-reference/kube-controller-manager/
 */
import { formatMilliseconds } from '#apimachinery/codec/time.js';
import { type ControllerSettings, defaultSettings as defaults } from '#controllers/settings.js';
import { decimal, duration, flag, number, type Setting, wholeNumber } from '../setting.js';

/** Those that the cluster knows by other settings are no flags of their own. */
export type ControllerFlags = Omit<ControllerSettings, 'clusterCidr' | 'serviceCidr' | 'nodeCidrs'>;

const period = (name: string, ms: number, help: string) => duration(name, formatMilliseconds(ms), help);

export const controllerSettings: Record<keyof ControllerFlags, Setting> = {
  allocateNodeCidrs: flag(
    'allocate-node-cidrs',
    defaults.allocateNodeCidrs,
    'give each node a range of the pod addresses',
  ),
  nodeCidrMaskSize: {
    flag: '--node-cidr-mask-size <bits>',
    env: 'T8S_NODE_CIDR_MASK_SIZE',
    help: "the length of a node's range of pod addresses",
    parse: wholeNumber({ name: 'node-cidr-mask-size', min: 8, max: 30 }),
    default: defaults.nodeCidrMaskSize,
  },
  horizontalPodAutoscalerSyncPeriod: period(
    'horizontal-pod-autoscaler-sync-period',
    defaults.horizontalPodAutoscalerSyncPeriod,
    'how often autoscalers look at their metrics',
  ),
  horizontalPodAutoscalerDownscaleStabilization: period(
    'horizontal-pod-autoscaler-downscale-stabilization',
    defaults.horizontalPodAutoscalerDownscaleStabilization,
    'for how long nothing higher may have been recommended before an autoscaler shrinks its target',
  ),
  horizontalPodAutoscalerTolerance: decimal(
    'horizontal-pod-autoscaler-tolerance',
    defaults.horizontalPodAutoscalerTolerance,
    'how far use may be from the target, as a share of it, before an autoscaler acts',
  ),
  horizontalPodAutoscalerCpuInitializationPeriod: period(
    'horizontal-pod-autoscaler-cpu-initialization-period',
    defaults.horizontalPodAutoscalerCpuInitializationPeriod,
    'for how long after the start of a pod its use of processors may not count',
  ),
  horizontalPodAutoscalerInitialReadinessDelay: period(
    'horizontal-pod-autoscaler-initial-readiness-delay',
    defaults.horizontalPodAutoscalerInitialReadinessDelay,
    'for how long after the start of a pod a change of its readiness is its first',
  ),
  nodeMonitorPeriod: period('node-monitor-period', defaults.nodeMonitorPeriod, 'how often nodes are looked at'),
  nodeMonitorGracePeriod: period(
    'node-monitor-grace-period',
    defaults.nodeMonitorGracePeriod,
    'for how long a node may be silent until it counts as not healthy',
  ),
  nodeStartupGracePeriod: period(
    'node-startup-grace-period',
    defaults.nodeStartupGracePeriod,
    'the same, for a node that has just come',
  ),
  nodeEvictionRate: decimal(
    'node-eviction-rate',
    defaults.nodeEvictionRate,
    'nodes a second that are emptied in a healthy zone when they fail',
  ),
  secondaryNodeEvictionRate: decimal(
    'secondary-node-eviction-rate',
    defaults.secondaryNodeEvictionRate,
    'the same in a large zone that is not healthy',
  ),
  largeClusterSizeThreshold: number(
    'large-cluster-size-threshold',
    defaults.largeClusterSizeThreshold,
    'a zone of more nodes is large',
  ),
  unhealthyZoneThreshold: decimal(
    'unhealthy-zone-threshold',
    defaults.unhealthyZoneThreshold,
    'the share of nodes that are not ready, at least three, from which a zone is not healthy',
  ),
  terminatedPodGcThreshold: number(
    'terminated-pod-gc-threshold',
    defaults.terminatedPodGcThreshold,
    'how many pods that have ended are kept; 0: all',
  ),
};
