/**
 * Features of kubelets that come and go with versions, which nodes declare in `status.declaredFeatures`, and what of a
 * pod needs them (KEP-5328). Those that no pod needs, such as ExtendWebSocketsToKubelet, are not listed.
 */
import type { Container, Pod } from '#api/gen/core-v1.js';
import { equal } from '#base/json.js';

interface DeclaredFeature {
  name: string;
  /** Whether the pod cannot run without it. */
  runs?: (spec: Pod['spec']) => boolean;
  /** Whether a pod that runs cannot be changed so without it. */
  changes?: (now: Pod['spec'], old: Pod['spec']) => boolean;
}

export const restartAllFeature = 'RestartAllContainersOnContainerExits';

const declared: readonly DeclaredFeature[] = [
  {
    name: 'InPlacePodLevelResourcesVerticalScaling',
    changes: (now, old) => !equal(now.resources, old.resources),
  },
  {
    name: 'InPlacePodVerticalScalingInitContainers',
    changes: (now, old) =>
      (old.initContainers ?? []).some(
        ({ restartPolicy, resources }, at) =>
          restartPolicy !== 'Always' && !equal(resources, now.initContainers?.[at]?.resources),
      ),
  },
  {
    name: restartAllFeature,
    runs: ({ containers, initContainers = [] }) => [...containers, ...initContainers].some(restartsAll),
  },
  {
    name: 'UserNamespacesHostNetworkSupport',
    runs: ({ hostNetwork, hostUsers }) => hostNetwork === true && hostUsers === false,
  },
];

function restartsAll({ restartPolicyRules = [] }: Container): boolean {
  return restartPolicyRules.some(({ action }) => action === 'RestartAllContainers');
}

/** What a node must declare for the pod to run there. */
export function featuresToRun({ spec }: Pod): string[] {
  return declared.filter(({ runs }) => runs?.(spec)).map(({ name }) => name);
}

/** What the node must declare for the pod that runs there to be changed so. */
export function featuresToChange(now: Pod, old: Pod): string[] {
  return declared.filter(({ changes }) => changes?.(now.spec, old.spec)).map(({ name }) => name);
}
