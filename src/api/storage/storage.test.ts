import { describe, expect, test } from 'vitest';
import type { AnyResource } from '../resource.js';
import { cells, createErrors, made, statusErrors, updateErrors } from '../test-kind.js';
import drivers from './csidriver.js';
import nodes from './csinode.js';
import capacities from './csistoragecapacity.js';
import classes from './storageclass.js';
import attachments from './volumeattachment.js';
import attributes from './volumeattributesclass.js';

const pv = { persistentVolumeName: 'pv-1' };
const attachment = { spec: { attacher: 'csi.example.com', nodeName: 'node-1', source: pv } };
const driver = { name: 'csi.example.com', nodeID: 'n1', topologyKeys: ['example.com/zone'] };

test('defaults are filled in', () => {
  expect(made(classes, { provisioner: 'x' })).toMatchObject({
    reclaimPolicy: 'Delete',
    volumeBindingMode: 'Immediate',
  });
  expect(made(drivers, { spec: { volumeLifecycleModes: [] } })).toMatchObject({
    spec: {
      attachRequired: true,
      podInfoOnMount: false,
      storageCapacity: false,
      fsGroupPolicy: 'ReadWriteOnceWithFSType',
      volumeLifecycleModes: ['Persistent'],
      requiresRepublish: false,
      seLinuxMount: false,
    },
  });
});

const topology = (...matchLabelExpressions: { key: string; values?: string[] }[]) => ({
  provisioner: 'example.com/x',
  allowedTopologies: [{ matchLabelExpressions }],
});

test.each<[string, AnyResource, object, string[]]>([
  ['a class has a provisioner', classes, {}, ['provisioner: Required value']],
  ['a provisioner may have upper case', classes, { provisioner: 'Example.com/Disk' }, []],
  [
    'a class deletes or retains',
    classes,
    { provisioner: 'x', reclaimPolicy: 'Recycle' },
    ['reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"'],
  ],
  [
    'a class binds now or later',
    classes,
    { provisioner: 'x', volumeBindingMode: 'Never' },
    ['volumeBindingMode: Unsupported value: "Never": supported values: "Immediate", "WaitForFirstConsumer"'],
  ],
  [
    'parameters have keys',
    classes,
    { provisioner: 'x', parameters: { '': 'a' } },
    ['parameters: Invalid value: "": field can not be empty.'],
  ],
  [
    'parameters are bounded',
    classes,
    { provisioner: 'x', parameters: Object.fromEntries(Array.from({ length: 513 }, (_, index) => [`k${index}`, ''])) },
    ['parameters: Too long: may not be more than 512 bytes'],
  ],
  [
    'topologies have values, once',
    classes,
    topology({ key: 'zone' }, { key: 'region', values: ['a', 'a'] }, { key: 'zone', values: ['b'] }),
    [
      'allowedTopologies[0].matchLabelExpressions[0].values: Required value',
      'allowedTopologies[0].matchLabelExpressions[1].values[1]: Duplicate value: "a"',
      'allowedTopologies[0].matchLabelExpressions[2].key: Duplicate value: "zone"',
    ],
  ],
  [
    'attributes are something',
    attributes,
    { driverName: 'csi.example.com' },
    ['parameters: Required value: must contain at least one key/value pair'],
  ],
  [
    'a driver knows four policies',
    drivers,
    { spec: { fsGroupPolicy: 'Any', volumeLifecycleModes: ['Brief'], nodeAllocatableUpdatePeriodSeconds: 9 } },
    [
      'spec.fsGroupPolicy: Unsupported value: "Any": supported values: "File", "None", "ReadWriteOnceWithFSType"',
      'spec.volumeLifecycleModes: Unsupported value: "Brief": supported values: "Persistent", "Ephemeral"',
      'spec.nodeAllocatableUpdatePeriodSeconds: Invalid value: 9: must be greater than or equal to 10 seconds',
    ],
  ],
  [
    'a driver asks for a token once, and not for a moment',
    drivers,
    { spec: { tokenRequests: [{ audience: 'a', expirationSeconds: 5 }, { audience: 'a' }, { audience: '' }] } },
    [
      'spec.tokenRequests[0].expirationSeconds: Invalid value: 5: may not specify a duration less than 10 minutes',
      'spec.tokenRequests[1].audience: Duplicate value: "a"',
    ],
  ],
  [
    'a node has a driver once, by a name it knows',
    nodes,
    { spec: { drivers: [driver, { name: 'csi.example.com', nodeID: '', topologyKeys: [] }] } },
    ['spec.drivers[1].nodeID: Required value', 'spec.drivers[1].name: Duplicate value: "csi.example.com"'],
  ],
  [
    'a node id is bounded',
    nodes,
    { spec: { drivers: [{ ...driver, nodeID: 'n'.repeat(257) }] } },
    [`spec.drivers[0].nodeID: Invalid value: "${'n'.repeat(257)}": must be 256 characters or less`],
  ],
  ['a volume is attached to a node', attachments, attachment, []],
  [
    'an attachment names one volume',
    attachments,
    { spec: { attacher: 'csi.example.com', nodeName: 'node-1', source: {} } },
    ['spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName'],
  ],
  [
    'a volume that is told in place has a driver, and nothing of claims',
    attachments,
    {
      spec: {
        ...attachment.spec,
        source: {
          inlineVolumeSpec: { capacity: { storage: '1' }, storageClassName: 'a', nfs: { server: 'a', path: '/b' } },
        },
      },
    },
    [
      'spec.source.inlineVolumeSpec.capacity: Forbidden: may not be specified in the context of inline volumes',
      'spec.source.inlineVolumeSpec.csi: Required value: has to be specified in the context of inline volumes',
      'spec.source.inlineVolumeSpec.accessModes: Required value',
      'spec.source.inlineVolumeSpec.persistentVolumeReclaimPolicy: Forbidden: may only be Retain in the context of inline volumes',
      'spec.source.inlineVolumeSpec.storageClassName: Forbidden: may not be specified in the context of inline volumes',
    ],
  ],
  [
    'an attacher is a driver',
    attachments,
    { spec: { ...attachment.spec, attacher: `csi.${'a'.repeat(60)}` } },
    ['spec.attacher: Too long: may not be more than 63 bytes'],
  ],
  [
    'room is not negative',
    capacities,
    { storageClassName: 'fast', capacity: '-1Gi' },
    ['capacity: Invalid value: "-1Gi": must be greater than or equal to 0'],
  ],
])('%s', (_, kind, fields, messages) => {
  expect(createErrors(kind, made(kind, fields))).toEqual(messages);
});

