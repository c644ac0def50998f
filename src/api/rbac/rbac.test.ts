import { describe, expect, test } from 'vitest';
import type { ClusterRole, Role, RoleBinding } from '#api/gen/rbac-v1.js';
import clusterRoles from './clusterrole.js';
import clusterRoleBindings from './clusterrolebinding.js';
import roles from './role.js';
import roleBindings from './rolebinding.js';

const metadata = { name: 'system:view', namespace: 'default' };
const texts = (errors: readonly { message: string }[] | undefined) => errors!.map(({ message }) => message);

describe('rules', () => {
  const role = (rules: Role['rules']): Role => ({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata,
    ...(rules && { rules }),
  });

  test('say verbs, groups and resources', () => {
    expect(texts(roles.validate!(role([{ verbs: [] }])))).toEqual([
      'rules[0].verbs: Required value: verbs must contain at least one value',
      'rules[0].apiGroups: Required value: resource rules must supply at least one api group',
      'rules[0].resources: Required value: resource rules must supply at least one resource',
    ]);
  });

  test('of paths stand alone, and in no namespace', () => {
    const rules = [{ verbs: ['get'], nonResourceURLs: ['/healthz'], apiGroups: [''] }];
    expect(texts(roles.validate!(role(rules)))).toEqual([
      'rules[0].nonResourceURLs: Invalid value: ["/healthz"]: namespaced rules cannot apply to non-resource URLs',
      'rules[0].nonResourceURLs: Invalid value: ["/healthz"]: rules cannot apply to both regular resources and non-resource URLs',
    ]);
    const clusterRole = { ...role([{ verbs: ['get'], nonResourceURLs: ['/healthz'] }]), kind: 'ClusterRole' };
    expect(clusterRoles.validate!(clusterRole)).toEqual([]);
  });

  test('aggregate by some selector', () => {
    const clusterRole: ClusterRole = { ...role(undefined), kind: 'ClusterRole', aggregationRule: {} };
    expect(texts(clusterRoles.validate!(clusterRole))).toEqual([
      'aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil',
    ]);
  });

  test('may be called what a path may be', () => {
    expect(roles.validateName!('system:node-proxier')).toEqual([]);
    expect(roles.validateName!('a/b')).toEqual(["may not contain '/'"]);
  });
});

describe('bindings', () => {
  const binding = (more: Partial<RoleBinding>): RoleBinding => {
    const object: RoleBinding = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: '', kind: 'Role', name: 'view' },
      ...more,
    };
    roleBindings.default!(object);
    return object;
  };

  test('name the group of people and roles by default', () => {
    expect(
      binding({
        subjects: [
          { kind: 'User', name: 'jane' },
          { kind: 'ServiceAccount', name: 'robot', namespace: 'default' },
        ],
      }),
    ).toMatchObject({
      roleRef: { apiGroup: 'rbac.authorization.k8s.io' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io' }, { kind: 'ServiceAccount' }],
    });
  });

  test('refer to roles that can apply', () => {
    const roleRef = { apiGroup: '', kind: 'Role', name: '' };
    expect(texts(clusterRoleBindings.validate!(binding({ roleRef })))).toEqual([
      'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"',
      'roleRef.name: Required value',
    ]);
    expect(texts(roleBindings.validate!(binding({ subjects: [{ kind: 'Team', name: 'a' }] })))).toEqual([
      'subjects[0].kind: Unsupported value: "Team": supported values: "ServiceAccount", "User", "Group"',
    ]);
    expect(
      texts(clusterRoleBindings.validate!(binding({ subjects: [{ kind: 'ServiceAccount', name: 'robot' }] }))),
    ).toContain('subjects[0].namespace: Required value');
  });

  test('never change what they grant', () => {
    const roleRef = { apiGroup: '', kind: 'Role', name: 'edit' };
    expect(texts(roleBindings.validateUpdate!(binding({ roleRef }), binding({})))).toEqual([
      'roleRef: Invalid value: {"APIGroup":"rbac.authorization.k8s.io","Kind":"Role","Name":"edit"}: cannot change roleRef',
    ]);
  });
});
