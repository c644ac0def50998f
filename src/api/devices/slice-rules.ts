/** What a driver may say of its devices: where they are, what they are and can be asked for, and what is wrong with them. */
import type {
  CounterSet,
  Device,
  DeviceAttribute,
  DeviceCounterConsumption,
  DeviceTaint,
  ResourcePool,
  ResourceSliceSpec,
} from '#api/gen/resource-v1.js';
import { invalidValue, notSupported, required, tooLong } from '#apimachinery/field-error.js';
import { checkNodeSelector } from '../core/pod/validate-scheduling.js';
import { checkDriverName, checkLabel, checkQualifiedName, checkSubdomain, type FieldErrors } from '../meta/check.js';
import { checkBindingConditions } from './binding-conditions.js';
import { checkCapacity } from './capacity-rules.js';
import { taintEffects } from './claim-rules.js';
import { checkAttributeName, checkLabelValue, checkList, checkMap, checkPoolName } from './names.js';

const devicesMax = 128;
const elaborateDevicesMax = 64;
const counterSetsMax = 8;
const countersMax = 32;
const consumptionsMax = 2;
const propertiesMax = 32;
const taintsMax = 16;
const valueBytesMax = 64;
const counterNameBytesMax = 63;

export function* checkSliceSpec(spec: ResourceSliceSpec): FieldErrors {
  yield* checkDriverName('spec.driver', spec.driver);
  yield* checkPool('spec.pool', spec.pool ?? ({} as ResourcePool));
  yield* checkPlace('spec', spec);
  if (spec.sharedCounters && spec.devices)
    yield invalidValue('spec', '', 'only one of `sharedCounters` or `devices` is allowed');
  const isElaborate = spec.devices?.some(({ taints, consumesCounters }) => taints?.length || consumesCounters?.length);
  const devices = { max: isElaborate ? elaborateDevicesMax : devicesMax, keyOf: ({ name }: Device) => name };
  const hasOwnPlaces = spec.perDeviceNodeSelection === true;
  yield* checkList('spec.devices', spec.devices, devices, (at, device) => checkDevice(at, device, { hasOwnPlaces }));
  const sets = { max: counterSetsMax, keyOf: ({ name }: CounterSet) => name };
  yield* checkList('spec.sharedCounters', spec.sharedCounters, sets, checkCounterSet);
}

function* checkPool(path: string, { name, resourceSliceCount = 0, generation = 0 }: ResourcePool): FieldErrors {
  if (!name) yield required(`${path}.name`);
  else yield* checkPoolName(`${path}.name`, name);
  if (resourceSliceCount <= 0)
    yield invalidValue(`${path}.resourceSliceCount`, resourceSliceCount, 'must be greater than zero');
  if (generation < 0) yield invalidValue(`${path}.generation`, generation, 'must be greater than or equal to zero');
}

function* checkPlace(path: string, spec: ResourceSliceSpec): FieldErrors {
  const { nodeName, nodeSelector, allNodes, perDeviceNodeSelection } = spec;
  const fields = { nodeName, nodeSelector, allNodes, perDeviceNodeSelection };
  const chosen = Object.entries(fields).flatMap(([name, value]) => (value ? [`\`${name}\``] : []));
  if (nodeName) yield* checkSubdomain(`${path}.nodeName`, nodeName);
  else if (nodeName !== undefined)
    yield invalidValue(`${path}.nodeName`, nodeName, 'must be either unset or set to a non-empty string');
  if (nodeSelector) {
    yield* checkNodeSelector(`${path}.nodeSelector`, nodeSelector);
    const terms = nodeSelector.nodeSelectorTerms ?? [];
    if (terms.length !== 1)
      yield invalidValue(`${path}.nodeSelector.nodeSelectorTerms`, terms, 'must have exactly one node selector term');
  }
  for (const [name, value] of Object.entries({ allNodes, perDeviceNodeSelection }))
    if (value === false) yield invalidValue(`${path}.${name}`, value, 'must be either unset or set to true');
  const why = 'exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required';
  if (chosen.length === 0) yield required(path, why);
  else if (chosen.length > 1) yield invalidValue(path, `{${chosen.join(', ')}}`, `${why}, but multiple fields are set`);
}

