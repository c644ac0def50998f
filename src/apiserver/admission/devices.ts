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
import type {
  AllocatedDeviceStatus,
  AllocationResult,
  ResourceClaim,
  ResourceClaimStatus,
  ResourceClaimTemplate,
  ResourceSlice,
} from '#api/gen/resource-v1.js';
import { invalid } from '#apimachinery/errors.js';
import { type FieldError, forbiddenField } from '#apimachinery/field-error.js';
import { formatTime } from '#apimachinery/object.js';
import type { Clock } from '#base/clock.js';
import { equal } from '#base/json.js';
import type { UserInfo } from '../authentication/authenticator.js';
import type { Authorizer } from '../authorization/authorizer.js';
import type { Registry } from '../registry/registry.js';
import type { AdmissionPlugin, AdmissionRequest } from './admission.js';
import { isOn } from './refuse.js';

const adminLabel = 'resource.kubernetes.io/admin-access';

export function adminDevices({ registry }: { registry: () => Registry }): AdmissionPlugin {
  return {
    name: 'DeviceAdminAccess',
    handles: (request) => request.operation === 'CREATE' && adminRequestOf(request) >= 0,
    async validate(request) {
      const { resource, name, namespace } = request;
      const { group, kind } = resource;
      const { metadata } = await registry().of<Namespace>(namespaceResource).get({ namespace: '', name: namespace });
      if (metadata.labels?.[adminLabel] === 'true') return;
      const why = `admin access to devices requires the \`${adminLabel}: true\` label on the containing namespace`;
      const path = `spec.devices.requests[${adminRequestOf(request)}].adminAccess`;
      throw invalid({ group, kind, name }, [forbiddenField(path, why)]);
    },
  };
}

/** The place of the first request that asks for it; -1: none does. */
function adminRequestOf(request: AdmissionRequest): number {
  const spec = isOn(request, claimResource)
    ? (request.object as ResourceClaim).spec
    : isOn(request, claimTemplateResource)
      ? (request.object as ResourceClaimTemplate).spec?.spec
      : undefined;
  return spec?.devices?.requests?.findIndex(({ exactly }) => exactly?.adminAccess === true) ?? -1;
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

const claimsOf = { group: 'resource.k8s.io', version: '*', resource: 'resourceclaims' };
const extraPermission = 'requires extra permission';

/**
 * Who may write the status of claims may not yet say which devices they have and who uses them, which is for whoever
 * schedules, nor how the devices of a driver are, which is for that driver
 * (https://kubernetes.io/docs/concepts/security/hardening-guide/dynamic-resource-allocation/).
 */
export function claimStatusPermissions({ authorizer }: { authorizer: Authorizer }): AdmissionPlugin {
  return {
    name: 'ClaimStatusPermissions',
    handles: (request) => request.operation === 'UPDATE' && isOn(request, claimResource, 'status'),
    async validate(request) {
      const { user, name, namespace, options } = request;
      const verb = options['kind'] === 'PatchOptions' ? 'patch' : 'update';
      const [now = {}, before = {}] = [request.object, request.old].map((one) => (one as ResourceClaim).status);
      const allows = async (attributes: { verb: string; subresource: string; namespace: string; name: string }) => {
        const { verb: wanted, ...parts } = attributes;
        const answer = await authorizer.authorize({ user, verb: wanted, resource: { ...claimsOf, ...parts } });
        return answer.decision === 'allow';
      };
      const errors: FieldError[] = [];
      const isBinding = !equal(now.allocation, before.allocation) || !equal(now.reservedFor, before.reservedFor);
      if (isBinding && !(await allows({ verb, subresource: 'binding', namespace: '', name: '' })))
        errors.push(forbiddenField('status', `changing status.allocation or status.reservedFor ${extraPermission}`));
      const ways = [...(isOnNodeOf(user, now.allocation) ? ['associated-node'] : []), 'arbitrary-node'];
      for (const driver of changedDrivers(now, before)) {
        const asked = ways.map((way) => ({ verb: `${way}:${verb}`, subresource: 'driver', namespace, name: driver }));
        let isAllowed = false;
        for (const one of asked) isAllowed ||= await allows(one);
        if (!isAllowed) errors.push(forbiddenField('status.devices', `changing status.devices ${extraPermission}`));
      }
      if (errors.length > 0) throw invalid({ group: claimResource.group, kind: claimResource.kind, name }, errors);
    },
  };
}

/** Whether the caller is a pod's service account, on the one node where the claim can be used. */
function isOnNodeOf({ name, extra }: UserInfo, allocation: AllocationResult | undefined): boolean {
  const [term, ...others] = allocation?.nodeSelector?.nodeSelectorTerms ?? [];
  const [field, ...more] = term?.matchFields ?? [];
  if (!field || more.length + others.length > 0 || field.key !== 'metadata.name' || field.operator !== 'In')
    return false;
  const nodes = extra?.['authentication.kubernetes.io/node-name'] ?? [];
  const isOne = nodes.length === 1 && field.values?.length === 1 && nodes[0] === field.values[0];
  return isOne && name.startsWith('system:serviceaccount:');
}

/** What is said of devices that the claim gives up goes with them, and is nobody's change. */
function changedDrivers(now: ResourceClaimStatus, before: ResourceClaimStatus): Set<string> {
  const isIn = (list: readonly AllocatedDeviceStatus[]) => (one: AllocatedDeviceStatus) =>
    list.some((other) => equal(one, other));
  const isKept = ({ driver, pool, device }: AllocatedDeviceStatus) =>
    now.allocation?.devices?.results?.some(
      (one) => one.driver === driver && one.pool === pool && one.device === device,
    ) ?? false;
  const [after, old] = [now.devices ?? [], before.devices ?? []];
  const changed = [...after.filter((one) => !isIn(old)(one)), ...old.filter((one) => !isIn(after)(one) && isKept(one))];
  return new Set(changed.map(({ driver }) => driver));
}
