/** The 403 of an admission plugin, naming the object as far as it has a name yet. */
import { forbidden, type StatusError } from '#apimachinery/errors.js';
import type { AdmissionRequest } from './admission.js';

export function refuse({ resource, name, object }: AdmissionRequest, why: string): StatusError {
  const { name: own, generateName } = object?.metadata ?? {};
  return forbidden(
    { group: resource.group, resource: resource.plural, name: name || own || generateName || 'Unknown' },
    why,
  );
}

/** Whether the request is on this resource itself (or this subresource of it). */
export function isOn(
  { resource, subresource }: AdmissionRequest,
  target: { group: string; plural: string },
  wanted = '',
): boolean {
  return resource.group === target.group && resource.plural === target.plural && subresource === wanted;
}
