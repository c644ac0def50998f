/** What claims ask for, each request as the list of its alternatives. */
import type { DeviceRequest, DeviceToleration, ExactDeviceRequest, ResourceClaim } from '#api/gen/resource-v1.js';

export interface Request {
  /** As results name it: `gpu`, or `gpu/small` for an alternative. */
  name: string;
  /** The name of the request that it is an alternative of, or its own. */
  base: string;
  deviceClassName: string;
  selectors: readonly string[];
  isForAll: boolean;
  count: number;
  adminAccess: boolean;
  tolerations: readonly DeviceToleration[] | undefined;
  capacity: Record<string, string> | undefined;
}

export function requestsOf({ spec }: ResourceClaim): Request[][] {
  return (spec.devices?.requests ?? []).map(alternativesOf);
}

/** The first that can be had is taken. None for a request of a kind that is not known. */
export function alternativesOf({ name: base, exactly, firstAvailable = [] }: DeviceRequest): Request[] {
  if (exactly) return [requestFrom(exactly, { name: base, base })];
  return firstAvailable.map((one) => requestFrom(one, { name: `${base}/${one.name}`, base }));
}

function requestFrom(given: ExactDeviceRequest, names: { name: string; base: string }): Request {
  return {
    ...names,
    deviceClassName: given.deviceClassName,
    selectors: (given.selectors ?? []).flatMap(({ cel }) => cel?.expression ?? []),
    isForAll: given.allocationMode === 'All',
    count: given.count ?? 1,
    adminAccess: given.adminAccess ?? false,
    tolerations: given.tolerations,
    capacity: given.capacity?.requests,
  };
}
