/**
 * What `/configz` tells: how the kubelet is set up, as a KubeletConfiguration. Of its fields those stand here that this
 * kubelet has a value for, whether it can be set or not.
 * https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/
 */
import { formatMilliseconds } from '#apimachinery/codec/time.js';
import { leaseDurationSeconds } from '../node-lease.js';
import { statusCheckMs } from '../node-status.js';
import type { ConfiguredKubelet } from '../settings.js';

export function kubeletConfiguration({ settings, cluster, port, podsMax }: ConfiguredKubelet): object {
  return {
    staticPodPath: settings.podManifestPath,
    syncFrequency: '1m0s',
    fileCheckFrequency: formatMilliseconds(settings.fileCheckFrequency),
    address: '0.0.0.0',
    port,
    authentication: { webhook: { enabled: true }, anonymous: { enabled: false } },
    authorization: { mode: 'Webhook' },
    clusterDomain: cluster.domain,
    clusterDNS: cluster.servers,
    nodeStatusUpdateFrequency: formatMilliseconds(statusCheckMs),
    nodeLeaseDurationSeconds: leaseDurationSeconds,
    imageMinimumGCAge: formatMilliseconds(settings.minimumImageTtlDuration),
    imageMaximumGCAge: formatMilliseconds(settings.maximumImageGcAge),
    imageGCHighThresholdPercent: settings.imageGcHighThreshold,
    imageGCLowThresholdPercent: settings.imageGcLowThreshold,
    maxPods: podsMax,
    evictionHard: byThreshold(settings.evictionHard, '<'),
    evictionSoft: byThreshold(settings.evictionSoft, '<'),
    evictionSoftGracePeriod: byThreshold(settings.evictionSoftGracePeriod, '='),
    evictionMinimumReclaim: byThreshold(settings.evictionMinimumReclaim, '='),
    evictionPressureTransitionPeriod: formatMilliseconds(settings.evictionPressureTransitionPeriod),
    evictionMaxPodGracePeriod: settings.evictionMaxPodGracePeriod,
    allowedUnsafeSysctls: settings.allowedUnsafeSysctls.length > 0 ? settings.allowedUnsafeSysctls : undefined,
  };
}

/** `memory.available<100Mi` under its signal; undefined of none. */
function byThreshold(rows: readonly string[], sign: '<' | '='): Record<string, string> | undefined {
  if (rows.length === 0) return undefined;
  return Object.fromEntries(rows.map((row) => [row.slice(0, row.indexOf(sign)), row.slice(row.indexOf(sign) + 1)]));
}
