/** ClusterRole aggregation: fills the rules of a role that is made of others, chosen by their labels. */

import type { ClusterRole, PolicyRule } from '#api/gen/rbac-v1.js';
import clusterRoles from '#api/rbac/clusterrole.js';
import { labelSelectorFrom } from '#apimachinery/selectors.js';
import { copy, equal } from '#base/json.js';
import { keyOf } from '#client/informer.js';
import { defineController, watch } from './runtime.js';

export default defineController<ClusterRole, undefined>({
  name: 'clusterrole-aggregation-controller',
  for: clusterRoles,
  watches: ({ informers }) => [
    // Whichever role changed, others may be made of it.
    watch(clusterRoles, () => informers.of(clusterRoles).list().filter(isAggregated).map(keyOf)),
  ],
  async reconcile({ name }, { client, informers }) {
    const role = informers.of(clusterRoles).get(name);
    if (!role || !isAggregated(role)) return;
    const rules = aggregatedRules(role, informers.of(clusterRoles).list());
    if (equal(role.rules ?? [], rules)) return;
    // Nothing but the rules is ours; whoever wrote them before has no say in them any more.
    const wanted = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name }, rules };
    const how = { type: 'apply', force: true, fieldManager: 'clusterrole-aggregation-controller' } as const;
    await client.of(clusterRoles).patch(name, wanted, how);
  },
});

function isAggregated({ aggregationRule }: ClusterRole): boolean {
  return aggregationRule !== undefined;
}

/** The rules of all roles that a selector chooses, each once: selector by selector, in the order of the roles' names. */
export function aggregatedRules(role: ClusterRole, all: readonly ClusterRole[]): PolicyRule[] {
  const selectors = (role.aggregationRule?.clusterRoleSelectors ?? []).map(labelSelectorFrom);
  const others = all
    .filter(({ metadata }) => metadata.name !== role.metadata.name)
    .sort((a, b) => (a.metadata.name! < b.metadata.name! ? -1 : 1));
  const chosen = selectors.flatMap((selector) => others.filter(({ metadata }) => selector.matches(metadata.labels)));
  const rules: PolicyRule[] = [];
  for (const other of chosen)
    for (const rule of other.rules ?? []) if (!rules.some((known) => equal(known, rule))) rules.push(copy(rule));
  return rules;
}
