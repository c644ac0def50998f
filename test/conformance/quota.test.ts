/** Resource quotas: what is counted, what is refused, and what a scope takes in. */
import { expect } from 'vitest';
import replicasets from '#api/apps/replicaset.js';
import configmaps from '#api/core/configmap.js';
import pods from '#api/core/pod/index.js';
import replicationcontrollers from '#api/core/replicationcontroller.js';
import resourcequotas from '#api/core/resourcequota.js';
import secrets from '#api/core/secret.js';
import services from '#api/core/service.js';
import type { Pod, ResourceQuota } from '#api/gen/core-v1.js';
import { copy } from '#base/json.js';
import { conformance, type Scene } from './conformance.js';
import { image, podOf, refusal, replicaSetOf, serviceOf } from './objects.js';

type Amounts = Record<string, string>;

const quotaOf = (
  name: string,
  namespace: string,
  hard: Amounts,
  spec: Partial<ResourceQuota['spec']> = {},
): ResourceQuota => ({
  apiVersion: 'v1',
  kind: 'ResourceQuota',
  metadata: { name, namespace },
  spec: { hard, ...spec },
});

const everything: Amounts = {
  pods: '5',
  services: '10',
  'services.nodeports': '1',
  'services.loadbalancers': '1',
  replicationcontrollers: '10',
  resourcequotas: '1',
  cpu: '1',
  memory: '500Mi',
  configmaps: '10',
  secrets: '10',
  persistentvolumeclaims: '10',
  'requests.storage': '10Gi',
  'ephemeral-storage': '50Gi',
  'count/replicasets.apps': '5',
};

const make = ({ client, namespace }: Scene, name: string, hard: Amounts, spec?: Partial<ResourceQuota['spec']>) =>
  client.of(resourcequotas).create(quotaOf(name, namespace, hard, spec));

/** Waits until the quota has counted so many. */
const used = ({ client, namespace, until }: Scene, name: string, wanted: Amounts) =>
  until(async () => {
    const { status } = await client.of(resourcequotas).get(name, { namespace });
    return Object.entries(wanted).every(([resource, amount]) => status?.used?.[resource] === amount);
  });

conformance(
  '[sig-api-machinery] ResourceQuota should create a ResourceQuota and ensure its status is promptly calculated. [Conformance]',
  async (scene) => {
    await make(scene, 'test-quota', everything);
    await used(scene, 'test-quota', { resourcequotas: '1', pods: '0', services: '0' });
  },
);

conformance(
  '[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a service. [Conformance]',
  async (scene) => {
    const { client, namespace } = scene;
    await make(scene, 'test-quota', everything);
    await used(scene, 'test-quota', { services: '0' });
    await client.of(services).create(serviceOf('test-service', namespace, {}));
    await client.of(services).create(serviceOf('test-service-np', namespace, { type: 'NodePort' }));
    await used(scene, 'test-quota', { services: '2', 'services.nodeports': '1', 'services.loadbalancers': '0' });
    await refusal(
      client.of(services).create(serviceOf('test-service-lb', namespace, { type: 'LoadBalancer' })),
      'Forbidden',
    );
    await refusal(
      client.of(services).create(serviceOf('test-service-np2', namespace, { type: 'NodePort' })),
      'Forbidden',
    );
    for (const name of ['test-service', 'test-service-np']) await client.of(services).delete(name, { namespace });
    await used(scene, 'test-quota', { services: '0', 'services.nodeports': '0' });
  },
);

conformance(
  '[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a secret. [Conformance]',
  async (scene) => {
    const { client, namespace } = scene;
    await make(scene, 'test-quota', everything);
    await used(scene, 'test-quota', { secrets: '0' });
    await client.of(secrets).create({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'test-secret', namespace } });
    await used(scene, 'test-quota', { secrets: '1' });
    await client.of(secrets).delete('test-secret', { namespace });
    await used(scene, 'test-quota', { secrets: '0' });
  },
);

conformance(
  '[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a configMap. [Conformance]',
  async (scene) => {
    const { client, namespace } = scene;
    await make(scene, 'test-quota', everything);
    // Each namespace has the certificate authority's from its beginning.
    await used(scene, 'test-quota', { configmaps: '1' });
    await client.of(configmaps).create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'test', namespace } });
    await used(scene, 'test-quota', { configmaps: '2' });
    await client.of(configmaps).delete('test', { namespace });
    await used(scene, 'test-quota', { configmaps: '1' });
  },
);

const withRequests = (name: string, namespace: string, requests: Amounts, limits: Amounts = {}): Pod =>
  podOf(name, namespace, { spec: { containers: [{ name: 'pause', image, resources: { requests, limits } }] } });

