/** Updates that are refused: in which words, in which order, and how often a fault is told, as upstream's server does. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import builtins from '#api/index.gen.js';
import { podSpecHandlers } from './subresources/pod-spec.js';
import { call, objectOf, statusOf } from './test-call.js';
import { startTestServer } from './test-server.js';

type Body = Record<string, unknown> & { metadata: { name: string; namespace?: string } };

interface Case {
  path: string;
  object: Body;
  change: (object: Body) => void;
  /** `field: message` of each cause; none where the change is taken. */
  told: string[];
}

const immutable = 'field is immutable';
const frozen = 'Forbidden: field is immutable when `immutable` is set';
const configKey =
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
const container = { name: 'c', image: 'i' };

const cases: Record<string, Case> = {
  'what is wrong with a change of a ConfigMap comes first': {
    path: '/api/v1/namespaces/default/configmaps',
    object: { metadata: { name: 'a' }, data: { a: 'b' }, immutable: true },
    change: (object) => (object['data'] = { 'a/b': 'c' }),
    told: [`data: ${frozen}`, `data[a/b]: Invalid value: "a/b": ${configKey}`],
  },
  'a ServiceCIDR is held to its old ranges alone': {
    path: '/apis/networking.k8s.io/v1/servicecidrs',
    object: { metadata: { name: 'a' }, spec: { cidrs: ['192.168.0.0/24'] } },
    change: (object) => (object['spec'] = { cidrs: ['none'] }),
    told: [`spec.cidrs[0]: Invalid value: "none": ${immutable}`],
  },
  'a PriorityClass is held to what cannot change alone': {
    path: '/apis/scheduling.k8s.io/v1/priorityclasses',
    object: { metadata: { name: 'a' }, value: 5 },
    change: (object) => (object['preemptionPolicy'] = 'Sometimes'),
    told: [`preemptionPolicy: Invalid value: "Sometimes": ${immutable}`],
  },
  'a StorageClass shows what it would become': {
    path: '/apis/storage.k8s.io/v1/storageclasses',
    object: { metadata: { name: 'a' }, provisioner: 'x.y', parameters: { a: 'b' } },
    change: (object) => {
      delete object['parameters'];
      object['provisioner'] = 'x.z';
    },
    told: [`parameters: Invalid value: null: ${immutable}`, `provisioner: Invalid value: "x.z": ${immutable}`],
  },
  'a volume is looked at twice': {
    path: '/api/v1/persistentvolumes',
    object: {
      metadata: { name: 'a' },
      spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/x' } },
    },
    change: (object) => Object.assign(object['spec']!, { persistentVolumeReclaimPolicy: 'Keep' }),
    told: Array(2).fill(
      'spec.persistentVolumeReclaimPolicy: Unsupported value: "Keep": supported values: "Delete", "Recycle", "Retain"',
    ),
  },
  'an Event shows the names that fields have in Go': {
    path: '/apis/events.k8s.io/v1/namespaces/default/events',
    object: {
      metadata: { name: 'a' },
      regarding: { kind: 'Pod', name: 'p', namespace: 'default' },
      eventTime: '2020-01-01T00:00:00.000000Z',
      reason: 'r',
      action: 'a',
      type: 'Normal',
      reportingController: 'x/y',
      reportingInstance: 'i',
    },
    change: (object) => (object['regarding'] = { kind: 'Pod', name: 'q', namespace: 'default' }),
    told: [
      `involvedObject: Invalid value: {"Kind":"Pod","Namespace":"default","Name":"q","UID":"","APIVersion":"","ResourceVersion":"","FieldPath":""}: ${immutable}`,
    ],
  },
  'ranges of a Node are read again': {
    path: '/api/v1/nodes',
    object: { metadata: { name: 'a' }, spec: { podCIDR: '10.1.0.0/24' } },
    change: (object) => (object['spec'] = { podCIDR: 'none' }),
    told: [
      'spec.podCIDRs[0]: Invalid value: "none": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
      'spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid',
    ],
  },
  'what is wrong with a change of a DaemonSet comes first': {
    path: '/apis/apps/v1/namespaces/default/daemonsets',
    object: {
      metadata: { name: 'a' },
      spec: {
        selector: { matchLabels: { a: 'b' } },
        template: { metadata: { labels: { a: 'b' } }, spec: { containers: [container] } },
      },
    },
    change: (object) => Object.assign(object['spec']!, { selector: {} }),
    told: [
      `spec.selector: Invalid value: {}: ${immutable}`,
      'spec.selector: Invalid value: {}: empty selector is invalid for daemonset',
    ],
  },
  'a Node keeps no source of configuration': {
    path: '/api/v1/nodes',
    object: { metadata: { name: 'b' } },
    change: (object) => (object['spec'] = { configSource: {} }),
    told: [],
  },
  'metadata of a template is labels and annotations': {
    path: '/apis/resource.k8s.io/v1/namespaces/default/resourceclaimtemplates',
    object: { metadata: { name: 'a' }, spec: { spec: {} } },
    change: (object) => (object['spec'] = { metadata: { uid: 'x', finalizers: ['a/b'] }, spec: {} }),
    told: [
      'spec.metadata.uID: Forbidden: cannot be set',
      'spec.metadata.finalizers: Forbidden: cannot be set',
      `spec: Invalid value: {"uid":"x","finalizers":["a/b"],"Spec":{"Devices":{"Requests":null,"Constraints":null,"Config":null}}}: ${immutable}`,
    ],
  },
  'a finalizer that is no name is not standard either': {
    path: '/api/v1/namespaces/default/podtemplates',
    object: {
      metadata: { name: 'a' },
      template: { metadata: { labels: { a: 'b' } }, spec: { containers: [container] } },
    },
    change: (object) => Object.assign(object.metadata, { finalizers: ['x y'] }),
    told: [
      expect.stringContaining('metadata.finalizers: Invalid value: "x y": name part must consist of') as never,
      'metadata.finalizers[0]: Invalid value: "x y": name is neither a standard finalizer name nor is it fully qualified',
    ],
  },
};

