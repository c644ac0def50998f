/** What must hold of all devices that a claim is given together: one value of an attribute, or different ones. */
import type { Device, DeviceAttribute, DeviceConstraint } from '#api/gen/resource-v1.js';
import type { Request } from './requests.js';

export interface Constraint {
  /** Whether the device may join those given already; if so, it has. Every true needs its `leave`. */
  join(request: Request, device: Device, driver: string): boolean;
  leave(request: Request, device: Device, driver: string): void;
}

/** undefined for one of a kind that is not known. */
export function constraintOf({
  requests = [],
  matchAttribute,
  distinctAttribute,
}: DeviceConstraint): Constraint | undefined {
  const attribute = matchAttribute ?? distinctAttribute;
  if (attribute === undefined) return undefined;
  /** How many devices have each value. */
  const counts = new Map<string, number>();
  const concerns = ({ base, name }: Request) =>
    requests.length === 0 || requests.includes(base) || requests.includes(name);
  return {
    join(request, device, driver) {
      if (!concerns(request)) return true;
      const value = keyOf(device, { attribute, driver });
      if (value === undefined) return false;
      const isFree = matchAttribute === undefined ? !counts.has(value) : counts.size === 0 || counts.has(value);
      if (isFree) counts.set(value, (counts.get(value) ?? 0) + 1);
      return isFree;
    },
    leave(request, device, driver) {
      if (!concerns(request)) return;
      const value = keyOf(device, { attribute, driver })!;
      const left = counts.get(value)! - 1;
      if (left === 0) counts.delete(value);
      else counts.set(value, left);
    },
  };
}

/** With its type: the version 1.0.0 is not the text. An attribute without a domain is of the driver's. */
function keyOf(
  { attributes = {} }: Device,
  { attribute, driver }: { attribute: string; driver: string },
): string | undefined {
  const own = `${driver}/`;
  const found: DeviceAttribute | undefined =
    attributes[attribute] ?? (attribute.startsWith(own) ? attributes[attribute.slice(own.length)] : undefined);
  if (!found) return undefined;
  for (const type of ['string', 'int', 'bool', 'version'] as const)
    if (found[type] !== undefined) return `${type}:${found[type]}`;
  return undefined;
}
