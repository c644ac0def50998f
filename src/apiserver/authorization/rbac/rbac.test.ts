import { describe, expect, it } from 'vitest';
import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding } from '#api/gen/rbac-v1.js';
import type { UserInfo } from '../../authentication/authenticator.js';
import type { Attributes } from '../authorizer.js';
import { forbiddenError, privilegedGroupAuthorizer, UnionAuthorizer } from '../union.js';
import { bootstrapPolicy, mergeBinding, mergeRole } from './bootstrap/reconcile.js';
import { parseRule } from './bootstrap/text.js';
import { RbacAuthorizer } from './rbac.js';
import { describeRule, missingRules } from './rules.js';

const user = (name: string, ...groups: string[]): UserInfo => ({ name, groups });

/** `get pods/log ns/name @group` */
function request(who: UserInfo, text: string): Attributes {
  const [verb = '', target = '', where = '', group = ''] = text.split(' ');
  if (target.startsWith('/')) return { user: who, verb, path: target };
  const [resource = '', subresource = ''] = target.split('/');
  const [namespace = '', name = ''] = where.split('/');
  return {
    user: who,
    verb,
    resource: { group: group.replace('@', ''), version: 'v1', resource, subresource, namespace, name },
  };
}

function defaults(): RbacAuthorizer {
  const rbac = new RbacAuthorizer();
  const policy = bootstrapPolicy();
  const key = ({ metadata: { namespace = '', name = '' } }: ClusterRole | RoleBinding) => ({ namespace, name });
  for (const role of [...policy.clusterRoles, ...policy.roles]) rbac.setRole(key(role), role);
  for (const binding of [...policy.clusterRoleBindings, ...policy.roleBindings])
    rbac.setBinding(key(binding as RoleBinding), binding);
  return rbac;
}

function role(name: string, rules: PolicyRule[], namespace = ''): Role {
  const kind = namespace ? 'Role' : 'ClusterRole';
  return { apiVersion: 'rbac.authorization.k8s.io/v1', kind, metadata: { name, namespace }, rules };
}

function binding(name: string, roleName: string, subject: object, namespace = '', kind = 'ClusterRole') {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: namespace ? 'RoleBinding' : 'ClusterRoleBinding',
    metadata: { name, ...(namespace ? { namespace } : {}) },
    subjects: [subject],
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name: roleName },
  } as ClusterRoleBinding & RoleBinding;
}

const nobody = user('jane', 'system:authenticated');
const scheduler = user('system:kube-scheduler', 'system:authenticated');
const manager = user('system:kube-controller-manager', 'system:authenticated');
const controller = (name: string) =>
  user(
    `system:serviceaccount:kube-system:${name}`,
    'system:serviceaccounts',
    'system:serviceaccounts:kube-system',
    'system:authenticated',
  );
const anonymous = user('system:anonymous', 'system:unauthenticated');

