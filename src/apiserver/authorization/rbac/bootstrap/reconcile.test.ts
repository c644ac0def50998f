/** Holds the default roles to a golden file, in which each permission is a line: `vitest -u` rewrites it, the diff is reviewed. */
import { expect, test } from 'vitest';
import type { PolicyRule, Subject } from '#api/gen/rbac-v1.js';
import { bootstrapPolicy } from './reconcile.js';

test('the default roles and bindings are those of the golden file', async () => {
  const policy = bootstrapPolicy();
  const roles = [...policy.clusterRoles, ...policy.roles].map((role) =>
    [
      `${role.kind} ${nameOf(role)}`,
      ...Object.entries(role.metadata.labels ?? {}).map(([key, value]) => `label ${key}=${value}`),
      ...selectorsOf(role).map((selector) => `aggregates ${JSON.stringify(selector)}`),
      ...(role.rules ?? []).map(ruleLine),
    ].join('\n  '),
  );
  const bindings = [...policy.clusterRoleBindings, ...policy.roleBindings].map((binding) =>
    [
      `${binding.kind} ${nameOf(binding)} -> ${binding.roleRef.kind} ${binding.roleRef.name}`,
      ...(binding.subjects ?? []).map(subjectLine),
    ].join('\n  '),
  );
  await expect(`${[...roles, ...bindings].join('\n\n')}\n`).toMatchFileSnapshot('./bootstrap.golden.txt');
});

function nameOf({ metadata: { namespace, name } }: { metadata: { namespace?: string; name?: string } }): string {
  return namespace ? `${namespace}/${name}` : name!;
}

function selectorsOf(role: object): unknown[] {
  return (
    (role as { aggregationRule?: { clusterRoleSelectors?: unknown[] } }).aggregationRule?.clusterRoleSelectors ?? []
  );
}

function ruleLine({ verbs, apiGroups = [], resources = [], resourceNames, nonResourceURLs }: PolicyRule): string {
  const named = resourceNames ? ` named ${resourceNames.join(', ')}` : '';
  if (nonResourceURLs) return `may ${verbs.join(' ')}: ${nonResourceURLs.join(' ')}`;
  const groups = apiGroups.map((group) => group || 'core').join(', ');
  return `may ${verbs.join(' ')}: ${resources.join(' ')} of ${groups}${named}`;
}

function subjectLine({ kind, namespace, name, apiGroup }: Subject): string {
  return `to ${kind} ${namespace ? `${namespace}/` : ''}${name}${apiGroup ? ` of ${apiGroup}` : ''}`;
}