conformance(
  '[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a pod. [Conformance]',
  async (scene) => {
    const { client, namespace } = scene;
    await make(scene, 'test-quota', everything);
    await used(scene, 'test-quota', { pods: '0' });
    const small = { cpu: '500m', memory: '252Mi', 'ephemeral-storage': '30Gi' };
    await client.of(pods).create(withRequests('test-pod', namespace, small));
    await used(scene, 'test-quota', { pods: '1', cpu: '500m', memory: '252Mi', 'ephemeral-storage': '30Gi' });
    await refusal(client.of(pods).create(withRequests('fail-pod', namespace, { ...small, cpu: '600m' })), 'Forbidden');
    await refusal(
      client
        .of(pods)
        .create(withRequests('fail-pod-2', namespace, { cpu: '100m', memory: '100Mi', 'ephemeral-storage': '30Gi' })),
      'Forbidden',
    );
    // A pod's requests are fixed.
    const patch = { spec: { containers: [{ name: 'pause', resources: { requests: { cpu: '100m' } } }] } };
    await refusal(client.of(pods).patch('test-pod', patch, { type: 'strategic', namespace }), 'Invalid');
    await used(scene, 'test-quota', { pods: '1', cpu: '500m' });
    await client.of(pods).delete('test-pod', { namespace, gracePeriodSeconds: 0 });
    await used(scene, 'test-quota', { pods: '0', cpu: '0', memory: '0', 'ephemeral-storage': '0' });
  },
);

conformance(
  '[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a replica set. [Conformance]',
  async (scene) => {
    const { client, namespace } = scene;
    await make(scene, 'test-quota', everything);
    await used(scene, 'test-quota', { 'count/replicasets.apps': '0' });
    await client.of(replicasets).create(replicaSetOf('test-rs', namespace, { name: 'a' }, 0));
    await used(scene, 'test-quota', { 'count/replicasets.apps': '1' });
    await client.of(replicasets).delete('test-rs', { namespace });
    await used(scene, 'test-quota', { 'count/replicasets.apps': '0' });
  },
);

conformance(
  '[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a replication controller. [Conformance]',
  async (scene) => {
    const { client, namespace } = scene;
    await make(scene, 'test-quota', everything);
    await used(scene, 'test-quota', { replicationcontrollers: '0' });
    await client.of(replicationcontrollers).create({
      apiVersion: 'v1',
      kind: 'ReplicationController',
      metadata: { name: 'test-rc', namespace },
      spec: {
        replicas: 0,
        selector: { name: 'a' },
        template: { metadata: { labels: { name: 'a' } }, spec: { containers: [{ name: 'a', image }] } },
      },
    });
    await used(scene, 'test-quota', { replicationcontrollers: '1' });
    await client.of(replicationcontrollers).delete('test-rc', { namespace, propagationPolicy: 'Background' });
    await used(scene, 'test-quota', { replicationcontrollers: '0' });
  },
);

/** Each of two quotas counts the pods of its own scope only. */
async function scoped(
  scene: Scene,
  parts: {
    inside: string;
    outside: string;
    hard: Amounts;
    pods: [inside: Pod, outside: Pod];
    counted: [Amounts, Amounts];
  },
): Promise<void> {
  const { client, namespace } = scene;
  const names = ['quota-inside', 'quota-outside'] as const;
  await make(scene, names[0], parts.hard, { scopes: [parts.inside] });
  await make(scene, names[1], parts.outside === 'NotBestEffort' ? { pods: '5' } : parts.hard, {
    scopes: [parts.outside],
  });
  for (const name of names) await used(scene, name, { pods: '0' });
  for (const [at, pod] of parts.pods.entries()) {
    await client.of(pods).create(pod);
    await used(scene, names[at]!, parts.counted[at]!);
    await used(scene, names[1 - at]!, { pods: '0' });
    await client.of(pods).delete(pod.metadata.name!, { namespace, gracePeriodSeconds: 0 });
    for (const name of names) await used(scene, name, { pods: '0' });
  }
}

conformance(
  '[sig-api-machinery] ResourceQuota should verify ResourceQuota with best effort scope. [Conformance]',
  async (scene) => {
    const { namespace } = scene;
    await scoped(scene, {
      inside: 'BestEffort',
      outside: 'NotBestEffort',
      hard: { pods: '5' },
      pods: [
        podOf('best-effort', namespace),
        withRequests('burstable', namespace, { cpu: '500m', memory: '200Mi' }, { cpu: '1', memory: '200Mi' }),
      ],
      counted: [{ pods: '1' }, { pods: '1' }],
    });
  },
);

