/**
 * What upstream's registries do with claims and slices of devices: access to devices that others use is for namespaces
 * that are marked for it, and a taint knows since when it is there
 * (https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/#admin-access).
 */
import namespaceResource from '#api/core/namespace.js';
import claimResource from '#api/devices/resourceclaim.js';
import claimTemplateResource from '#api/devices/resourceclaimtemplate.js';
import sliceResource from '#api/devices/resourceslice.js';
import type { Namespace } from '#api/gen/core-v1.js';
import type { ResourceClaim, ResourceClaimTemplate, ResourceSlice } from '#api/gen/resource-v1.js';
import { invalid } from '#apimachinery/errors.js';
import { forbiddenField } from '#apimachinery/field-error.js';
import { formatTime } from '#apimachinery/object.js';
import type { Clock } from '#base/clock.js';
import type { Registry } from '../registry/registry.js';
import type { AdmissionPlugin, AdmissionRequest } from './admission.js';
import { isOn } from './refuse.js';

const adminLabel = 'resource.kubernetes.io/admin-access';

export function adminDevices({ registry }: { registry: () => Registry }): AdmissionPlugin {
  return {
    name: 'DeviceAdminAccess',
    handles: (request) => request.operation === 'CREATE' && asksForAdminAccess(request),
    async validate({ resource: { group, kind }, name, namespace }) {
      const { metadata } = await registry().of<Namespace>(namespaceResource).get({ namespace: '', name: namespace });
      if (metadata.labels?.[adminLabel] === 'true') return;
      const why = `admin access to devices requires the \`${adminLabel}: true\` label on the containing namespace`;
      throw invalid({ group, kind, name }, [forbiddenField('', why)]);
    },
  };
}

function asksForAdminAccess(request: AdmissionRequest): boolean {
  const spec = isOn(request, claimResource)
    ? (request.object as ResourceClaim).spec
    : isOn(request, claimTemplateResource)
      ? (request.object as ResourceClaimTemplate).spec?.spec
      : undefined;
  return spec?.devices?.requests?.some(({ exactly }) => exactly?.adminAccess === true) ?? false;
}

export function deviceTaintTimes({ clock }: { clock: Clock }): AdmissionPlugin {
  return {
    name: 'DeviceTaintTimes',
    mutatesOnce: true,
    handles: (request) => request.object !== undefined && isOn(request, sliceResource),
    mutate({ object }) {
      for (const { taints } of (object as ResourceSlice).spec?.devices ?? [])
        for (const taint of taints ?? []) taint.timeAdded ??= formatTime(clock.now());
    },
  };
}
