/**
 * The order of ports in Endpoints and slices, and of subsets. Upstream sorts them by the hash of what Go prints of them, so that the
 * order tells nothing, but is the same whoever computes it: two controllers that disagreed would write for ever.
 */
import type { EndpointAddress, EndpointPort, EndpointSubset, ObjectReference } from '#api/gen/core-v1.js';
import type { EndpointPort as SlicePort } from '#api/gen/discovery-v1.js';
import { fnv1a128 } from '#base/fnv.js';
import { RecentMap } from '#client/recent-map.js';

/** Thousands of pods have the same ports. */
const known = new RecentMap<string, string>(1024);
/** Of longer texts, which are of whole subsets, each is another. */
const knownLengthMax = 1024;

export function inOrder<T>(items: readonly T[], dump: (item: T) => string): T[] {
  if (items.length < 2) return [...items];
  const hashed = items.map((item) => ({ item, hash: hashOf(dump(item)) }));
  return hashed.sort((a, b) => (a.hash < b.hash ? -1 : a.hash > b.hash ? 1 : 0)).map(({ item }) => item);
}

function hashOf(text: string): string {
  if (text.length > knownLengthMax) return fnv1a128(text);
  let hash = known.get(text);
  if (!hash) known.set(text, (hash = fnv1a128(text)));
  return hash;
}

export function dumpOfPort({ name = '', port, protocol = '', appProtocol }: EndpointPort): string {
  const fields = `Name:(string)${name} Port:(int32)${port} Protocol:(v1.Protocol)${protocol}`;
  return `(v1.EndpointPort){${fields} AppProtocol:${pointer(appProtocol)}}`;
}

export function dumpOfSlicePort({ name, port, protocol, appProtocol }: SlicePort): string {
  const fields = `Name:${pointer(name)} Protocol:(*v1.Protocol)${protocol ?? '<nil>'} Port:(*int32)${port ?? '<nil>'}`;
  return `(v1.EndpointPort){${fields} AppProtocol:${pointer(appProtocol)}}`;
}

export function dumpOfSubset({ addresses, notReadyAddresses, ports }: EndpointSubset): string {
  const lists = [
    `Addresses:${list('v1.EndpointAddress', addresses?.map(dumpOfAddress))}`,
    `NotReadyAddresses:${list('v1.EndpointAddress', notReadyAddresses?.map(dumpOfAddress))}`,
    `Ports:${list('v1.EndpointPort', ports?.map(dumpOfPort))}`,
  ];
  return `(v1.EndpointSubset){${lists.join(' ')}}`;
}

function dumpOfAddress({ ip, hostname = '', nodeName, targetRef }: EndpointAddress): string {
  const target = targetRef ? dumpOfReference(targetRef) : '<nil>';
  const fields = `IP:(string)${ip} Hostname:(string)${hostname} NodeName:${pointer(nodeName)}`;
  return `(v1.EndpointAddress){${fields} TargetRef:(*v1.ObjectReference)${target}}`;
}

function dumpOfReference(reference: ObjectReference): string {
  const { kind = '', namespace = '', name = '', uid = '', apiVersion = '', resourceVersion = '' } = reference;
  const { fieldPath = '' } = reference;
  const who = `Kind:(string)${kind} Namespace:(string)${namespace} Name:(string)${name} UID:(types.UID)${uid}`;
  const which = `APIVersion:(string)${apiVersion} ResourceVersion:(string)${resourceVersion}`;
  return `{${who} ${which} FieldPath:(string)${fieldPath}}`;
}

function pointer(text: string | undefined): string {
  return `(*string)${text ?? '<nil>'}`;
}

function list(type: string, items: readonly string[] | undefined): string {
  return `([]${type})${items ? `[${items.join(' ')}]` : '<nil>'}`;
}
