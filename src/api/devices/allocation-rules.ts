/** What the status of a claim may say: which devices it was given, who uses them, and how they are. */
import type {
  AllocatedDeviceStatus,
  AllocationResult,
  DeviceAllocationConfiguration,
  DeviceRequestAllocationResult,
  NetworkDeviceData,
  ResourceClaim,
  ResourceClaimConsumerReference,
  ResourceClaimStatus,
} from '#api/gen/resource-v1.js';
import { formatAddress, parseAddress } from '#apimachinery/addresses.js';
import { validateConditions } from '#apimachinery/condition-validation.js';
import { forbiddenField, invalidValue, required, tooLong, tooMany } from '#apimachinery/field-error.js';
import { validateImmutable } from '#apimachinery/metadata-validation.js';
import { checkNodeSelector } from '../core/pod/validate-scheduling.js';
import { checkDriverName, checkEnum, checkLabel, each, type FieldErrors } from '../meta/check.js';
import { checkBindingConditions } from './binding-conditions.js';
import {
  checkConfiguration,
  checkRawObject,
  checkRequestRef,
  checkRequestRefs,
  checkToleration,
  claimListMax,
  type RequestNames,
  requestNamesOf,
} from './claim-rules.js';
import { checkList, checkPoolName, checkUuid } from './names.js';

const consumersMax = 256;
const resultsMax = 32;
const conditionsMax = 8;
const dataBytesMax = 10 * 1024;
const interfaceNameBytesMax = 256;
const hardwareAddressBytesMax = 128;
const networkAddressesMax = 16;

export function* checkClaimStatus({ metadata, spec, status = {} }: ResourceClaim, old: ResourceClaim): FieldErrors {
  const { reservedFor, allocation, devices } = status;
  const consumers = { max: consumersMax, keyOf: ({ uid }: ResourceClaimConsumerReference) => uid };
  yield* checkList('status.reservedFor', reservedFor, consumers, checkConsumer);
  const given = new Set((allocation?.devices?.results ?? []).map(deviceId));
  const check = (path: string, device: AllocatedDeviceStatus) => checkDeviceStatus(path, device, given);
  yield* checkList('status.devices', devices, { keyOf: deviceId }, check);
  yield* checkReserved(status, old.status ?? {}, { isDeleted: metadata.deletionTimestamp !== undefined });
  const before = old.status?.allocation;
  if (before && allocation) yield* validateImmutable('status.allocation', { value: allocation, old: before });
  else if (allocation) yield* checkAllocation('status.allocation', allocation, requestNamesOf(spec?.devices ?? {}));
}

function* checkConsumer(path: string, reference: ResourceClaimConsumerReference): FieldErrors {
  for (const field of ['resource', 'name', 'uid'] as const) if (!reference[field]) yield required(`${path}.${field}`);
}

/** Who uses a claim can only be said while it has devices; one that goes takes no more users. */
function* checkReserved(
  { reservedFor, allocation }: ResourceClaimStatus,
  old: ResourceClaimStatus,
  { isDeleted }: { isDeleted: boolean },
): FieldErrors {
  if (!reservedFor?.length) return;
  if (!allocation) yield forbiddenField('status.reservedFor', 'may not be specified when `allocated` is not set');
  else if (isDeleted) {
    const before = new Set((old.reservedFor ?? []).map(({ uid }) => uid));
    const why = 'new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set';
    if (reservedFor.some(({ uid }) => !before.has(uid))) yield forbiddenField('status.reservedFor', why);
  }
}

interface DeviceName {
  driver: string;
  pool: string;
  device: string;
  shareID?: string;
}

export function deviceId({ driver, pool, device, shareID }: DeviceName): string {
  return [driver, pool, device, ...(shareID ? [shareID] : [])].join('/');
}

