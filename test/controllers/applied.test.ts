/** What controllers apply, rather than update: a part of an object, which is theirs by name. */
import { afterEach, expect, test } from 'vitest';
import type { ClusterRole } from '#api/gen/rbac-v1.js';
import serviceCidrs from '#api/networking/servicecidr.js';
import clusterRoles from '#api/rbac/clusterrole.js';
import type { KubeObject } from '#apimachinery/object.js';
import { TestCluster } from './test-cluster.js';

let cluster: TestCluster;
afterEach(() => cluster.end());

const managers = ({ metadata }: KubeObject) =>
  (metadata.managedFields ?? []).map(
    ({ manager, operation, subresource = '' }) => `${operation} ${manager} ${subresource}`,
  );

test('aggregated rules, and whether a range of services is ready', async () => {
  cluster = await TestCluster.start();
  const role = (name: string, more: Partial<ClusterRole>): ClusterRole => ({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name, labels: { part: name } },
    ...more,
  });
  const rules = [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }];
  await cluster.client.of(clusterRoles).create(role('part', { rules }));
  const aggregationRule = { clusterRoleSelectors: [{ matchLabels: { part: 'part' } }] };
  await cluster.client.of(clusterRoles).create(role('whole', { aggregationRule, rules: [] }));
  await cluster.until(async () => (await cluster.get(clusterRoles, 'whole')).rules?.length === 1);
  expect(managers(await cluster.get(clusterRoles, 'whole'))).toContain('Apply clusterrole-aggregation-controller ');
  await cluster.client.of(serviceCidrs).create({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'ServiceCIDR',
    metadata: { name: 'more' },
    spec: { cidrs: ['10.200.0.0/24'] },
  });
  await cluster.until(async () => (await cluster.get(serviceCidrs, 'more')).status?.conditions !== undefined);
  const range = await cluster.get(serviceCidrs, 'more');
  expect(managers(range)).toContain('Apply service-cidr-controller status');
  expect(range.status?.conditions).toMatchObject([
    { type: 'Ready', status: 'True', reason: '', message: 'Kubernetes Service CIDR is ready' },
  ]);
});
