/**
 * ServiceCIDR: says that a range is ready, and keeps one that is deleted until no service has an address of it.
 * https://kubernetes.io/docs/tasks/network/extend-service-ip-ranges/
 */
import type { Condition } from '#api/gen/meta-v1.js';
import type { IPAddress, ServiceCIDR } from '#api/gen/networking-v1.js';
import ipAddresses from '#api/networking/ipaddress.js';
import { isRangeReady, rangeFinalizer, serviceOfAddress } from '#api/networking/service-range.js';
import serviceCidrs from '#api/networking/servicecidr.js';
import { type AddressRange, parseAddress, parseRange, rangeHolds } from '#apimachinery/addresses.js';
import { formatTime, type KubeObject } from '#apimachinery/object.js';
import { copy } from '#base/json.js';
import { type ControllerContext, defineController, type Requeue, watch } from './runtime.js';

/** How long those that give addresses may still hold a range for ready that is being deleted. */
const graceMs = 10_000;

export default defineController<ServiceCIDR, undefined>({
  name: 'service-cidrs-controller',
  for: serviceCidrs,
  watches: ({ informers }) => [
    watch(ipAddresses, ({ metadata }) => namesHolding(metadata.name ?? '', informers.of(serviceCidrs).list())),
    // A range that comes or goes may hold what another holds.
    watch(serviceCidrs, (cidr) => overlapping(cidr, informers.of(serviceCidrs).list()).map(nameOf)),
  ],
  async reconcile({ name }, context) {
    const cidr = context.informers.of(serviceCidrs).get(name);
    if (!cidr) return undefined;
    if (cidr.metadata.deletionTimestamp) return finish(cidr, context);
    let current = cidr;
    if (!cidr.metadata.finalizers?.includes(rangeFinalizer)) {
      const wanted = copy(cidr);
      wanted.metadata.finalizers = [...(cidr.metadata.finalizers ?? []), rangeFinalizer];
      current = await context.client.of(serviceCidrs).update(wanted);
    }
    // Of the API server's own range too, which said so in words of its own.
    await setReady(current, context, { status: 'True', reason: '', message: 'Kubernetes Service CIDR is ready' });
    return undefined;
  },
});

async function finish(cidr: ServiceCIDR, context: ControllerContext<undefined>): Promise<Requeue | undefined> {
  const { clock, client, informers } = context;
  if (!cidr.metadata.finalizers?.includes(rangeFinalizer)) return undefined;
  const others = informers.of(serviceCidrs).list();
  if (!canGo(cidr, others, informers.of(ipAddresses).list())) {
    const message =
      'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR';
    await setReady(cidr, context, { status: 'False', reason: 'Terminating', message });
    return undefined;
  }
  const afterMs = graceMs - (clock.now() - Date.parse(cidr.metadata.deletionTimestamp ?? ''));
  if (afterMs > 0) return { afterMs };
  const wanted = copy(cidr);
  wanted.metadata.finalizers = cidr.metadata.finalizers.filter((one) => one !== rangeFinalizer);
  await client.of(serviceCidrs).update(wanted);
  return undefined;
}

/** Whether each address of a service in the range is in another range that stays. */
export function canGo(cidr: ServiceCIDR, all: readonly ServiceCIDR[], addresses: readonly IPAddress[]): boolean {
  const staying = all.filter((one) => one.metadata.name !== cidr.metadata.name && isRangeReady(one)).flatMap(rangesOf);
  const going = rangesOf(cidr);
  return addresses.every((one) => {
    const address = serviceOfAddress(one) && parseAddress(one.metadata.name ?? '');
    if (!address || !going.some((range) => rangeHolds(range, address))) return true;
    return staying.some((range) => rangeHolds(range, address));
  });
}

async function setReady(
  cidr: ServiceCIDR,
  { client, clock }: ControllerContext<undefined>,
  condition: Pick<Condition, 'status' | 'reason' | 'message'>,
): Promise<void> {
  const now = readyOf(cidr);
  if (now?.status === condition.status && now.reason === condition.reason && now.message === condition.message) return;
  const { name = '' } = cidr.metadata;
  const conditions = [{ type: 'Ready', ...condition, lastTransitionTime: formatTime(clock.now()) }];
  const wanted = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'ServiceCIDR',
    metadata: { name },
    status: { conditions },
  };
  const how = { type: 'apply', force: true, fieldManager: 'service-cidr-controller', subresource: 'status' } as const;
  await client.of(serviceCidrs).patch(name, wanted, how);
}

function readyOf({ status }: ServiceCIDR): Condition | undefined {
  return status?.conditions?.find(({ type }) => type === 'Ready');
}

function rangesOf({ spec }: ServiceCIDR): AddressRange[] {
  return (spec?.cidrs ?? []).flatMap((cidr) => parseRange(cidr) ?? []);
}

function namesHolding(text: string, all: readonly ServiceCIDR[]): string[] {
  const address = parseAddress(text);
  if (!address) return [];
  return all.filter((cidr) => rangesOf(cidr).some((range) => rangeHolds(range, address))).map(nameOf);
}

function overlapping(cidr: ServiceCIDR, all: readonly ServiceCIDR[]): ServiceCIDR[] {
  const ranges = rangesOf(cidr);
  const meets = (a: AddressRange, b: AddressRange) =>
    rangeHolds(a, { family: b.family, value: b.first }) || rangeHolds(b, { family: a.family, value: a.first });
  return all.filter((one) => rangesOf(one).some((range) => ranges.some((other) => meets(range, other))));
}

function nameOf({ metadata }: KubeObject): string {
  return metadata.name ?? '';
}