function* checkDevice(path: string, device: Device, { hasOwnPlaces }: { hasOwnPlaces: boolean }): FieldErrors {
  const { attributes = {}, capacity = {}, taints, consumesCounters } = device;
  yield* checkLabel(`${path}.name`, device.name ?? '');
  const properties = Object.keys(attributes).length + Object.keys(capacity).length;
  if (properties > propertiesMax) {
    const why = `the total number of attributes and capacities must not exceed ${propertiesMax}`;
    yield invalidValue(path, properties, why);
  }
  yield* checkMap(`${path}.attributes`, attributes, {}, { key: checkAttributeName, value: checkAttribute });
  const isShared = device.allowMultipleAllocations === true;
  yield* checkMap(
    `${path}.capacity`,
    capacity,
    {},
    {
      key: checkAttributeName,
      value: (at, one) => checkCapacity(at, one, { isShared }),
    },
  );
  yield* checkList(`${path}.taints`, taints, { max: taintsMax }, checkTaint);
  const consumptions = { max: consumptionsMax, keyOf: ({ counterSet }: DeviceCounterConsumption) => counterSet };
  yield* checkList(`${path}.consumesCounters`, consumesCounters, consumptions, checkConsumption);
  yield* checkDevicePlace(path, device, { hasOwnPlaces });
  yield* checkBindingConditions(path, device);
}

function* checkDevicePlace(path: string, device: Device, { hasOwnPlaces }: { hasOwnPlaces: boolean }): FieldErrors {
  const { nodeName, nodeSelector, allNodes } = device;
  if (!hasOwnPlaces) {
    const why =
      '`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec';
    if (nodeName !== undefined || nodeSelector || allNodes !== undefined) yield invalidValue(path, null, why);
    return;
  }
  const chosen = Object.entries({ nodeName, nodeSelector, allNodes }).flatMap(([name, value]) =>
    value ? [`\`${name}\``] : [],
  );
  if (nodeName) yield* checkSubdomain(`${path}.nodeName`, nodeName);
  else if (nodeName !== undefined) yield invalidValue(`${path}.nodeName`, nodeName, 'must not be empty');
  if (nodeSelector) yield* checkNodeSelector(`${path}.nodeSelector`, nodeSelector);
  if (allNodes === false) yield invalidValue(`${path}.allNodes`, allNodes, 'must be either unset or set to true');
  const why =
    'exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec';
  if (chosen.length === 0) yield required(path, why);
  else if (chosen.length > 1) yield invalidValue(path, `{${chosen.join(', ')}}`, why);
}

/** https://semver.org */
const versionPattern =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$/;

function* checkAttribute(path: string, attribute: DeviceAttribute): FieldErrors {
  const { string, version } = attribute;
  if (string !== undefined && Buffer.byteLength(string) > valueBytesMax) yield tooLong(`${path}.string`, valueBytesMax);
  if (version !== undefined) {
    const at = `${path}.version`;
    const isLong = Buffer.byteLength(version) > valueBytesMax;
    // The pattern is not tried on what is too long: it could take its time.
    if (isLong || !versionPattern.test(version))
      yield invalidValue(at, version, 'must be a string compatible with semver.org spec 2.0.0');
    if (isLong) yield tooLong(at, valueBytesMax);
  }
  const values = Object.values(attribute).filter((value) => value !== undefined && value !== null).length;
  if (values !== 1) yield invalidValue(path, values === 0 ? '' : attribute, 'exactly one value must be specified');
}

function* checkTaint(path: string, { key = '', value, effect }: DeviceTaint): FieldErrors {
  yield* checkQualifiedName(`${path}.key`, key);
  if (value) yield* checkLabelValue(`${path}.value`, value);
  if (!effect) yield required(`${path}.effect`);
  else if (!taintEffects.includes(effect)) yield notSupported(`${path}.effect`, effect, taintEffects);
}

function* checkConsumption(path: string, { counterSet, counters }: DeviceCounterConsumption): FieldErrors {
  if (!counterSet) yield required(`${path}.counterSet`);
  else yield* checkLabel(`${path}.counterSet`, counterSet);
  yield* checkCounters(`${path}.counters`, counters);
}

function* checkCounterSet(path: string, { name, counters }: CounterSet): FieldErrors {
  if (!name) yield required(`${path}.name`);
  else yield* checkLabel(`${path}.name`, name);
  yield* checkCounters(`${path}.counters`, counters);
}

function* checkCounters(path: string, counters: CounterSet['counters']): FieldErrors {
  if (Object.keys(counters ?? {}).length === 0) yield required(path);
  else yield* checkMap(path, counters, { max: countersMax, keyMax: counterNameBytesMax }, { key: checkLabel });
}
