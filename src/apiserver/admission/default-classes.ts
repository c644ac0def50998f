/**
 * Claims and ingresses that name no class get the one that is marked as the default.
 * https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#defaultstorageclass
 */
import type { PersistentVolumeClaim } from '#api/gen/core-v1.js';
import type { Ingress } from '#api/gen/networking-v1.js';
import { defaultClass, storageClassDefaults } from '#api/meta/default-class.js';
import type { Registry } from '../registry/registry.js';
import type { AdmissionPlugin } from './admission.js';
import { listAll } from './look.js';
import { isOn } from './refuse.js';

const claims = { group: '', plural: 'persistentvolumeclaims' };
const storageClasses = { group: 'storage.k8s.io', plural: 'storageclasses' };
/** Before there was spec.storageClassName. */
export const storageClassAnnotation = 'volume.beta.kubernetes.io/storage-class';

const ingresses = { group: 'networking.k8s.io', plural: 'ingresses' };
const ingressClasses = { group: 'networking.k8s.io', plural: 'ingressclasses' };
const ingressDefaults = ['ingressclass.kubernetes.io/is-default-class'];
const ingressClassAnnotation = 'kubernetes.io/ingress.class';

export function defaultStorageClass({ registry }: { registry: () => Registry }): AdmissionPlugin {
  return {
    name: 'DefaultStorageClass',
    handles: (request) => request.operation === 'CREATE' && isOn(request, claims),
    async mutate({ object }) {
      const claim = object as PersistentVolumeClaim;
      const { annotations } = claim.metadata;
      if (annotations?.[storageClassAnnotation] !== undefined || claim.spec?.storageClassName !== undefined) return;
      const found = defaultClass(await listAll(registry(), storageClasses), storageClassDefaults);
      if (found) claim.spec = { ...claim.spec, storageClassName: found.metadata.name };
    },
  };
}

export function defaultIngressClass({ registry }: { registry: () => Registry }): AdmissionPlugin {
  return {
    name: 'DefaultIngressClass',
    handles: (request) => request.operation === 'CREATE' && isOn(request, ingresses),
    async mutate({ object }) {
      const ingress = object as Ingress;
      const { annotations } = ingress.metadata;
      if (annotations?.[ingressClassAnnotation] !== undefined || ingress.spec?.ingressClassName !== undefined) return;
      const found = defaultClass(await listAll(registry(), ingressClasses), ingressDefaults);
      if (found) ingress.spec = { ...ingress.spec, ingressClassName: found.metadata.name };
    },
  };
}
