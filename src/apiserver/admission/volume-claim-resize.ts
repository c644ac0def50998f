/**
 * A claim may ask for more once it is bound, where its storage class says that volumes can grow.
 * https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#persistentvolumeclaimresize
 */
import type { PersistentVolumeClaim } from '#api/gen/core-v1.js';
import type { StorageClass } from '#api/gen/storage-v1.js';
import { Quantity } from '#apimachinery/quantity.js';
import type { Registry } from '../registry/registry.js';
import type { AdmissionPlugin } from './admission.js';
import { storageClassAnnotation } from './default-classes.js';
import { find } from './look.js';
import { isOn, refuse } from './refuse.js';

const claims = { group: '', plural: 'persistentvolumeclaims' };
const classes = { group: 'storage.k8s.io', plural: 'storageclasses' };

export function volumeClaimResize({ registry }: { registry: () => Registry }): AdmissionPlugin {
  async function canGrow(name: string): Promise<boolean> {
    const found = name ? await find<StorageClass>(registry(), classes, { namespace: '', name }) : undefined;
    return found?.allowVolumeExpansion === true;
  }

  return {
    name: 'PersistentVolumeClaimResize',
    handles: (request) => request.operation === 'UPDATE' && isOn(request, claims),
    async validate(request) {
      const [claim, old] = [request.object as PersistentVolumeClaim, request.old as PersistentVolumeClaim];
      if (sizeOf(claim).compare(sizeOf(old)) <= 0) return;
      if (old.status?.phase !== 'Bound') throw refuse(request, 'Only bound persistent volume claims can be expanded');
      const name = classOf(claim);
      if (name === classOf(old) && (await canGrow(name))) return;
      throw refuse(
        request,
        'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
      );
    },
  };
}

function sizeOf({ spec }: PersistentVolumeClaim): Quantity {
  return Quantity.tryParse(spec?.resources?.requests?.['storage']) ?? Quantity.zero;
}

function classOf({ metadata, spec }: PersistentVolumeClaim): string {
  return metadata.annotations?.[storageClassAnnotation] ?? spec?.storageClassName ?? '';
}