conformance(
  '[sig-api-machinery] ResourceQuota should verify ResourceQuota with terminating scopes. [Conformance]',
  async (scene) => {
    const { namespace } = scene;
    const requests = { cpu: '500m', memory: '200Mi' };
    const limits = { cpu: '1', memory: '400Mi' };
    const lasting = withRequests('test-pod', namespace, requests, limits);
    const ending = withRequests('terminating-pod', namespace, requests, limits);
    ending.spec.activeDeadlineSeconds = 3600;
    const hard = {
      pods: '5',
      'requests.cpu': '1',
      'requests.memory': '500Mi',
      'limits.cpu': '2',
      'limits.memory': '1Gi',
    };
    const counted = {
      pods: '1',
      'requests.cpu': '500m',
      'requests.memory': '200Mi',
      'limits.cpu': '1',
      'limits.memory': '400Mi',
    };
    await scoped(scene, {
      inside: 'Terminating',
      outside: 'NotTerminating',
      hard,
      pods: [ending, lasting],
      counted: [counted, counted],
    });
  },
);

conformance(
  '[sig-api-machinery] ResourceQuota should be able to update and delete ResourceQuota. [Conformance]',
  async (scene) => {
    const { client, namespace } = scene;
    await make(scene, 'test-quota', { cpu: '1', memory: '500Mi' });
    const changed = copy(await client.of(resourcequotas).get('test-quota', { namespace }));
    changed.spec!.hard = { cpu: '2', memory: '1Gi' };
    expect((await client.of(resourcequotas).update(changed)).spec?.hard).toEqual({ cpu: '2', memory: '1Gi' });
    expect((await client.of(resourcequotas).get('test-quota', { namespace })).spec?.hard).toEqual({
      cpu: '2',
      memory: '1Gi',
    });
    await client.of(resourcequotas).delete('test-quota', { namespace });
    await refusal(client.of(resourcequotas).get('test-quota', { namespace }), 'NotFound');
  },
);

conformance(
  '[sig-api-machinery] ResourceQuota should manage the lifecycle of a ResourceQuota [Conformance]',
  async (scene) => {
    const { client, namespace } = scene;
    const labels = { 'e2e-rq': 'one' };
    const quota = quotaOf('rq-one', namespace, { cpu: '1', memory: '500Mi' });
    await client.of(resourcequotas).create({ ...quota, metadata: { ...quota.metadata, labels } });
    expect((await client.of(resourcequotas).get('rq-one', { namespace })).spec?.hard).toEqual({
      cpu: '1',
      memory: '500Mi',
    });
    const selection = { labelSelector: 'e2e-rq=one' };
    expect((await client.of(resourcequotas).list(selection)).items.length).toBe(1);
    const body = { metadata: { labels: { 'rq-one': 'patched' } }, spec: { hard: { memory: '750Mi' } } };
    const patched = await client.of(resourcequotas).patch('rq-one', body, { type: 'strategic', namespace });
    expect(patched.spec?.hard).toEqual({ cpu: '1', memory: '750Mi' });
    await client.of(resourcequotas).deleteCollection({ namespace, ...selection });
    expect((await client.of(resourcequotas).list(selection)).items).toEqual([]);
  },
);

conformance(
  '[sig-api-machinery] ResourceQuota should apply changes to a resourcequota status [Conformance]',
  async (scene) => {
    const { client, namespace, observe, http, until } = scene;
    const hard = { cpu: '500m', memory: '500Mi' };
    await make(scene, 'e2e-rq-status', hard);
    await used(scene, 'e2e-rq-status', { cpu: '0' });
    const watch = observe(resourcequotas, { namespace });
    await until(async () => {
      const changed = copy(await client.of(resourcequotas).get('e2e-rq-status', { namespace }));
      changed.status!.hard = { cpu: '250m', memory: '250Mi' };
      const updated = await client.of(resourcequotas).updateStatus(changed);
      return updated.status?.hard?.['cpu'] === '250m';
    });
    await watch.next({ where: ({ status }) => status?.hard?.['memory'] === '250Mi' });
    const body = { status: { hard: { cpu: '125m', memory: '125Mi' } } };
    const patched = await client
      .of(resourcequotas)
      .patch('e2e-rq-status', body, { type: 'strategic', namespace, subresource: 'status' });
    expect(patched.status?.hard).toEqual(body.status.hard);
    const read = await http.send(`/api/v1/namespaces/${namespace}/resourcequotas/e2e-rq-status/status`);
    expect(read.json.metadata.name).toBe('e2e-rq-status');
  },
);
