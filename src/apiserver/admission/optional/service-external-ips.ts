/**
 * No service takes up external addresses; those that it has, it may keep or give up.
 * https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#denyserviceexternalips
 */
import serviceResource from '#api/core/service.js';
import type { Service } from '#api/gen/core-v1.js';
import type { AdmissionPlugin } from '../admission.js';
import { isOn, refuse } from '../refuse.js';

export const denyServiceExternalIPs: AdmissionPlugin = {
  name: 'DenyServiceExternalIPs',
  handles: (request) =>
    (request.operation === 'CREATE' || request.operation === 'UPDATE') && isOn(request, serviceResource),
  validate(request) {
    const had = (request.old as Service | undefined)?.spec?.externalIPs ?? [];
    const wanted = (request.object as Service).spec?.externalIPs ?? [];
    if (wanted.some((address) => !had.includes(address)))
      throw refuse(request, 'Use of external IPs is denied by admission control');
  },
};
