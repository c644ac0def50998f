/**
 * Claims, volumes and attributes classes stay while they are in use: a controller takes the finalizer away.
 * https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#storageobjectinuseprotection
 */
import type { AdmissionPlugin } from './admission.js';

const finalizers: Readonly<Record<string, string>> = {
  persistentvolumeclaims: 'kubernetes.io/pvc-protection',
  persistentvolumes: 'kubernetes.io/pv-protection',
  'volumeattributesclasses.storage.k8s.io': 'kubernetes.io/vac-protection',
};

export const storageProtection: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  handles: ({ operation, resource, subresource }) =>
    operation === 'CREATE' && subresource === '' && finalizerOf(resource) !== undefined,
  mutate({ object, resource }) {
    const { metadata } = object!;
    const finalizer = finalizerOf(resource)!;
    if (!metadata.finalizers?.includes(finalizer)) metadata.finalizers = [...(metadata.finalizers ?? []), finalizer];
  },
};

function finalizerOf({ group, plural }: { group: string; plural: string }): string | undefined {
  const id = group ? `${plural}.${group}` : plural;
  return Object.hasOwn(finalizers, id) ? finalizers[id] : undefined;
}
