/** LimitRange: how little and how much one object of a namespace may use, and what it uses when it does not say. */
import type { LimitRange, LimitRangeItem } from '#api/gen/core-v1.js';
import { duplicate, forbiddenField, invalidValue, required } from '#apimachinery/field-error.js';
import { qualifiedNameProblems } from '#apimachinery/names.js';
import { Quantity } from '#apimachinery/quantity.js';
import { endsStep } from '#base/turns.js';
import { each, type FieldErrors } from '../meta/check.js';
import { createdColumn, nameColumn } from '../meta/columns.js';
import { defineResource } from '../resource.js';
import { roundUpToMilli } from './pod/defaults.js';
import { isOvercommitAllowed } from './pod/resources.js';
import { checkContainerResourceName, checkResourceName } from './pod/validate-resources.js';

export default defineResource<LimitRange>({
  group: '',
  versions: ['v1'],
  kind: 'LimitRange',
  shortNames: ['limits'],
  namespaced: true,
  metadataRepeats: { update: ['whole'] },
  allowCreateOnUpdate: true,
  storageVersionHash: 'EBKMFVe6cwo=',
  default: setDefaults,
  prepareForCreate({ metadata }) {
    metadata.name ||= metadata.uid!;
  },
  validate: ({ spec }) => checkLimits('spec.limits', spec?.limits),
  columns: [nameColumn, createdColumn],
});

const amountFields = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const;

function setDefaults(range: LimitRange): void {
  range.spec ??= { limits: [] };
  for (const item of range.spec.limits ?? []) {
    for (const field of amountFields) if (item[field]) roundUpToMilli(item[field]);
    if (item.type === 'Container') {
      item.default = { ...item.max, ...item.default };
      item.defaultRequest = { ...item.min, ...item.default, ...item.defaultRequest };
    }
  }
}

const types = ['Pod', 'Container', 'PersistentVolumeClaim'];

function* checkLimits(path: string, limits: readonly LimitRangeItem[] | undefined): FieldErrors {
  const seen = new Set<string>();
  for (const { path: at, value: item } of each(path, limits)) {
    const { type = '' } = item;
    const problems = qualifiedNameProblems(type);
    for (const problem of problems) yield invalidValue(`${at}.type`, type, problem);
    if (problems.length === 0 && !type.includes('/') && !types.includes(type))
      yield invalidValue(`${at}.type`, type, 'must be a standard limit type or fully qualified');
    if (seen.has(type)) yield duplicate(`${at}.type`, type);
    seen.add(type);
    yield* checkNames(at, item);
    const names = new Set(amountFields.flatMap((field) => Object.keys(amountsOf(item, field))));
    for (const name of names) {
      yield* checkOrder(at, name, item);
      if (endsStep()) yield;
    }
  }
}

/** A pod has no amounts of its own to fill in. */
function amountsOf(item: LimitRangeItem, field: (typeof amountFields)[number]): Record<string, string> {
  const isIgnored = item.type === 'Pod' && (field === 'default' || field === 'defaultRequest');
  return isIgnored ? {} : (item[field] ?? {});
}

function* checkNames(path: string, item: LimitRangeItem): FieldErrors {
  const checkName = item.type === 'Pod' || item.type === 'Container' ? checkContainerResourceName : checkResourceName;
  for (const field of amountFields) {
    const isForbidden = item.type === 'Pod' && (field === 'default' || field === 'defaultRequest');
    if (isForbidden && Object.keys(item[field] ?? {}).length > 0)
      yield forbiddenField(`${path}.${field}`, "may not be specified when `type` is 'Pod'");
    if (field === 'maxLimitRequestRatio' && item.type === 'PersistentVolumeClaim') yield* checkStorage(path, item);
    for (const name of Object.keys(amountsOf(item, field))) {
      yield* checkName(`${path}.${field}[${name}]`, name);
      if (endsStep()) yield;
    }
  }
}

function* checkStorage(path: string, { min, max }: LimitRangeItem): FieldErrors {
  if (min?.['storage'] === undefined && max?.['storage'] === undefined) {
    const why = 'either minimum or maximum storage value is required, but neither was provided';
    yield required(`${path}.limits`, why);
  }
}

/** Of one resource: the least, what is asked for, what is allowed, the most. */
function* checkOrder(path: string, name: string, item: LimitRangeItem): FieldErrors {
  const amount = (field: (typeof amountFields)[number]) => Quantity.tryParse(amountsOf(item, field)[name]);
  const [min, max, limit, request, ratio] = [
    amount('min'),
    amount('max'),
    amount('default'),
    amount('defaultRequest'),
    amount('maxLimitRequestRatio'),
  ];
  const exceeds = (one: Quantity | undefined, other: Quantity | undefined) => one && other && one.compare(other) > 0;
  const at = (field: string) => `${path}.${field}[${name}]`;
  if (exceeds(min, max)) yield invalidValue(at('min'), `${min}`, `min value ${min} is greater than max value ${max}`);
  if (exceeds(min, request))
    yield invalidValue(
      at('defaultRequest'),
      `${request}`,
      `min value ${min} is greater than default request value ${request}`,
    );
  if (exceeds(request, max))
    yield invalidValue(
      at('defaultRequest'),
      `${request}`,
      `default request value ${request} is greater than max value ${max}`,
    );
  if (exceeds(request, limit)) {
    const why = `default request value ${request} is greater than default limit value ${limit}`;
    yield invalidValue(at('defaultRequest'), `${request}`, why);
  }
  if (exceeds(min, limit))
    yield invalidValue(at('default'), `${min}`, `min value ${min} is greater than default value ${limit}`);
  if (exceeds(limit, max))
    yield invalidValue(at('default'), `${max}`, `default value ${limit} is greater than max value ${max}`);
  if (ratio) yield* checkRatio(at('maxLimitRequestRatio'), ratio, { min, max });
  if (!isOvercommitAllowed(name) && limit && request && !limit.equals(request)) {
    const why = `default value ${limit} must equal to defaultRequest value ${request} in ${name}`;
    yield invalidValue(at('defaultRequest'), `${request}`, why);
  }
}

function* checkRatio(
  path: string,
  ratio: Quantity,
  { min, max }: { min: Quantity | undefined; max: Quantity | undefined },
): FieldErrors {
  if (ratio.compare(Quantity.of(1)) < 0) yield invalidValue(path, `${ratio}`, `ratio ${ratio} is less than 1`);
  if (!min || !max) return;
  const most = Number(max.milli()) / Number(min.milli());
  if (Number(ratio.milli()) / 1000 <= most) return;
  yield invalidValue(path, `${ratio}`, `ratio ${ratio} is greater than max/min = ${most.toFixed(6)}`);
}
