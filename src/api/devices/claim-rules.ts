/** What a claim may ask for: requests of devices, constraints between them, and configuration for their drivers. */
import type {
  DeviceClaim,
  DeviceClaimConfiguration,
  DeviceConfiguration,
  DeviceConstraint,
  DeviceRequest,
  DeviceSelector,
  DeviceSubRequest,
  DeviceToleration,
} from '#api/gen/resource-v1.js';
import { invalidValue, notSupported, required, tooLong } from '#apimachinery/field-error.js';
import {
  checkDriverName,
  checkLabel,
  checkQualifiedName,
  checkSubdomain,
  each,
  type FieldErrors,
} from '../meta/check.js';
import { checkDeviceExpression } from './expressions.js';
import { checkFullAttributeName, checkLabelValue, checkList } from './names.js';

/** Of requests, constraints, selectors and configurations alike. */
export const claimListMax = 32;
const alternativesMax = 8;
const parametersBytesMax = 10 * 1024;

/** The names of requests, with those of their alternatives. */
export type RequestNames = ReadonlySet<string>;

export function requestNamesOf({ requests }: Partial<DeviceClaim>): RequestNames {
  return new Set(
    (requests ?? []).flatMap(({ name, firstAvailable }) => [
      name,
      ...(firstAvailable ?? []).map((alternative) => `${name}/${alternative.name}`),
    ]),
  );
}

export function defaultDeviceClaim(claim: DeviceClaim | undefined): void {
  for (const { exactly, firstAvailable } of claim?.requests ?? [])
    for (const request of exactly ? [exactly, ...(firstAvailable ?? [])] : (firstAvailable ?? [])) {
      request.allocationMode ||= 'ExactCount';
      if (request.allocationMode === 'ExactCount') request.count ||= 1;
      for (const toleration of request.tolerations ?? []) toleration.operator ||= 'Equal';
    }
}

export function* checkDeviceClaim(path: string, claim: Partial<DeviceClaim>): FieldErrors {
  const names = requestNamesOf(claim);
  const max = claimListMax;
  yield* checkList(`${path}.requests`, claim.requests, { max, keyOf: ({ name }) => name }, checkRequest);
  yield* checkList(`${path}.constraints`, claim.constraints, { max }, (at, one) => checkConstraint(at, one, names));
  yield* checkList(`${path}.config`, claim.config, { max }, (at, one) => checkClaimConfiguration(at, one, names));
}

function* checkRequest(path: string, request: DeviceRequest): FieldErrors {
  const { name = '', exactly, firstAvailable } = request;
  yield* checkLabel(`${path}.name`, name);
  const why = 'exactly one of `exactly` or `firstAvailable` is required';
  if (exactly && firstAvailable?.length) yield invalidValue(path, null, `${why}, but multiple fields are set`);
  else if (exactly) yield* checkAmount(`${path}.exactly`, exactly);
  else if (!firstAvailable?.length) yield required(path, why);
  else {
    const limits = { max: alternativesMax, keyOf: (one: DeviceSubRequest) => one.name };
    yield* checkList(`${path}.firstAvailable`, firstAvailable, limits, checkAlternative);
  }
}

function* checkAlternative(path: string, alternative: DeviceSubRequest): FieldErrors {
  yield* checkLabel(`${path}.name`, alternative.name ?? '');
  yield* checkAmount(path, alternative);
}

const modes = ['All', 'ExactCount'];

function* checkAmount(path: string, request: Omit<DeviceSubRequest, 'name'>): FieldErrors {
  const { deviceClassName, selectors, allocationMode = '', count = 0, tolerations } = request;
  if (!deviceClassName) yield required(`${path}.deviceClassName`);
  else yield* checkSubdomain(`${path}.deviceClassName`, deviceClassName);
  yield* checkSelectors(`${path}.selectors`, selectors);
  if (!modes.includes(allocationMode)) yield notSupported(`${path}.allocationMode`, allocationMode, modes);
  else if (allocationMode === 'All' && count !== 0)
    yield invalidValue(`${path}.count`, count, "must not be specified when allocationMode is 'All'");
  else if (allocationMode === 'ExactCount' && count <= 0)
    yield invalidValue(`${path}.count`, count, 'must be greater than zero');
  for (const one of each(`${path}.tolerations`, tolerations)) yield* checkToleration(one.path, one.value);
}

