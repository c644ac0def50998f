/** Features that come and go with versions and that this kubelet has, as its node declares them (KEP-5328); in order. */
import { restartAllFeature } from '#api/core/pod/declared-features.js';

export const declaredFeatures = [
  'ExtendWebSocketsToKubelet',
  'InPlacePodLevelResourcesVerticalScaling',
  'InPlacePodVerticalScalingInitContainers',
  restartAllFeature,
];