describe('an update', () => {
  test.each<[string, AnyResource, object, object, string[]]>([
    [
      'keeps what a class is',
      classes,
      { provisioner: 'b', parameters: { a: '1' }, reclaimPolicy: 'Retain', volumeBindingMode: 'WaitForFirstConsumer' },
      { provisioner: 'a' },
      [
        'parameters: Invalid value: {"a":"1"}: field is immutable',
        'provisioner: Invalid value: "b": field is immutable',
        'reclaimPolicy: Invalid value: "Retain": field is immutable',
        'volumeBindingMode: Invalid value: "WaitForFirstConsumer": field is immutable',
      ],
    ],
    [
      'may allow a class to grow volumes',
      classes,
      { provisioner: 'a', allowVolumeExpansion: true },
      { provisioner: 'a' },
      [],
    ],
    [
      'keeps how a driver attaches',
      drivers,
      { spec: { attachRequired: false, volumeLifecycleModes: ['Ephemeral'] } },
      { spec: {} },
      [
        'spec.attachedRequired: Invalid value: false: field is immutable',
        'spec.volumeLifecycleModes: Invalid value: ["Ephemeral"]: field is immutable',
      ],
    ],
    [
      'may change the limit of a driver on a node',
      nodes,
      { spec: { drivers: [{ ...driver, allocatable: { count: 5 } }] } },
      { spec: { drivers: [driver] } },
      [],
    ],
    [
      'keeps an attachment',
      attachments,
      { spec: { ...attachment.spec, nodeName: 'node-2' } },
      attachment,
      [
        'spec: Invalid value: {"Attacher":"csi.example.com","Source":{"PersistentVolumeName":"pv-1","InlineVolumeSpec":null},"NodeName":"node-2"}: field is immutable',
      ],
    ],
    [
      'keeps what a capacity is of',
      capacities,
      { storageClassName: 'slow' },
      { storageClassName: 'fast' },
      ['storageClassName: Invalid value: "slow": field is immutable'],
    ],
  ])('%s', (_, kind, fields, old, messages) => {
    expect(updateErrors(kind, made(kind, fields), made(kind, old))).toEqual(messages);
  });

  test('of status is checked', () => {
    const detachError = { message: 'x'.repeat(1025), errorCode: -1 };
    expect(
      statusErrors(attachments, made(attachments, { ...attachment, status: { attached: true, detachError } })),
    ).toEqual([
      'status.detachError.message: Too long: may not be more than 262144 bytes',
      'status.detachError.errorCode: Invalid value: -1: must be between 0 and 2147483647, inclusive',
    ]);
  });
});

test('old names of node labels are warned of', () => {
  const old = 'failure-domain.beta.kubernetes.io/zone';
  const text = 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead';
  expect(classes.warnings!(made(classes, topology({ key: old, values: ['a'] })), undefined)).toEqual([
    `allowedTopologies[0].matchLabelExpressions[0].key: ${text}`,
  ]);
  const nodeTopology = { matchLabels: { [old]: 'a' } };
  expect(capacities.warnings!(made(capacities, { storageClassName: 'fast', nodeTopology }), undefined)).toEqual([
    `nodeTopology.matchLabels.${old}: ${text}`,
  ]);
});

test('columns', () => {
  const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' };
  const standard = made(classes, { provisioner: 'example.com/disk' }, 'standard');
  standard.metadata.annotations = annotations;
  const row = ['standard (default)', 'example.com/disk', 'Delete', 'Immediate', false, '60m'];
  expect(cells(classes, standard)).toEqual(row);
  const tokenRequests = [{ audience: 'a' }, { audience: 'b' }];
  expect(cells(drivers, made(drivers, { spec: { tokenRequests } }))).toEqual([
    'one',
    true,
    false,
    false,
    'a,b',
    false,
    'Persistent',
    '60m',
  ]);
  expect(cells(nodes, made(nodes, { spec: { drivers: [driver] } }))).toEqual(['one', 1, '60m']);
  expect(cells(attachments, made(attachments, attachment))).toEqual([
    'one',
    'csi.example.com',
    'pv-1',
    'node-1',
    false,
    '60m',
  ]);
  expect(cells(capacities, made(capacities, { storageClassName: 'fast' }))).toEqual(['one', '2026-01-01T00:00:00Z']);
  expect(cells(attributes, made(attributes, { driverName: 'csi.example.com' }))).toEqual([
    'one',
    'csi.example.com',
    '60m',
  ]);
});
