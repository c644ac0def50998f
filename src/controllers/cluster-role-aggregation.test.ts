import { describe, expect, it } from 'vitest';
import type { ClusterRole } from '#api/gen/rbac-v1.js';
import { aggregatedRules } from './cluster-role-aggregation.js';

const role = (name: string, labels: Record<string, string>, verbs: string[] = [], chooses?: string): ClusterRole => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: { name, labels },
  rules: verbs.map((verb) => ({ verbs: [verb], apiGroups: [''], resources: ['pods'] })),
  ...(chooses ? { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [chooses]: 'true' } }] } } : {}),
});

describe('aggregatedRules', () => {
  it('joins the rules of the chosen, in the order of names, each once', () => {
    const monitor = role('monitor', { 'to-monitor': 'true' }, ['old'], 'to-monitor');
    const all = [
      role('z', { 'to-monitor': 'true' }, ['watch', 'get']),
      role('a', { 'to-monitor': 'true' }, ['get', 'list']),
      role('other', { 'to-monitor': 'false' }, ['delete']),
      monitor,
    ];
    expect(aggregatedRules(monitor, all).map(({ verbs }) => verbs[0])).toEqual(['get', 'list', 'watch']);
  });

  it('goes selector by selector', () => {
    const all = [role('a', { second: 'true' }, ['get']), role('b', { first: 'true' }, ['list'])];
    const monitor = role('m', {});
    monitor.aggregationRule = {
      clusterRoleSelectors: [{ matchLabels: { first: 'true' } }, { matchLabels: { second: 'true' } }],
    };
    expect(aggregatedRules(monitor, all).map(({ verbs }) => verbs[0])).toEqual(['list', 'get']);
  });

  it('is empty when nothing is chosen', () => {
    expect(aggregatedRules(role('m', {}, ['x'], 'none'), [role('a', {}, ['get'])])).toEqual([]);
  });
});
