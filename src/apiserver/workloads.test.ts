/** Kinds that make pods, as callers over HTTP see them: what the server adds, keeps and warns of. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import daemonSets from '#api/apps/daemonset.js';
import statefulSets from '#api/apps/statefulset.js';
import cronJobs from '#api/batch/cronjob.js';
import jobs from '#api/batch/job/index.js';
import events from '#api/core/event.js';
import ranges from '#api/core/limitrange.js';
import namespaces from '#api/core/namespace.js';
import volumes from '#api/core/persistentvolume/index.js';
import claims from '#api/core/persistentvolumeclaim.js';
import podResource from '#api/core/pod/index.js';
import controllers from '#api/core/replicationcontroller.js';
import type { AnyResource } from '#api/resource.js';
import type { KubeObject } from '#apimachinery/object.js';
import type { Outcome } from './call.js';
import { podSpecHandlers } from './subresources/pod-spec.js';
import { scaleHandler } from './subresources/scale.js';
import { startTestServer } from './test-server.js';

let test: ReturnType<typeof startTestServer>;
beforeEach(() => {
  test = startTestServer({
    definitions: [
      statefulSets,
      daemonSets,
      jobs,
      cronJobs,
      controllers,
      volumes,
      claims,
      events,
      ranges,
      namespaces,
      podResource,
    ] as AnyResource[],
    subresources: [scaleHandler, ...podSpecHandlers],
  });
});
afterEach(() => test.close());

// biome-ignore lint/suspicious/noExplicitAny: answers of many kinds
type Answer = { object: any; warnings: string[]; message: string };

async function send(method: string, target: string, body?: object, type = 'application/json'): Promise<Answer> {
  const outcome: Outcome = await test.server.pipeline.handle({
    method,
    target,
    headers: { 'content-type': type, accept: 'application/json' },
    rawHeaders: [],
    credentials: { bearerToken: 'jane' },
    source: '',
    readBody: async () => ({ bytes: Buffer.from(body ? JSON.stringify(body) : '') }),
    signal: new AbortController().signal,
  });
  const { error, warnings } = outcome;
  const isRead = outcome.error === undefined && method !== 'DELETE';
  const object = isRead
    ? (await test.transport.request({ method: 'GET', path: pathOf(method, target, body) })).body
    : undefined;
  return { object, warnings, message: error?.message ?? '' };
}

function pathOf(method: string, target: string, body: object | undefined): string {
  const path = target.split('?')[0]!.replace(/\/(status|scale|ephemeralcontainers)$/, '');
  return method === 'POST' ? `${path}/${(body as { metadata: { name: string } }).metadata.name}` : path;
}

const merge = 'application/merge-patch+json';
const labels = { app: 'a' };
const pods = (more: object = {}) => ({
  metadata: { labels },
  spec: { containers: [{ name: 'a', image: 'b' }], ...more },
});
const inGroup = (group: string, plural: string) => `/apis/${group}/v1/namespaces/default/${plural}`;

it('holds the writer to manage what is dropped since its feature is off, and each field of a reference to a claim', async () => {
  const spec = {
    selector: { matchLabels: labels },
    template: pods({ schedulingGroup: { podGroupName: 'a' } }),
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } },
  };
  const set = (await send('POST', inGroup('apps', 'statefulsets'), { metadata: { name: 'db' }, spec })).object;
  expect(set.spec.template.spec.schedulingGroup).toBeUndefined();
  expect(set.spec.updateStrategy.rollingUpdate).toEqual({ partition: 0 });
  expect(set.metadata.managedFields[0].fieldsV1['f:spec']).toMatchObject({
    'f:template': { 'f:spec': { 'f:schedulingGroup': {} } },
    'f:updateStrategy': { 'f:rollingUpdate': { 'f:maxUnavailable': {} } },
  });
  const { object: volume } = await send('POST', '/api/v1/persistentvolumes', {
    metadata: { name: 'disk' },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      hostPath: { path: '/data' },
      claimRef: { namespace: 'default', name: 'data' },
    },
  });
  expect(volume.metadata.managedFields[0].fieldsV1['f:spec']['f:claimRef']).toEqual({
    '.': {},
    'f:namespace': {},
    'f:name': {},
  });
});

it('changes nothing of a pod but its ephemeral containers by their subresource, and says who applied them', async () => {
  const path = '/api/v1/namespaces/default/pods';
  await send('POST', path, { metadata: { name: 'a', labels }, spec: pods().spec });
  const wanted = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { labels: { b: 'c' } },
    spec: { ephemeralContainers: [{ name: 'd', image: 'e' }] },
  };
  const url = `${path}/a/ephemeralcontainers`;
  const applied = await send('PATCH', `${url}?fieldManager=me`, wanted, 'application/apply-patch+yaml');
  expect(applied.message).toBe('');
  const { body } = await test.transport.request({ method: 'GET', path: `${path}/a` });
  expect(body).toMatchObject({ metadata: { labels }, spec: { ephemeralContainers: [{ name: 'd' }] } });
  const { managedFields = [] } = (body as KubeObject).metadata;
  expect(managedFields.map(({ manager, operation, subresource }) => [manager, operation, subresource])).toContainEqual([
    'me',
    'Apply',
    'ephemeralcontainers',
  ]);
});

it('names a LimitRange that has no name, and marks a namespace that goes with no grace period', async () => {
  const ranges = '/api/v1/namespaces/default/limitranges';
  await test.transport.request({ method: 'POST', path: ranges, body: { metadata: {} } });
  const { items } = (await test.transport.request({ method: 'GET', path: ranges })).body as { items: KubeObject[] };
  expect(items[0]!.metadata.name).toBe(items[0]!.metadata.uid);
  await send('POST', '/api/v1/namespaces', { metadata: { name: 'a' } });
  await send('DELETE', '/api/v1/namespaces/a');
  const { metadata } = (await test.transport.request({ method: 'GET', path: '/api/v1/namespaces/a' }))
    .body as KubeObject;
  expect(metadata.deletionTimestamp).toBeDefined();
  expect(metadata).not.toHaveProperty('deletionGracePeriodSeconds');
});

it('deletes an event at once, whatever is asked of its dependents, of which it has none', async () => {
  const path = '/api/v1/namespaces/default/events';
  await send('POST', path, { metadata: { name: 'A%2' }, involvedObject: { namespace: 'default' } });
  expect(
    (await send('POST', path, { metadata: { name: 'A' }, involvedObject: { namespace: 'default' } })).object,
  ).toMatchObject({ metadata: { name: 'A' } });
  await send('DELETE', `${path}/A?propagationPolicy=Orphan`);
  const { items } = (await test.transport.request({ method: 'GET', path })).body as { items: KubeObject[] };
  expect(items).toEqual([]);
});

it('says in its own words of a Job by what it cannot be selected', async () => {
  const listed = (query: string) => send('GET', `${inGroup('batch', 'jobs')}?fieldSelector=${query}`);
  expect((await listed('spec.x%3D1')).message).toBe('field label "spec.x" not supported for Job');
  expect((await listed('%3D')).message).toBe('');
});

it('gives a StatefulSet with claims, whose templates are whole objects', async () => {
  const path = inGroup('apps', 'statefulsets');
  const claim = {
    metadata: { name: 'data' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  };
  const spec = { selector: { matchLabels: labels }, template: pods(), volumeClaimTemplates: [claim] };
  const { object, message } = await send('POST', path, { metadata: { name: 'db' }, spec, status: { replicas: 3 } });
  expect(message).toBe('');
  expect(object.metadata.generation).toBe(1);
  expect(object.status).toEqual({ replicas: 0, availableReplicas: 0 });
  expect(object.spec.volumeClaimTemplates[0]).toMatchObject({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    spec: { volumeMode: 'Filesystem' },
    status: { phase: 'Pending' },
  });

  const scaled = await send('PATCH', `${path}/db`, { spec: { replicas: 3 } }, merge);
  expect([scaled.message, scaled.object.metadata.generation]).toEqual(['', 2]);
  const status = { replicas: 3, readyReplicas: 1 };
  const written = await send('PATCH', `${path}/db/status`, { spec: { replicas: 9 }, status }, merge);
  expect([written.object.spec.replicas, written.object.status]).toEqual([3, { ...status, availableReplicas: 0 }]);
  expect((await send('PATCH', `${path}/db`, { spec: { serviceName: 'x' } }, merge)).message).toMatch(
    /^StatefulSet\.apps "db" is invalid: spec: Forbidden: updates to statefulset spec for fields other than 'replicas', /,
  );
});

it('counts changes of a DaemonSet’s template', async () => {
  const path = inGroup('apps', 'daemonsets');
  const spec = { selector: { matchLabels: labels }, template: pods() };
  const { object } = await send('POST', path, { metadata: { name: 'log' }, spec });
  const key = 'deprecated.daemonset.template.generation';
  expect(object.metadata.annotations).toEqual({ [key]: '1' });
  const moved = await send('PATCH', `${path}/log`, { spec: { minReadySeconds: 1 } }, merge);
  expect([moved.object.metadata.generation, moved.object.metadata.annotations[key]]).toEqual([2, '1']);
  const template = { spec: { nodeSelector: { disk: 'ssd' } } };
  const changed = await send('PATCH', `${path}/log`, { metadata: { annotations: null }, spec: { template } }, merge);
  expect([changed.object.metadata.generation, changed.object.metadata.annotations[key]]).toEqual([3, '2']);
});

it('makes a selector for a Job from its uid, and warns of pods that its deletion would leave', async () => {
  const path = inGroup('batch', 'jobs');
  const template = { spec: { ...pods().spec, restartPolicy: 'Never' } };
  const { object, message } = await send('POST', path, { metadata: { name: 'sum' }, spec: { template } });
  expect(message).toBe('');
  const { uid } = object.metadata;
  expect(object.spec.selector).toEqual({ matchLabels: { 'batch.kubernetes.io/controller-uid': uid } });
  expect(object.spec.template.metadata.labels['controller-uid']).toBe(uid);
  expect(object.metadata.labels).toEqual(object.spec.template.metadata.labels);
  expect((await send('PATCH', `${path}/sum`, { spec: { suspend: true } }, merge)).object.metadata.generation).toBe(2);

  const status = { conditions: [{ type: 'Complete', status: 'True' }] };
  expect((await send('PATCH', `${path}/sum/status`, { status }, merge)).message).toContain(
    'status.completionTime: Required value: completionTime is required for Complete jobs',
  );
  const background = await send('DELETE', `${path}/sum?propagationPolicy=Background&dryRun=All`);
  expect(background.warnings).toEqual([]);
  expect((await send('DELETE', `${path}/sum`)).warnings).toEqual([
    'child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning',
  ]);
});

it('refuses a CronJob whose schedule cannot be read', async () => {
  const path = inGroup('batch', 'cronjobs');
  const jobTemplate = { spec: { template: { spec: { ...pods().spec, restartPolicy: 'Never' } } } };
  const refused = await send('POST', path, { metadata: { name: 'n' }, spec: { schedule: 'a * * * *', jobTemplate } });
  expect(refused.message).toBe(
    'CronJob.batch "n" is invalid: spec.schedule: Invalid value: "a * * * *": failed to parse int from a: strconv.Atoi: parsing "a": invalid syntax',
  );
  const taken = await send('POST', path, { metadata: { name: 'n' }, spec: { schedule: '@daily', jobTemplate } });
  expect([taken.message, taken.object.spec.concurrencyPolicy]).toEqual(['', 'Allow']);
});

it('scales a ReplicationController, whose selector is a map', async () => {
  const path = '/api/v1/namespaces/default/replicationcontrollers';
  const { object, message } = await send('POST', path, { metadata: { name: 'old' }, spec: { template: pods() } });
  expect([message, object.spec.selector, object.metadata.labels]).toEqual(['', labels, labels]);
  const { body } = await test.transport.request({ method: 'GET', path: `${path}/old/scale` });
  expect(body).toMatchObject({ spec: { replicas: 1 }, status: { replicas: 0, selector: 'app=a' } });
  const scaled = await send('PATCH', `${path}/old/scale`, { spec: { replicas: 4 } }, merge);
  expect([scaled.message, scaled.object.spec.replicas, scaled.object.metadata.generation]).toEqual(['', 4, 2]);
});

it('keeps the time at which a volume changed its phase, and says from what a claim is filled', async () => {
  const spec = { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, hostPath: { path: '/data' } };
  const { object } = await send('POST', '/api/v1/persistentvolumes', { metadata: { name: 'v' }, spec });
  const { creationTimestamp } = object.metadata;
  expect(object.status).toEqual({ phase: 'Pending', lastPhaseTransitionTime: creationTimestamp });
  await test.clock.advance(60_000);
  const bound = await send('PATCH', '/api/v1/persistentvolumes/v/status', { status: { phase: 'Bound' } }, merge);
  expect(Date.parse(bound.object.status.lastPhaseTransitionTime) - Date.parse(creationTimestamp)).toBe(60_000);

  const dataSource = { kind: 'PersistentVolumeClaim', name: 'other' };
  const wish = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, dataSource };
  const claim = await send('POST', '/api/v1/namespaces/default/persistentvolumeclaims', {
    metadata: { name: 'c' },
    spec: wish,
  });
  expect(claim.object).toMatchObject({ spec: { dataSourceRef: dataSource }, status: { phase: 'Pending' } });
});