describe('the default policy', () => {
  const rbac = defaults();
  const table: [UserInfo, string, boolean][] = [
    [nobody, 'get /apis/apps/v1', true],
    [nobody, 'get /openapi/v3', true],
    [nobody, 'get /metrics', false],
    [nobody, 'post /apis/apps/v1', false],
    [nobody, 'get pods default/a', false],
    [nobody, 'create selfsubjectaccessreviews / @authorization.k8s.io', true],
    [nobody, 'create selfsubjectreviews / @authentication.k8s.io', true],
    [nobody, 'create subjectaccessreviews / @authorization.k8s.io', false],
    [anonymous, 'get /readyz', true],
    [anonymous, 'get /version', true],
    [anonymous, 'get /api', false],
    [anonymous, 'create selfsubjectaccessreviews / @authorization.k8s.io', false],
    [scheduler, 'create pods/binding default/a', true],
    [scheduler, 'list pods', true],
    [scheduler, 'create pods default', false],
    [scheduler, 'update leases kube-system/kube-scheduler @coordination.k8s.io', true],
    [scheduler, 'update leases default/kube-scheduler @coordination.k8s.io', true],
    [scheduler, 'update leases default/other @coordination.k8s.io', false],
    [scheduler, 'update leases kube-system/other @coordination.k8s.io', true],
    [manager, 'watch anything x @example.com', true],
    [manager, 'delete pods default/a', false],
    [controller('deployment-controller'), 'create replicasets default @apps', true],
    [controller('deployment-controller'), 'update deployments/status default/a @apps', true],
    [controller('deployment-controller'), 'delete pods default/a', false],
    [controller('generic-garbage-collector'), 'patch widgets x/y @example.com', true],
    [controller('endpointslice-controller'), 'create endpointslices default @discovery.k8s.io', true],
    [controller('horizontal-pod-autoscaler'), 'get deployments/scale default/a @apps', true],
    [controller('horizontal-pod-autoscaler'), 'get deployments default/a @apps', false],
    [controller('coredns'), 'watch endpointslices x @discovery.k8s.io', true],
    [user('system:kube-proxy'), 'watch endpointslices x @discovery.k8s.io', true],
    [user('system:node:a', 'system:nodes'), 'list pods', false],
    [user('root', 'system:masters'), 'escalate clusterroles /x @rbac.authorization.k8s.io', true],
    [user('root', 'system:masters'), 'post /anything', true],
  ];

  it.each(table)('%o may %s: %s', (who, text, allowed) => {
    expect(rbac.authorize(request(who, text)).decision === 'allow').toBe(allowed);
  });

  it('has the objects of upstream, admin made of edit and view', () => {
    const { clusterRoles, clusterRoleBindings, roles, roleBindings } = bootstrapPolicy();
    expect([clusterRoles.length, clusterRoleBindings.length, roles.length, roleBindings.length]).toEqual([
      70, 51, 7, 7,
    ]);
    const named = (name: string) => clusterRoles.find(({ metadata }) => metadata.name === name)!;
    const admin = named('admin').rules!;
    for (const part of ['system:aggregate-to-admin', 'system:aggregate-to-edit', 'system:aggregate-to-view'])
      expect(missingRules(admin, named(part).rules!)).toEqual([]);
    expect(missingRules(named('view').rules!, named('system:aggregate-to-edit').rules!)).not.toEqual([]);
    expect(named('cluster-admin').rules).toEqual([
      { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
      { verbs: ['*'], nonResourceURLs: ['*'] },
    ]);
  });
});

describe('RbacAuthorizer', () => {
  const jane = { kind: 'User', name: 'jane', apiGroup: 'rbac.authorization.k8s.io' };

  it('explains in upstream’s words', () => {
    const rbac = defaults();
    const edit = { kind: 'ServiceAccount', name: 'ci' };
    rbac.setBinding({ namespace: 'team', name: 'b' }, binding('b', 'edit', edit, 'team'));
    const account = user('system:serviceaccount:team:ci');
    const reason = (who: UserInfo, text: string) => rbac.authorize(request(who, text)).reason;
    expect(reason(nobody, 'get /api')).toBe(
      'RBAC: allowed by ClusterRoleBinding "system:discovery" of ClusterRole "system:discovery" to Group "system:authenticated"',
    );
    expect(reason(account, 'create pods team')).toBe(
      'RBAC: allowed by RoleBinding "b/team" of ClusterRole "edit" to ServiceAccount "ci/team"',
    );
    expect(reason(account, 'create pods other')).toBe('');
    rbac.setBinding({ namespace: '', name: 'lost' }, binding('lost', 'gone', jane));
    expect(reason(user('jane'), 'get pods a/b')).toBe('RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found');
  });

  it('follows every change of a role or binding at once', () => {
    const rbac = new RbacAuthorizer();
    const may = () => rbac.authorize(request(nobody, 'get pods ns/a')).decision === 'allow';
    const reader = role('r', [parseRule('get: pods')], 'ns');
    expect(may()).toBe(false);
    rbac.setRole({ namespace: 'ns', name: 'r' }, reader);
    rbac.setBinding({ namespace: 'ns', name: 'b' }, binding('b', 'r', jane, 'ns', 'Role'));
    expect(may()).toBe(true);
    rbac.setBinding({ namespace: 'ns', name: 'b' }, binding('b', 'r', { ...jane, name: 'joe' }, 'ns', 'Role'));
    expect(may()).toBe(false);
    rbac.setBinding({ namespace: 'ns', name: 'b' }, binding('b', 'r', jane, 'ns', 'Role'));
    rbac.setRole({ namespace: 'ns', name: 'r' }, role('r', [parseRule('get: pods #b')], 'ns'));
    expect(may()).toBe(false);
    rbac.setRole({ namespace: 'ns', name: 'r' }, reader);
    expect(may()).toBe(true);
    rbac.setBinding({ namespace: 'ns', name: 'b' }, undefined);
    expect(may()).toBe(false);
  });

  it('matches resources, names and paths as upstream does', () => {
    const may = (rule: string, text: string) => {
      const rbac = new RbacAuthorizer();
      rbac.setRole({ namespace: '', name: 'r' }, role('r', [parseRule(rule)]));
      rbac.setBinding({ namespace: '', name: 'b' }, binding('b', 'r', jane));
      return rbac.authorize(request(nobody, text)).decision === 'allow';
    };
    expect(may('get: pods', 'get pods/log a/b')).toBe(false);
    expect(may('get: pods/log', 'get pods/log a/b')).toBe(true);
    expect(may('get: *', 'get pods/log a/b')).toBe(true);
    expect(may('get: pods/*', 'get pods/log a/b')).toBe(false);
    expect(may('get: */scale @*', 'get widgets/scale a/b @x.io')).toBe(true);
    expect(may('get: */scale @*', 'get widgets/status a/b @x.io')).toBe(false);
    expect(may('get: pods', 'get pods a/b @metrics.k8s.io')).toBe(false);
    expect(may('create: pods #b', 'create pods a')).toBe(false);
    expect(may('get: /logs/*', 'get /logs/a/b')).toBe(true);
    expect(may('get: /logs/*', 'get /logs')).toBe(false);
    expect(may('*: /*', 'delete /x')).toBe(true);
    expect(may('*: * @*', 'get /x')).toBe(false);
  });

  it('keeps requests apart whose parts read the same when joined', () => {
    const rbac = new RbacAuthorizer();
    rbac.setRole({ namespace: '', name: 'r' }, role('r', [parseRule('get: pods #b')]));
    rbac.setBinding({ namespace: 'a', name: 'b' }, binding('b', 'r', jane, 'a'));
    expect(rbac.authorize(request(nobody, 'get pods a/b')).decision).toBe('allow');
    expect(rbac.authorize(request(nobody, 'get pods ab/')).decision).toBe('no opinion');
  });
});

describe('missingRules', () => {
  const rules = (...texts: string[]) => texts.map(parseRule);
  it.each([
    [rules('*: * @*'), rules('get list: pods #x', 'get: */scale @apps'), []],
    [rules('get: pods'), rules('get list: pods'), ['{APIGroups:[""], Resources:["pods"], Verbs:["list"]}']],
    [rules('get: pods #a'), rules('get: pods'), ['{APIGroups:[""], Resources:["pods"], Verbs:["get"]}']],
    [rules('get: pods #a #b'), rules('get: pods #b'), []],
    [rules('get: */scale @*'), rules('get: deployments/scale @apps'), []],
    [rules('get: /a/*'), rules('get: /a/b /c'), ['{NonResourceURLs:["/c"], Verbs:["get"]}']],
    [rules('get: pods', 'list: pods'), rules('get list: pods'), []],
  ])('of %o against %o', (held, wanted, missing) => {
    expect(missingRules(held, wanted).map(describeRule)).toEqual(missing);
  });
});

describe('reconciling', () => {
  it('adds what is missing, keeps what was added, honours autoupdate=false', () => {
    const wanted = role('r', [parseRule('get: pods')]);
    wanted.metadata.annotations = { 'rbac.authorization.kubernetes.io/autoupdate': 'true' };
    const theirs = role('r', [parseRule('list: pods')]);
    expect(mergeRole(theirs, wanted)?.rules).toEqual([parseRule('list: pods'), parseRule('get: pods')]);
    expect(mergeRole(wanted, wanted)).toBeUndefined();
    theirs.metadata.annotations = { 'rbac.authorization.kubernetes.io/autoupdate': 'false' };
    expect(mergeRole(theirs, wanted)).toBeUndefined();
  });

  it('adds subjects, and makes a binding to another role anew', () => {
    const subject = { kind: 'Group', name: 'g' };
    const other = { kind: 'Group', name: 'h' };
    const merged = mergeBinding(binding('b', 'r', other), binding('b', 'r', subject));
    expect(merged).toMatchObject({ subjects: [other, subject] });
    expect(mergeBinding(binding('b', 'x', other), binding('b', 'r', subject))).toBe('replace');
  });
});

describe('UnionAuthorizer', () => {
  it('asks in order and keeps the reasons of those without an opinion', async () => {
    const rbac = new RbacAuthorizer();
    const slow = { authorize: async () => ({ decision: 'no opinion', reason: 'slow knows nothing' }) as const };
    const union = new UnionAuthorizer([privilegedGroupAuthorizer, slow, rbac]);
    expect(union.authorize(request(user('x', 'system:masters'), 'get pods'))).toEqual({
      decision: 'allow',
      reason: '',
    });
    expect(await union.authorize(request(nobody, 'get pods'))).toEqual({
      decision: 'no opinion',
      reason: 'slow knows nothing',
    });
  });

  it('refuses in upstream’s words', () => {
    const text = (attributes: string, reason = '') => forbiddenError(request(nobody, attributes), reason).message;
    expect(text('get pods/log default/web')).toBe(
      'pods "web" is forbidden: User "jane" cannot get resource "pods/log" in API group "" in the namespace "default"',
    );
    expect(text('list deployments / @apps', 'why')).toBe(
      'deployments.apps is forbidden: User "jane" cannot list resource "deployments" in API group "apps" at the cluster scope: why',
    );
    expect(text('get /metrics')).toBe('forbidden: User "jane" cannot get path "/metrics"');
  });
});
