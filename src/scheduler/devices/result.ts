/** What is written down of an allocation: the devices, how they are to be set up, and from which nodes they can be used. */
import type { Node, NodeSelector, NodeSelectorRequirement } from '#api/gen/core-v1.js';
import type {
  AllocationResult,
  DeviceAllocationConfiguration,
  DeviceClass,
  DeviceRequestAllocationResult,
  ResourceClaim,
} from '#api/gen/resource-v1.js';
import { equal } from '#base/json.js';
import type { Amounts } from './in-use.js';
import type { PoolDevice } from './pools.js';
import { alternativesOf, type Request } from './requests.js';

export interface Given {
  device: PoolDevice;
  request: Request;
  shareID: string | undefined;
  consumed: Amounts | undefined;
}

export function resultOf(
  claim: ResourceClaim,
  { given, classOf, node }: { given: readonly Given[]; classOf: (name: string) => DeviceClass | undefined; node: Node },
): AllocationResult {
  const config = configOf(claim, { given, classOf });
  const nodeSelector = nodeSelectorOf(given, node);
  return {
    devices: { results: given.map(entryOf), ...(config.length > 0 && { config }) },
    ...(nodeSelector && { nodeSelector }),
  };
}

function entryOf({ device: { device, pool }, request, shareID, consumed }: Given): DeviceRequestAllocationResult {
  const { bindingConditions, bindingFailureConditions } = device;
  return {
    request: request.name,
    driver: pool.driver,
    pool: pool.name,
    device: device.name,
    ...(request.adminAccess && { adminAccess: true }),
    ...(request.tolerations?.length && { tolerations: [...request.tolerations] }),
    ...(bindingConditions?.length && { bindingConditions }),
    ...(bindingFailureConditions?.length && { bindingFailureConditions }),
    ...(shareID !== undefined && { shareID }),
    ...(consumed?.size && { consumedCapacity: amountsOf(consumed) }),
  };
}

function amountsOf(consumed: Amounts): Record<string, string> {
  return Object.fromEntries([...consumed].map(([name, amount]) => [name, amount.toString()]));
}

/** That of the classes first, each once; one that is about all requests says so by naming none. */
function configOf(
  claim: ResourceClaim,
  { given, classOf }: { given: readonly Given[]; classOf: (name: string) => DeviceClass | undefined },
): DeviceAllocationConfiguration[] {
  const { requests: asked = [], config: own = [] } = claim.spec.devices ?? {};
  /** Of each request, the alternative that was taken. */
  const chosen = asked.map((request) => {
    const alternatives = alternativesOf(request);
    return alternatives.find(({ name }) => given.some((one) => one.request.name === name)) ?? alternatives[0]!;
  });
  const byClass = new Map<string, string[]>();
  for (const { deviceClassName, name } of chosen) {
    const names = byClass.get(deviceClassName);
    if (names) names.push(name);
    else byClass.set(deviceClassName, [name]);
  }
  const configs: DeviceAllocationConfiguration[] = [];
  for (const [className, requests] of byClass)
    for (const one of classOf(className)?.spec.config ?? []) configs.push({ source: 'FromClass', requests, ...one });
  for (const { requests, ...one } of own) {
    const concerns = ({ name, base }: Request) => !!requests?.includes(base) || !!requests?.includes(name);
    if (!requests?.length || chosen.some(concerns)) configs.push({ source: 'FromClaim', requests, ...one });
  }
  return configs.map(({ requests, ...one }) => {
    const isForAll = chosen.every(({ name, base }) => requests?.includes(base) || requests?.includes(name));
    return { ...one, ...(requests?.length && !isForAll && { requests }) };
  });
}

/** A device that belongs to one node, or is attached to one, ties its claim to it. undefined: any node will do. */
function nodeSelectorOf(given: readonly Given[], node: Node): NodeSelector | undefined {
  const matchFields: NodeSelectorRequirement[] = [];
  const matchExpressions: NodeSelectorRequirement[] = [];
  for (const { device, slice } of given.map((one) => one.device)) {
    const { nodeName, nodeSelector } = slice.spec.perDeviceNodeSelection ? device : slice.spec;
    if (nodeName || device.bindsToNode) {
      const own = { key: 'metadata.name', operator: 'In', values: [node.metadata.name!] };
      return { nodeSelectorTerms: [{ matchFields: [own] }] };
    }
    const [term] = nodeSelector?.nodeSelectorTerms ?? [];
    addNew(matchFields, term?.matchFields);
    addNew(matchExpressions, term?.matchExpressions);
  }
  if (matchFields.length + matchExpressions.length === 0) return undefined;
  const fields = matchFields.length > 0 && { matchFields };
  const expressions = matchExpressions.length > 0 && { matchExpressions };
  return { nodeSelectorTerms: [{ ...expressions, ...fields }] };
}

function addNew(list: NodeSelectorRequirement[], more: readonly NodeSelectorRequirement[] = []): void {
  for (const one of more) if (!list.some((known) => equal(known, one))) list.push(one);
}
