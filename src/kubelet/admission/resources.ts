/** What a node lacks for one more pod, in the numbers of upstream's messages: milli for cpu, whole units for all else. */
import { isExtendedResource } from '#api/core/pod/resources.js';
import { podRequests } from '#api/core/pod/totals.js';
import type { Node, Pod } from '#api/gen/core-v1.js';
import { type Amounts, addAmounts, amountsOf } from '#apimachinery/amounts.js';
import type { Quantity } from '#apimachinery/quantity.js';

export interface Lack {
  resource: string;
  requested: number;
  used: number;
  capacity: number;
}

const first = ['cpu', 'memory', 'ephemeral-storage'];

/**
 * In upstream's order. Extended resources that the node does not know are the cluster's, or come with a claim: they are
 * not this node's to count.
 */
export function* lacksOf({ pod, others, node }: { pod: Pod; others: readonly Pod[]; node: Node }): Generator<Lack> {
  const allocatable = amountsOf(node.status?.allocatable);
  const podsMax = allocatable.get('pods')?.unitsNumber() ?? 0;
  if (others.length + 1 > podsMax) yield { resource: 'pods', requested: 1, used: others.length, capacity: podsMax };
  const requests = requestsOf(pod);
  const names = [...requests.keys()].filter((name) => !isExtendedResource(name) || allocatable.has(name));
  if (names.every((name) => requests.get(name)!.isZero)) return;
  const used = addAmounts(...others.map(requestsOf));
  const amount = (name: string, amounts: Amounts) => inUnits(name, amounts.get(name));
  for (const resource of [...first, ...names.filter((name) => !first.includes(name)).sort()]) {
    const lack = {
      resource,
      requested: amount(resource, requests),
      used: amount(resource, used),
      capacity: amount(resource, allocatable),
    };
    if (lack.requested > 0 && lack.requested > lack.capacity - lack.used) yield lack;
  }
}

/** Each pod that comes looks at all that are there; of one that has not changed the sum is known. */
const known = new WeakMap<Pod, Amounts>();

function requestsOf(pod: Pod): Amounts {
  let requests = known.get(pod);
  if (!requests) {
    requests = podRequests(pod, { useStatus: true });
    // Only a frozen pod is sure to stay what it is.
    if (Object.isFrozen(pod)) known.set(pod, requests);
  }
  return requests;
}

export function inUnits(name: string, quantity: Quantity | undefined): number {
  return (name === 'cpu' ? quantity?.milliNumber() : quantity?.unitsNumber()) ?? 0;
}
