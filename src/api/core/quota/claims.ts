/** Claims of volumes count by number and size, also by storage class; claims of devices by device class. */
import type { PersistentVolumeClaim } from '#api/gen/core-v1.js';
import type { DeviceRequest, DeviceSubRequest, ResourceClaim } from '#api/gen/resource-v1.js';
import { type Amounts, addAmounts, amountsOf, maxAmounts } from '#apimachinery/amounts.js';
import { Quantity } from '#apimachinery/quantity.js';
import { equal } from '#base/json.js';
import { countName, type Evaluator, matchesValues, one } from './evaluator.js';

const volumeClaims = { group: '', plural: 'persistentvolumeclaims' };
const volumeNames = ['persistentvolumeclaims', 'requests.storage'];
const storageClassInfix = '.storageclass.storage.k8s.io/';
const storageClassAnnotation = 'volume.beta.kubernetes.io/storage-class';

export const volumeClaimEvaluator: Evaluator<PersistentVolumeClaim> = {
  ...volumeClaims,
  counts: (name) =>
    name === countName(volumeClaims) ||
    volumeNames.some((counted) => name === counted || name.endsWith(`${storageClassInfix}${counted}`)),
  usage(claim) {
    const { metadata, spec } = claim;
    const storageClass = metadata.annotations?.[storageClassAnnotation] ?? spec?.storageClassName;
    const own = new Map([['persistentvolumeclaims', one]]);
    const size = sizeOf(claim);
    if (size) own.set('requests.storage', size);
    const ofClass = storageClass
      ? [...own].map(([name, quantity]) => [`${storageClass}${storageClassInfix}${name}`, quantity] as const)
      : [];
    return new Map([[countName(volumeClaims), one], ...own, ...ofClass]);
  },
  handles({ operation, subresource, object, old }) {
    if (subresource === '') return operation === 'CREATE' || operation === 'UPDATE';
    if (subresource !== 'status' || !object || !old) return false;
    const allocated = ({ status }: PersistentVolumeClaim) => status?.allocatedResources?.['storage'];
    return allocated(object) !== allocated(old) || !equal(attributesClasses(object), attributesClasses(old));
  },
  matchesScope: (scope, claim) =>
    scope.scopeName === 'VolumeAttributesClass' && matchesValues(scope, attributesClasses(claim)),
};

/** In whole bytes; an expansion that is under way counts by the larger size. */
function sizeOf({ spec, status }: PersistentVolumeClaim): Quantity | undefined {
  const asked = amountsOf(spec?.resources?.requests).get('storage');
  const allocated = amountsOf(status?.allocatedResources).get('storage');
  if (!asked) return undefined;
  return (allocated && allocated.compare(asked) > 0 ? allocated : asked).roundUp(0);
}

function attributesClasses({ spec, status }: PersistentVolumeClaim): string[] {
  const { currentVolumeAttributesClassName, modifyVolumeStatus } = status ?? {};
  const names = [
    spec?.volumeAttributesClassName,
    currentVolumeAttributesClassName,
    modifyVolumeStatus?.targetVolumeAttributesClassName,
  ];
  return [...new Set(names.filter((name): name is string => Boolean(name)))].sort();
}

const resourceClaims = { group: 'resource.k8s.io', plural: 'resourceclaims' };
const deviceClassSuffix = '.deviceclass.resource.k8s.io/devices';
/** As many as one claim can be given: what a request for all devices may come to. */
const devicesMax = 32;

export const resourceClaimEvaluator: Evaluator<ResourceClaim> = {
  ...resourceClaims,
  counts: (name) => name === countName(resourceClaims) || name.endsWith(deviceClassSuffix),
  usage: ({ spec }) =>
    addAmounts(new Map([[countName(resourceClaims), one]]), ...(spec.devices?.requests ?? []).map(devicesOf)),
  handles: ({ operation, subresource }) => subresource === '' && (operation === 'CREATE' || operation === 'UPDATE'),
};

/** Of alternatives the dearest counts, by class. */
function devicesOf({ exactly, firstAvailable }: DeviceRequest): Amounts {
  if (firstAvailable?.length) return maxAmounts(...firstAvailable.map(ofClass));
  return exactly && !exactly.adminAccess ? ofClass(exactly) : new Map();
}

function ofClass({
  deviceClassName,
  allocationMode,
  count,
}: Pick<DeviceSubRequest, 'deviceClassName' | 'allocationMode' | 'count'>): Amounts {
  const devices = allocationMode === 'All' ? devicesMax : (count ?? 1);
  return new Map([[`${deviceClassName}${deviceClassSuffix}`, Quantity.of(devices)]]);
}