export function checkSelectors(path: string, selectors: readonly DeviceSelector[] | undefined): FieldErrors {
  return checkList(path, selectors, { max: claimListMax }, checkSelector);
}

function* checkSelector(path: string, { cel }: DeviceSelector): FieldErrors {
  if (!cel) yield required(`${path}.cel`);
  else yield* checkDeviceExpression(`${path}.cel.expression`, cel.expression ?? '');
}

export const taintEffects = ['NoExecute', 'NoSchedule', 'None'];

export function* checkToleration(path: string, toleration: DeviceToleration): FieldErrors {
  const { key, operator, value = '', effect } = toleration;
  if (key) yield* checkQualifiedName(`${path}.key`, key);
  if (!operator) yield required(`${path}.operator`);
  else if (operator === 'Equal') yield* checkLabelValue(`${path}.value`, value);
  else if (operator !== 'Exists') yield notSupported(`${path}.operator`, operator, ['Equal', 'Exists']);
  else if (value) yield invalidValue(`${path}.value`, value, 'must be empty for operator `Exists`');
  if (effect && !taintEffects.includes(effect)) yield notSupported(`${path}.effect`, effect, taintEffects);
}

function* checkConstraint(path: string, constraint: DeviceConstraint, names: RequestNames): FieldErrors {
  yield* checkRequestRefs(`${path}.requests`, constraint.requests, names);
  const { matchAttribute, distinctAttribute } = constraint;
  if (matchAttribute !== undefined) yield* checkFullAttributeName(`${path}.matchAttribute`, matchAttribute);
  else if (distinctAttribute !== undefined)
    yield* checkFullAttributeName(`${path}.distinctAttribute`, distinctAttribute);
  // Upstream says so, though no field is set.
  else
    yield required(
      path,
      'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set',
    );
}

function* checkClaimConfiguration(path: string, config: DeviceClaimConfiguration, names: RequestNames): FieldErrors {
  yield* checkRequestRefs(`${path}.requests`, config.requests, names);
  yield* checkConfiguration(path, config);
}

export function checkRequestRefs(path: string, list: readonly string[] | undefined, names: RequestNames): FieldErrors {
  const limits = { max: claimListMax, keyOf: (name: string) => name };
  return checkList(path, list, limits, (at, name) => checkRequestRef(at, name, names));
}

export function* checkRequestRef(path: string, name: string, names: RequestNames): FieldErrors {
  const why = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
  const segments = name.split('/');
  if (segments.length <= 2) for (const segment of segments) yield* checkLabel(path, segment);
  if (!names.has(name)) yield invalidValue(path, name, why);
}

export function* checkConfiguration(path: string, { opaque }: DeviceConfiguration): FieldErrors {
  if (!opaque) {
    yield required(`${path}.opaque`);
    return;
  }
  yield* checkDriverName(`${path}.opaque.driver`, opaque.driver);
  yield* checkRawObject(`${path}.opaque.parameters`, opaque.parameters, { bytesMax: parametersBytesMax });
}

/** A JSON object that only its driver understands. */
export function* checkRawObject(path: string, value: unknown, { bytesMax }: { bytesMax: number }): FieldErrors {
  if (value === undefined || value === null) yield required(path);
  else if (Buffer.byteLength(JSON.stringify(value)) > bytesMax) yield tooLong(path, bytesMax);
  else if (typeof value !== 'object' || Array.isArray(value))
    yield invalidValue(path, '<value omitted>', 'must be a valid JSON object');
}
