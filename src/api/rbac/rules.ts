/** Rules of roles and bindings, in a namespace and without. https://kubernetes.io/docs/reference/access-authn-authz/rbac/ */
import type { PolicyRule, RoleRef, Subject } from '#api/gen/rbac-v1.js';
import { type FieldError, invalidValue, required, unsupportedText } from '#apimachinery/field-error.js';
import { pathSegmentProblems } from '#apimachinery/names.js';
import type { KubeObject } from '#apimachinery/object.js';
import { equal } from '#base/json.js';
import { endsStep } from '#base/turns.js';
import { check, checkSubdomain, each, type FieldErrors } from '../meta/check.js';
import { ageColumn, nameColumn } from '../meta/columns.js';
import { goStruct } from '../meta/go-fields.js';
import type { Column } from '../resource.js';

export const rbacGroup = 'rbac.authorization.k8s.io';
const goRoleRef = { APIGroup: '', Kind: '', Name: '' } as const;

interface Place {
  namespaced: boolean;
}

export function* checkPolicyRules(rules: readonly PolicyRule[] | undefined, { namespaced }: Place): FieldErrors {
  for (const { path, value: rule } of each('rules', rules)) {
    if (endsStep()) yield;
    const { verbs = [], apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
    if (verbs.length === 0) yield required(`${path}.verbs`, 'verbs must contain at least one value');
    if (nonResourceURLs.length > 0) {
      const at = `${path}.nonResourceURLs`;
      if (namespaced) yield invalidValue(at, nonResourceURLs, 'namespaced rules cannot apply to non-resource URLs');
      if (apiGroups.length + resources.length + resourceNames.length > 0) {
        const why = 'rules cannot apply to both regular resources and non-resource URLs';
        yield invalidValue(at, nonResourceURLs, why);
      }
      continue;
    }
    if (apiGroups.length === 0)
      yield required(`${path}.apiGroups`, 'resource rules must supply at least one api group');
    if (resources.length === 0) yield required(`${path}.resources`, 'resource rules must supply at least one resource');
  }
}

export interface BindingObject extends KubeObject {
  roleRef: RoleRef;
  subjects?: Subject[];
}

export function defaultBinding(binding: BindingObject): void {
  binding.roleRef ??= {} as RoleRef;
  binding.roleRef.apiGroup ||= rbacGroup;
  for (const subject of binding.subjects ?? []) {
    if (subject.kind === 'User' || subject.kind === 'Group') subject.apiGroup ||= rbacGroup;
  }
}

export function* checkBinding({ roleRef, subjects }: BindingObject, { namespaced }: Place): FieldErrors {
  const { apiGroup, kind, name } = roleRef;
  if (apiGroup !== rbacGroup) yield unsupportedText('roleRef.apiGroup', apiGroup ?? '', [rbacGroup]);
  const kinds = namespaced ? ['Role', 'ClusterRole'] : ['ClusterRole'];
  if (!kinds.includes(kind)) yield unsupportedText('roleRef.kind', kind ?? '', kinds);
  if (!name) yield required('roleRef.name');
  else yield* check('roleRef.name', name, pathSegmentProblems);
  for (const one of each('subjects', subjects)) yield* checkSubject(one.path, one.value, { namespaced });
}

function* checkSubject(path: string, subject: Subject, { namespaced }: Place): FieldErrors {
  const { kind, name, apiGroup = '', namespace } = subject;
  if (!name) yield required(`${path}.name`);
  if (kind === 'ServiceAccount') {
    if (name) yield* checkSubdomain(`${path}.name`, name);
    if (apiGroup) yield unsupportedText(`${path}.apiGroup`, apiGroup, ['']);
    if (!namespaced && !namespace) yield required(`${path}.namespace`);
  } else if (kind === 'User' || kind === 'Group') {
    if (apiGroup !== rbacGroup) yield unsupportedText(`${path}.apiGroup`, apiGroup ?? '', [rbacGroup]);
  } else yield unsupportedText(`${path}.kind`, kind ?? '', ['ServiceAccount', 'User', 'Group']);
}

/** Changing what a binding grants would grant it to subjects that were chosen for something else. */
export function validateBindingUpdate(binding: BindingObject, old: BindingObject): FieldError[] {
  return equal(binding.roleRef, old.roleRef)
    ? []
    : [invalidValue('roleRef', goStruct(goRoleRef, binding.roleRef), 'cannot change roleRef')];
}

export function bindingColumns(holder: 'roleBinding' | 'clusterRoleBinding', role: string): Column<BindingObject>[] {
  const subjects = (name: string, subjectKind: string): Column<BindingObject> => ({
    name,
    type: 'string',
    priority: 1,
    description: `${name} in the ${holder}`,
    cell: (binding) => subjectNames(binding, subjectKind),
  });
  return [
    nameColumn,
    {
      name: 'Role',
      type: 'string',
      description: role,
      cell: ({ roleRef }) => `${roleRef?.kind ?? ''}/${roleRef?.name ?? ''}`,
    },
    ageColumn,
    subjects('Users', 'User'),
    subjects('Groups', 'Group'),
    subjects('ServiceAccounts', 'ServiceAccount'),
  ];
}

function subjectNames({ subjects = [] }: BindingObject, kind: string): string {
  return (subjects ?? [])
    .filter((subject) => subject.kind === kind)
    .map(({ namespace, name }) => (kind === 'ServiceAccount' ? `${namespace ?? ''}/${name}` : name))
    .join(', ');
}
