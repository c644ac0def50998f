/**
 * Small rules for pods: images are always pulled, taints of extended resources are tolerated by those who use them, and
 * pods keep apart by nodes only.
 * https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#alwayspullimages
 */
import podResource from '#api/core/pod/index.js';
import { isExtendedResource } from '#api/core/pod/resources.js';
import { allContainers } from '#api/core/pod/validate-os.js';
import type { Pod, Toleration } from '#api/gen/core-v1.js';
import { forbidden, StatusError } from '#apimachinery/errors.js';
import { notSupported } from '#apimachinery/field-error.js';
import type { AdmissionPlugin, AdmissionRequest } from '../admission.js';
import { isOn, refuse } from '../refuse.js';

export function isPodWrite(request: AdmissionRequest): boolean {
  return (request.operation === 'CREATE' || request.operation === 'UPDATE') && isOn(request, podResource);
}

/** The 403 of plugins that name the pod as it is written, be it without a name yet. */
export function refusePod({ object }: AdmissionRequest, why: string): StatusError {
  return forbidden({ group: '', resource: podResource.plural, name: object?.metadata.name ?? '' }, why);
}

export const alwaysPullImages: AdmissionPlugin = {
  name: 'AlwaysPullImages',
  handles: (request) => isPodWrite(request) && bringsImages(request),
  mutate({ object }) {
    for (const { value } of allContainers('spec', (object as Pod).spec)) value.imagePullPolicy = 'Always';
  },
  validate(request) {
    const wrong = [...allContainers('spec', (request.object as Pod).spec)].filter(
      ({ value }) => value.imagePullPolicy !== 'Always',
    );
    if (wrong.length === 0) return;
    const messages = wrong.map(({ path, value }) => {
      const error = notSupported(`${path}.imagePullPolicy`, value.imagePullPolicy ?? '', ['Always']);
      return refuse(request, error.message).message;
    });
    throw new StatusError({ message: messages.length === 1 ? messages[0] : `[${messages.join(', ')}]` });
  },
};

/** An update that brings no image which was not there before is let be. */
function bringsImages({ operation, object, old }: AdmissionRequest): boolean {
  if (operation !== 'UPDATE') return true;
  const imagesOf = (pod: Pod) => [...allContainers('spec', pod.spec)].map(({ value }) => value.image);
  const before = new Set(imagesOf(old as Pod));
  return !imagesOf(object as Pod).every((image) => before.has(image));
}

export const extendedResourceToleration: AdmissionPlugin = {
  name: 'ExtendedResourceToleration',
  handles: isPodWrite,
  mutate({ object }) {
    const { spec } = object as Pod;
    const asked = [...(spec.containers ?? []), ...(spec.initContainers ?? [])].flatMap(({ resources }) =>
      Object.keys(resources?.requests ?? {}),
    );
    for (const key of [...new Set(asked)].filter(isExtendedResource).sort()) {
      const tolerations = spec.tolerations ?? [];
      const same = (one: Toleration) =>
        one.key === key && one.operator === 'Exists' && !one.value && one.effect === 'NoSchedule';
      if (!tolerations.some(same))
        spec.tolerations = [...tolerations, { key, operator: 'Exists', effect: 'NoSchedule' }];
    }
  },
};

const hostname = 'kubernetes.io/hostname';

export const limitPodHardAntiAffinityTopology: AdmissionPlugin = {
  name: 'LimitPodHardAntiAffinityTopology',
  handles: isPodWrite,
  validate(request) {
    const { affinity } = (request.object as Pod).spec;
    const terms = affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
    const other = terms.find(({ topologyKey }) => topologyKey !== hostname);
    if (!other) return;
    const field = 'affinity.PodAntiAffinity.RequiredDuringScheduling';
    throw refusePod(request, `${field} has TopologyKey ${other.topologyKey} but only key ${hostname} is allowed`);
  },
};
