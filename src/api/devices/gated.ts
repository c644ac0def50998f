/** The fields of devices and claims that belong to feature gates. */
import { type GatedFields, gatedBelow } from '../gated.js';

const ofDevices = (...fields: string[]) => fields.map((field) => `spec.devices.*.${field}`);
const ofResults = (...fields: string[]) => fields.map((field) => `status.allocation.devices.results.*.${field}`);
const ofRequests = (field: string) => [`requests.*.exactly.${field}`, `requests.*.firstAvailable.*.${field}`];

export const gatedInSlice: GatedFields = {
  DRAConsumableCapacity: ofDevices('allowMultipleAllocations', 'capacity.*.requestPolicy'),
  DRADeviceBindingConditions: ofDevices('bindsToNode', 'bindingConditions', 'bindingFailureConditions'),
  DRADeviceTaints: ofDevices('taints'),
  DRAListTypeAttributes: ofDevices(
    'attributes.*.bools',
    'attributes.*.ints',
    'attributes.*.strings',
    'attributes.*.versions',
  ),
  DRANodeAllocatableResources: ofDevices('nodeAllocatableResourceMappings'),
  DRAPartitionableDevices: [
    'spec.sharedCounters',
    'spec.perDeviceNodeSelection',
    ...ofDevices('consumesCounters', 'nodeName', 'nodeSelector', 'allNodes'),
  ],
};

const gatedInDeviceClaim: GatedFields = {
  DRAConsumableCapacity: ['constraints.*.distinctAttribute', ...ofRequests('capacity')],
  DRADeviceTaints: ofRequests('tolerations'),
  DRAPrioritizedList: ['requests.*.firstAvailable'],
};

export const gatedInClaim: GatedFields = {
  ...gatedBelow('spec.devices', gatedInDeviceClaim),
  DRAConsumableCapacity: [
    ...gatedInDeviceClaim.DRAConsumableCapacity!.map((path) => `spec.devices.${path}`),
    ...ofResults('shareID', 'consumedCapacity'),
    'status.devices.*.shareID',
  ],
  DRADeviceBindingConditions: ofResults('bindingConditions', 'bindingFailureConditions'),
  DRAResourceClaimDeviceStatus: ['status.devices'],
};

export const gatedInClaimTemplate = gatedBelow('spec.spec.devices', gatedInDeviceClaim);
