/**
 * What the server tells of a definition: which names it has, whether it is served, and what is wrong with it.
 * https://kubernetes.io/docs/reference/kubernetes-api/extend-resources/custom-resource-definition-v1/
 */
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionStatus,
} from '#api/gen/apiextensions-v1.js';
import { invalidValue } from '#apimachinery/field-error.js';
import { formatTime } from '#apimachinery/object.js';
import { copy, equal } from '#base/json.js';
import { atOnce } from '#base/turns.js';
import { approvalOf, isProtectedGroup } from './approval.js';
import { structuralErrors } from './structural.js';

export const cleanupFinalizer = 'customresourcecleanup.apiextensions.k8s.io';

export type Condition = CustomResourceDefinitionCondition;

export function isTrue({ status }: CustomResourceDefinition, type: string): boolean {
  return status?.conditions?.some((one) => one.type === type && one.status === 'True') ?? false;
}

/** In place. The time of the last transition stays when the status does. */
export function setCondition(status: CustomResourceDefinitionStatus, condition: Condition): void {
  const existing = status.conditions?.find(({ type }) => type === condition.type);
  if (!existing) {
    status.conditions = [...(status.conditions ?? []), condition];
    return;
  }
  const { lastTransitionTime } = existing;
  const isTransition = existing.status !== condition.status || !lastTransitionTime;
  Object.assign(existing, condition, isTransition ? {} : { lastTransitionTime });
}

/** The status that the definition should have; `others` are all other definitions of its group. */
export function wantedStatus(
  crd: CustomResourceDefinition,
  { others, nowMs }: { others: readonly CustomResourceDefinition[]; nowMs: number },
): CustomResourceDefinitionStatus {
  const status = copy(crd.status)!;
  const lastTransitionTime = formatTime(nowMs);
  const set = (condition: Omit<Condition, 'lastTransitionTime'>) =>
    setCondition(status, { ...condition, lastTransitionTime });
  const { names, conflict } = acceptNames(crd, others);
  status.acceptedNames = names;
  set(
    conflict
      ? { type: 'NamesAccepted', status: 'False', ...conflict }
      : { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' },
  );
  if (!isTrue(crd, 'Established')) set(establishedCondition(crd, conflict !== undefined));
  const nonStructural = nonStructuralCondition(crd);
  if (nonStructural) set(nonStructural);
  else status.conditions = status.conditions?.filter(({ type }) => type !== 'NonStructuralSchema');
  const approval = approvalCondition(crd);
  if (approval) set(approval);
  return status;
}

function establishedCondition(
  { spec }: CustomResourceDefinition,
  isRefused: boolean,
): Omit<Condition, 'lastTransitionTime'> {
  const type = 'Established';
  if (isRefused) return { type, status: 'False', reason: 'NotAccepted', message: 'not all names are accepted' };
  const bundle = spec.conversion?.webhook?.clientConfig?.caBundle;
  if (bundle && !isCertificateBundle(bundle)) {
    const message = 'The conversion webhook CABundle is invalid';
    return { type, status: 'False', reason: 'InvalidCABundle', message };
  }
  const message = 'the initial names have been accepted';
  return { type, status: 'True', reason: 'InitialNamesAccepted', message };
}

/** Whether base64 text holds at least one PEM certificate. */
export function isCertificateBundle(base64: string): boolean {
  return Buffer.from(base64, 'base64').toString().includes('-----BEGIN CERTIFICATE-----');
}

type Conflict = Pick<Condition, 'reason' | 'message'>;

/** Names that are asked for and free are taken, even when others are not; the last conflict is told. */
function acceptNames(
  { spec, status }: CustomResourceDefinition,
  others: readonly CustomResourceDefinition[],
): { names: CustomResourceDefinitionNames; conflict: Conflict | undefined } {
  const { names: wanted } = spec;
  const held = status?.acceptedNames ?? { plural: '', kind: '' };
  const names = copy(held);
  const resources = new Set<string | undefined>();
  const kinds = new Set<string | undefined>();
  for (const other of others) {
    const { plural, singular, shortNames = [], kind, listKind } = other.status?.acceptedNames ?? {};
    for (const name of [plural, singular, ...shortNames]) if (name) resources.add(name);
    for (const name of [kind, listKind]) if (name) kinds.add(name);
  }
  let conflict: Conflict | undefined;
  const refuse = (what: string, taken: readonly string[]) => {
    const texts = taken.map((name) => `${JSON.stringify(name)} is already in use`);
    conflict = { reason: `${what}Conflict`, message: texts.length === 1 ? texts[0]! : `[${texts.join(', ')}]` };
  };
  const take = (field: 'plural' | 'singular' | 'kind' | 'listKind', what: string) => {
    const name = wanted[field];
    const used = field === 'plural' || field === 'singular' ? resources : kinds;
    if (name && name !== held[field] && used.has(name)) refuse(what, [name]);
    else if (name !== undefined) names[field] = name;
  };
  take('plural', 'Plural');
  take('singular', 'Singular');
  if (!equal(wanted.shortNames ?? [], held.shortNames ?? [])) {
    const own = new Set(held.shortNames);
    const taken = (wanted.shortNames ?? []).filter((name) => !own.has(name) && resources.has(name));
    if (taken.length > 0) refuse('ShortNames', [...new Set(taken)]);
    else setList(names, 'shortNames', wanted.shortNames);
  }
  take('kind', 'Kind');
  take('listKind', 'ListKind');
  setList(names, 'categories', wanted.categories);
  return { names, conflict };
}

function setList(names: CustomResourceDefinitionNames, field: 'shortNames' | 'categories', list?: string[]): void {
  if (list === undefined) delete names[field];
  else names[field] = copy(list);
}

function nonStructuralCondition({ spec }: CustomResourceDefinition): Omit<Condition, 'lastTransitionTime'> | undefined {
  const errors = spec.preserveUnknownFields ? [invalidValue('spec.preserveUnknownFields', true, 'must be false')] : [];
  for (const [index, { schema }] of spec.versions.entries())
    if (schema?.openAPIV3Schema)
      errors.push(
        ...atOnce(structuralErrors(schema.openAPIV3Schema, `spec.versions[${index}].schema.openAPIV3Schema`)),
      );
  if (errors.length === 0) return undefined;
  const texts = errors.map(({ message }) => message);
  const message = texts.length === 1 ? texts[0]! : `[${texts.join(', ')}]`;
  return { type: 'NonStructuralSchema', status: 'True', reason: 'Violations', message };
}

const approvalConditions = {
  invalid: { status: 'False', reason: 'InvalidAnnotation' },
  missing: { status: 'False', reason: 'MissingAnnotation' },
  approved: { status: 'True', reason: 'ApprovedAnnotation' },
  bypassed: { status: 'False', reason: 'UnapprovedAnnotation' },
};

function approvalCondition({
  metadata,
  spec,
}: CustomResourceDefinition): Omit<Condition, 'lastTransitionTime'> | undefined {
  if (!isProtectedGroup(spec.group)) return undefined;
  const { state, reason } = approvalOf(metadata.annotations);
  return { type: 'KubernetesAPIApprovalPolicyConformant', ...approvalConditions[state], message: reason };
}
