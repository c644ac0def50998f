/**
 * How the addresses of services are kept: ranges as ServiceCIDRs, and for each address that is given an IPAddress that
 * says whose it is (https://kubernetes.io/docs/concepts/services-networking/cluster-ip-allocation/).
 */
import type { IPAddress, ServiceCIDR } from '#api/gen/networking-v1.js';

/** The ServiceCIDR of the range that the API server is started with. */
export const defaultRangeName = 'kubernetes';
export const rangeFinalizer = 'networking.k8s.io/service-cidr-finalizer';

const managedBy = 'ipaddress.kubernetes.io/managed-by';
const allocatorName = 'ipallocator.k8s.io';
const familyLabel = 'ipaddress.kubernetes.io/ip-family';

export interface ServiceName {
  namespace: string;
  name: string;
}

export function addressOfService(address: string, { namespace, name }: ServiceName): IPAddress {
  const family = address.includes(':') ? 'IPv6' : 'IPv4';
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IPAddress',
    metadata: { name: address, labels: { [familyLabel]: family, [managedBy]: allocatorName } },
    spec: { parentRef: { resource: 'services', namespace, name } },
  };
}

/** The service that an address was given to by the API server; undefined when somebody else made the object. */
export function serviceOfAddress({ metadata, spec }: IPAddress): ServiceName | undefined {
  const { group, resource, namespace = '', name = '' } = spec?.parentRef ?? {};
  const isOurs = metadata.labels?.[managedBy] === allocatorName;
  return isOurs && !group && resource === 'services' ? { namespace, name } : undefined;
}

/** Whether addresses may be taken from it. Without a condition it may: the controller that sets it may not run. */
export function isRangeReady({ metadata, status }: ServiceCIDR): boolean {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  return metadata.deletionTimestamp === undefined && (ready === undefined || ready.status === 'True');
}