describe('updates', () => {
  const { server, close } = startTestServer({ definitions: builtins });
  beforeAll(async () => {
    await call(server, 'POST', '/api/v1/namespaces', { body: '{"metadata":{"name":"default"}}' });
  });
  afterAll(close);

  it.each(Object.entries(cases))('%s', async (_, { path, object, change, told }) => {
    const created = await call(server, 'POST', path, { body: JSON.stringify(object) });
    expect(statusOf(created).message).toBe('');
    const wanted = JSON.parse(JSON.stringify(objectOf(created))) as Body;
    change(wanted);
    const { error } = await call(server, 'PUT', `${path}/${wanted.metadata.name}`, { body: JSON.stringify(wanted) });
    expect(error?.status.details?.causes?.map(({ field, message }) => `${field}: ${message}`) ?? []).toEqual(told);
  });

  /** A letter for each fault told: of the generated name, a label, the deletion's grace, and a finalizer without a domain. */
  const letters: Record<string, string> = {
    'metadata.generateName': 'G',
    'metadata.labels': 'L',
    'metadata.deletionGracePeriodSeconds': 'D',
    'metadata.finalizers[0]': 'F',
  };
  const volume = { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/x' } };
  const attachment = { attacher: 'a', nodeName: 'n', source: { persistentVolumeName: 'p' } };
  const apiService = { version: 'v1', group: 'x.y', groupPriorityMinimum: 100, versionPriority: 5 };

  it.each([
    ['/api/v1/namespaces/default/configmaps/m', {}, 'LDL DLFGLF'],
    ['/api/v1/namespaces/default/podtemplates/m', { template: { spec: { containers: [container] } } }, 'LDL DLF'],
    ['/api/v1/nodes/m', {}, 'LDL GLFDLF'],
    ['/api/v1/persistentvolumes/m', { spec: volume }, 'LDL GLFGLF'],
    ['/api/v1/namespaces/default/limitranges/m', { spec: { limits: [] } }, 'LDL GLF'],
    ['/apis/policy/v1/namespaces/default/poddisruptionbudgets/m', { spec: {} }, 'LDL '],
    ['/apis/rbac.authorization.k8s.io/v1/clusterroles/m', { rules: [] }, 'LDL LFDLF'],
    ['/apis/coordination.k8s.io/v1/namespaces/default/leases/m', { spec: {} }, 'LDL DL'],
    ['/apis/apiregistration.k8s.io/v1/apiservices/v1.x.y', { spec: apiService }, 'LDL DLLG'],
    ['/apis/storage.k8s.io/v1/volumeattachments/m', { spec: attachment }, 'LDL GLF'],
    // Most of the metadata is not changed through these statuses.
    ['/apis/storage.k8s.io/v1/volumeattachments/m/status', undefined, 'D G'],
    ['/apis/resource.k8s.io/v1/deviceclasses/m', { spec: {} }, 'LDL LFDLF'],
  ])('tells faults of metadata as often as the kind does: %s', async (path, object, told) => {
    const [, collection, name] = /^(.*)\/([^/]+?)(?:\/status)?$/.exec(path.replace(/\/status$/, ''))!;
    const body = JSON.stringify({ ...object, metadata: { name } });
    if (object) expect(statusOf(await call(server, 'POST', collection!, { body })).message).toBe('');
    const given = objectOf(await call(server, 'GET', `${collection}/${name}`)) as Body;
    const bad = { generateName: 'A_b', labels: { 'a b': '' }, deletionGracePeriodSeconds: 5, finalizers: ['x'] };
    const changed = { ...given, metadata: { ...given.metadata, ...bad } };
    const { error } = await call(server, 'PUT', path, { body: JSON.stringify(changed) });
    const causes = error?.status.details?.causes ?? [];
    expect(causes.map(({ field = '' }) => letters[field]).join('')).toBe(told.replace(' ', ''));
  });

  it('makes no object of a uid that there is not, where an update makes objects', async () => {
    const path = '/api/v1/namespaces/default/services';
    const service = (metadata: object) => JSON.stringify({ metadata, spec: { ports: [{ port: 80 }] } });
    const put = (name: string, metadata: object) =>
      call(server, 'PUT', `${path}/${name}`, { body: service({ name, ...metadata }) });
    const { message, code } = statusOf(await put('made', { uid: 'u' }));
    expect([code, message]).toEqual([
      409,
      'Operation cannot be fulfilled on services "made": StorageError: invalid object, Code: 4, Key: /registry/services/specs/default/made, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: u, UID in object meta: ',
    ]);
    expect(statusOf(await put('made', { resourceVersion: '7' })).message).toBe('');
  });

  it('takes a strategic patch that says another kind, and refuses such a merge patch', async () => {
    const path = '/api/v1/namespaces/default/configmaps';
    await call(server, 'POST', path, { body: '{"metadata":{"name":"patched"}}' });
    const patch = async (form: string) => {
      const type = `application/${form}+json`;
      const answer = await call(server, 'PATCH', `${path}/patched`, { body: '{"kind":"X","apiVersion":"x/v1"}', type });
      return [answer.error?.code, (objectOf(answer) as { kind?: string } | undefined)?.kind];
    };
    expect(await patch('strategic-merge-patch')).toEqual([undefined, 'ConfigMap']);
    expect((await patch('merge-patch'))[0]).toBe(422);
  });

  it.each([
    ['configmaps', { binaryData: { a: 'bad!' } }, 'error decoding from json: illegal base64 data at input byte 3'],
    ['services', { spec: { sessionAffinity: [] } }, 'unrecognized type: string'],
    ['configmaps', { metadata: { uid: {} } }, 'unrecognized type: string'],
  ])('refuses what a strategic patch makes of %s in the words of the converter: %j', async (plural, patch, why) => {
    const path = `/api/v1/namespaces/default/${plural}`;
    await call(server, 'POST', path, { body: '{"metadata":{"name":"told"},"spec":{"ports":[{"port":80}]}}' });
    const type = 'application/strategic-merge-patch+json';
    const { message } = statusOf(await call(server, 'PATCH', `${path}/told`, { body: JSON.stringify(patch), type }));
    expect(message).toMatch(new RegExp(`: ${why}$`));
  });

  it('reads the finalizers of a namespace that are written through /finalize', async () => {
    const body = { metadata: { name: 'default' }, spec: { finalizers: ['$'] }, status: { phase: 'Gone' } };
    const target = '/api/v1/namespaces/default/finalize';
    expect(statusOf(await call(server, 'PUT', target, { body: JSON.stringify(body) }))).toMatchObject({ code: 422 });
    body.spec.finalizers = ['a/b'];
    const namespace = objectOf(await call(server, 'PUT', target, { body: JSON.stringify(body) }));
    expect(namespace).toMatchObject({ spec: { finalizers: ['a/b'] }, status: { phase: 'Active' } });
    expect(JSON.stringify(namespace)).not.toContain('f:phase');
  });

  it('forgets who manages what of an object whose list has an element without a name', async () => {
    const path = '/api/v1/namespaces/default/serviceaccounts';
    const account = { metadata: { name: 'a' }, secrets: [{ name: 's' }] };
    const created = objectOf(await call(server, 'POST', path, { body: JSON.stringify(account) }));
    expect(created).toHaveProperty('metadata.managedFields');
    const body = JSON.stringify({ metadata: { name: 'a' }, secrets: [{ name: 's' }, { uid: 'x' }] });
    expect(objectOf(await call(server, 'PUT', `${path}/a`, { body }))).not.toHaveProperty('metadata.managedFields');
  });

  it("refuses the address of a machine's own network as no address", async () => {
    const subsets = [{ addresses: [{ ip: 'fe80::1%eth0' }], ports: [{ port: 80 }] }];
    const body = JSON.stringify({ metadata: { name: 'a' }, subsets });
    const { error } = await call(server, 'POST', '/api/v1/namespaces/default/endpoints', { body });
    expect(error?.status.details?.causes?.map(({ message }) => message)).toEqual([
      'Invalid value: "fe80::1%eth0": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
      'Invalid value: "fe80::1%eth0": must be a valid IP address',
    ]);
  });

  it('lets admission see the pod that a resize makes, its generation raised', async () => {
    const seen: unknown[] = [];
    const watched = startTestServer({
      definitions: builtins,
      subresources: podSpecHandlers,
      admission: [
        {
          name: 'seeing',
          handles: ({ subresource }) => subresource === 'resize',
          validate: ({ object, old }) => void seen.push([old?.metadata.generation, object?.metadata.generation]),
        },
      ],
    });
    const pods = '/api/v1/namespaces/default/pods';
    const resources = { requests: { cpu: '100m' } };
    const pod = { metadata: { name: 'p' }, spec: { containers: [{ ...container, resources }] } };
    await call(watched.server, 'POST', pods, { body: JSON.stringify(pod) });
    const body = { spec: { containers: [{ name: 'c', resources: { requests: { cpu: '1' } } }] } };
    const type = 'application/strategic-merge-patch+json';
    await call(watched.server, 'PATCH', `${pods}/p/resize`, { body: JSON.stringify(body), type });
    expect(seen).toEqual([[1, 2]]);
    await watched.close();
  });
});
