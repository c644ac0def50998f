/** The selectors of access reviews: checked, and put into the form in which requests carry them. */
import type { ResourceAttributes } from '#api/gen/authorization-v1.js';
import type { FieldSelectorRequirement, LabelSelectorRequirement } from '#api/gen/meta-v1.js';
import { type FieldError, forbiddenField, invalidValue, required } from '#apimachinery/field-error.js';
import { type FieldTerm, fieldSelectorOf, parseFieldSelector } from '#apimachinery/field-selector.js';
import { checkedRequirement, formatRequirement, type LabelOperator } from '#apimachinery/label-requirement.js';
import { labelValueProblems, qualifiedNameProblems } from '#apimachinery/names.js';
import { parseLabelSelector } from '#apimachinery/selectors.js';
import { readOr } from '../authorization/selectors.js';

export interface ReadSelectors {
  fieldSelector?: string;
  labelSelector?: string;
  /** For `status.evaluationError`. */
  problems: string[];
}

interface Read {
  text: string | undefined;
  wasWhole: boolean;
}

/** What cannot be understood is left out: the question then is whether more is allowed. */
export function readSelectors({ fieldSelector, labelSelector }: ResourceAttributes = {}): ReadSelectors {
  const fields = fieldSelector && readFields(fieldSelector);
  const labels = labelSelector && readLabels(labelSelector);
  const problems = Object.entries({ fieldSelector: fields, labelSelector: labels }).flatMap(([name, read]) => {
    if (!read || read.wasWhole) return [];
    return [`spec.resourceAttributes.${name} ${read.text ? 'partially ' : ''}ignored due to parse error`];
  });
  return { fieldSelector: fields?.text, labelSelector: labels?.text, problems };
}

function readFields({ rawSelector, requirements = [] }: NonNullable<ResourceAttributes['fieldSelector']>): Read {
  if (requirements.length === 0) return readRaw(rawSelector, (text) => parseFieldSelector(text).terms.length > 0);
  const terms = requirements.flatMap(({ key = '', operator, values = [] }): FieldTerm[] => {
    if (values.length !== 1 || (operator !== 'In' && operator !== 'NotIn')) return [];
    return [{ field: key, operator: operator === 'In' ? '=' : '!=', value: values[0]! }];
  });
  const text = terms.length > 0 ? fieldSelectorOf(terms).toString() : undefined;
  return { text, wasWhole: terms.length === requirements.length };
}

const labelOperators: Record<string, LabelOperator> = { In: 'in', NotIn: 'notin', Exists: 'exists', DoesNotExist: '!' };

function readLabels({ rawSelector, requirements = [] }: NonNullable<ResourceAttributes['labelSelector']>): Read {
  if (requirements.length === 0)
    return readRaw(rawSelector, (text) => parseLabelSelector(text).requirements.length > 0);
  const texts = requirements.flatMap(({ key = '', operator = '', values = [] }) => {
    const known = labelOperators[operator];
    if (!known) return [];
    return readOr([], () => [formatRequirement(checkedRequirement({ key, operator: known, values }))]);
  });
  return { text: texts.join(',') || undefined, wasWhole: texts.length === requirements.length };
}

function readRaw(text: string | undefined, isRead: (text: string) => boolean): Read {
  if (!text) return { text: undefined, wasWhole: true };
  const wasWhole = readOr(false, () => isRead(text) || true);
  return { text: wasWhole ? text : undefined, wasWhole };
}

export function checkSelectors(attributes: ResourceAttributes | undefined): FieldError[] {
  if (!attributes) return [];
  const path = 'spec.resourceAttributes';
  return [
    ...checkOne(attributes.fieldSelector, `${path}.fieldSelector`, checkFieldRequirement),
    ...checkOne(attributes.labelSelector, `${path}.labelSelector`, checkLabelRequirement),
  ];
}

function checkOne<T>(
  selector: { rawSelector?: string; requirements?: T[] } | undefined,
  path: string,
  check: (requirement: T, path: string) => FieldError[],
): FieldError[] {
  if (!selector) return [];
  const { rawSelector = '', requirements = [] } = selector;
  const errors: FieldError[] = [];
  if (rawSelector && requirements.length > 0)
    errors.push(invalidValue(`${path}.rawSelector`, rawSelector, 'may not specified at the same time as requirements'));
  if (!rawSelector && requirements.length === 0)
    errors.push(required(`${path}.requirements`, `when ${path} is specified, requirements or rawSelector is required`));
  return [...errors, ...requirements.flatMap((one, index) => check(one, `${path}.requirements[${index}]`))];
}

function checkFieldRequirement(requirement: FieldSelectorRequirement, path: string): FieldError[] {
  return [
    ...(requirement.key ? [] : [required(`${path}.key`, 'must be specified')]),
    ...checkValues(requirement, path),
  ];
}

function checkLabelRequirement(requirement: LabelSelectorRequirement, path: string): FieldError[] {
  const { key = '', values = [] } = requirement;
  return [
    ...checkValues(requirement, path),
    ...qualifiedNameProblems(key).map((problem) => invalidValue(`${path}.key`, key, problem)),
    ...values.flatMap((value, index) =>
      labelValueProblems(value).map((problem) => invalidValue(`${path}.values[${index}]`, value, problem)),
    ),
  ];
}

/** An operator that we do not know may be one of a newer client, and is left out later. */
function checkValues({ operator, values = [] }: { operator?: string; values?: string[] }, path: string): FieldError[] {
  if ((operator === 'In' || operator === 'NotIn') && values.length === 0)
    return [required(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'")];
  if ((operator === 'Exists' || operator === 'DoesNotExist') && values.length > 0)
    return [forbiddenField(`${path}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")];
  return [];
}
