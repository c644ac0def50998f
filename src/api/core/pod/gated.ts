/** The fields of pods that belong to feature gates, for pods and for all kinds that have a template of them. */
import { type GatedFields, gatedBelow } from '../../gated.js';

const containerLists = ['containers', 'initContainers', 'ephemeralContainers'];
const ofContainers = (field: string) => containerLists.map((list) => `${list}.*.${field}`);
const ofStatuses = (field: string) =>
  ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'].map((list) => `${list}.*.${field}`);

const gatedInSpec: GatedFields = {
  ClusterTrustBundleProjection: ['volumes.*.projected.sources.*.clusterTrustBundle'],
  ContainerRestartRules: [
    ...ofContainers('restartPolicyRules'),
    'containers.*.restartPolicy',
    'ephemeralContainers.*.restartPolicy',
    'initContainers.*.restartPolicy!Always',
  ],
  ContainerStopSignals: ofContainers('lifecycle?.stopSignal'),
  EnvFiles: ofContainers('env.*.valueFrom.fileKeyRef'),
  GenericWorkload: ['schedulingGroup'],
  HostnameOverride: ['hostnameOverride'],
  MatchLabelKeysInPodTopologySpread: ['topologySpreadConstraints.*.matchLabelKeys'],
  PodLevelResources: ['resources'],
  PodCertificateRequest: ['volumes.*.projected.sources.*.podCertificate'],
};

const gatedInStatus: GatedFields = {
  DRAExtendedResource: ['extendedResourceClaimStatus'],
  DRANodeAllocatableResources: ['nodeAllocatableResourceClaimStatuses'],
  InPlacePodLevelResourcesVerticalScaling: ['allocatedResources', 'resources'],
  ImageVolumeWithDigest: ofStatuses('volumeMounts.*.volumeStatus'),
  ResourceHealthStatus: ofStatuses('allocatedResourcesStatus'),
  ResourceHealthStatusMessage: ofStatuses('allocatedResourcesStatus.*.resources.*.message'),
};

/** Of a kind that has a template at this path. */
export function gatedInTemplate(path: string): GatedFields {
  return gatedBelow(`${path}.spec`, gatedInSpec);
}

export const gatedInPod: GatedFields = {
  ...gatedBelow('spec', gatedInSpec),
  ...gatedBelow('status', gatedInStatus),
};