function* checkAllocation(path: string, allocation: AllocationResult, names: RequestNames): FieldErrors {
  const { devices, nodeSelector } = allocation;
  const at = `${path}.devices`;
  yield* checkList(`${at}.results`, devices?.results, { max: resultsMax }, (place, result) =>
    checkResult(place, result, names),
  );
  yield* checkList(`${at}.config`, devices?.config, { max: 2 * claimListMax }, (place, config) =>
    checkAllocationConfiguration(place, config, names),
  );
  if (nodeSelector) yield* checkNodeSelector(`${path}.nodeSelector`, nodeSelector);
}

function* checkDeviceName(path: string, { driver, pool, device }: DeviceName): FieldErrors {
  yield* checkDriverName(`${path}.driver`, driver);
  if (!pool) yield required(`${path}.pool`);
  else yield* checkPoolName(`${path}.pool`, pool);
  yield* checkLabel(`${path}.device`, device ?? '');
}

function* checkResult(path: string, result: DeviceRequestAllocationResult, names: RequestNames): FieldErrors {
  yield* checkRequestRef(`${path}.request`, result.request ?? '', names);
  yield* checkDeviceName(path, result);
  yield* checkBindingConditions(path, result);
  for (const one of each(`${path}.tolerations`, result.tolerations)) yield* checkToleration(one.path, one.value);
  if (result.shareID !== undefined) yield* checkUuid(`${path}.shareID`, result.shareID);
}

function* checkAllocationConfiguration(
  path: string,
  config: DeviceAllocationConfiguration,
  names: RequestNames,
): FieldErrors {
  yield* checkEnum(`${path}.source`, config.source, ['FromClaim', 'FromClass']);
  yield* checkRequestRefs(`${path}.requests`, config.requests, names);
  yield* checkConfiguration(path, config);
}

function* checkDeviceStatus(path: string, status: AllocatedDeviceStatus, given: ReadonlySet<string>): FieldErrors {
  yield* checkDeviceName(path, status);
  if (status.shareID !== undefined) yield* checkUuid(`${path}.shareID`, status.shareID);
  const id = deviceId(status);
  if (!given.has(id)) yield invalidValue(path, id, 'must be an allocated device in the claim');
  const count = status.conditions?.length ?? 0;
  if (count > conditionsMax) yield tooMany(`${path}.conditions`, count, conditionsMax);
  yield* validateConditions(status.conditions, `${path}.conditions`);
  if (status.data !== undefined) yield* checkRawObject(`${path}.data`, status.data, { bytesMax: dataBytesMax });
  if (status.networkData) yield* checkNetworkData(`${path}.networkData`, status.networkData);
}

function* checkNetworkData(path: string, data: NetworkDeviceData): FieldErrors {
  const { interfaceName = '', hardwareAddress = '', ips } = data;
  if (Buffer.byteLength(interfaceName) > interfaceNameBytesMax)
    yield tooLong(`${path}.interfaceName`, interfaceNameBytesMax);
  if (Buffer.byteLength(hardwareAddress) > hardwareAddressBytesMax)
    yield tooLong(`${path}.hardwareAddress`, hardwareAddressBytesMax);
  const limits = { max: networkAddressesMax, keyOf: (address: string) => address };
  yield* checkList(`${path}.ips`, ips, limits, checkInterfaceAddress);
}

/** `192.168.1.5/24`: an address and the length of its network. */
function* checkInterfaceAddress(path: string, text: string): FieldErrors {
  const [, address = '', length = ''] = /^([^/]*)\/(\d{1,3})$/.exec(text) ?? [];
  const parsed = parseAddress(address);
  const bits = parsed?.family === 4 ? 32 : 128;
  if (!parsed || Number(length) > bits) {
    yield invalidValue(path, text, 'must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)');
    return;
  }
  const canonical = `${formatAddress(parsed)}/${Number(length)}`;
  if (canonical !== text) yield invalidValue(path, text, `must be in canonical form (${JSON.stringify(canonical)})`);
}
