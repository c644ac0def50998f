/** The spec of a claim for devices as upstream's own types show it in messages. */
import type { ResourceClaimSpec } from '#api/gen/resource-v1.js';
import { type GoStruct, goStruct, goToleration } from '../meta/go-fields.js';

const selectors = [{ CEL: { optional: { Expression: '' } } }] as const;
const tolerations = [goToleration] as const;
const capacity = { optional: { Requests: null } } as const;
const subRequest = {
  Name: '',
  DeviceClassName: '',
  Selectors: selectors,
  AllocationMode: '',
  Count: 0,
  Tolerations: tolerations,
  Capacity: capacity,
} as const;
const exactly = {
  DeviceClassName: '',
  Selectors: selectors,
  AllocationMode: '',
  Count: 0,
  AdminAccess: null,
  Tolerations: tolerations,
  Capacity: capacity,
} as const;
const claimSpec: GoStruct = {
  Devices: {
    Requests: [{ Name: '', Exactly: { optional: exactly }, FirstAvailable: [subRequest] }],
    Constraints: [{ Requests: null, MatchAttribute: null, DistinctAttribute: null }],
    Config: [{ Requests: null, Opaque: { optional: { Driver: '', Parameters: null } } }],
  },
};

export function goClaimSpec(spec: ResourceClaimSpec | undefined): Record<string, unknown> {
  return goStruct(claimSpec, spec);
}
