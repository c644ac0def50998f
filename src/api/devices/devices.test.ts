import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import type { ResourceClaim } from '#api/gen/resource-v1.js';
import type { AnyResource } from '../resource.js';
import { cells, createErrors, made, statusErrors, updateErrors } from '../test-kind.js';
import classes from './deviceclass.js';
import { loadForSelectors } from './expressions.js';
import claims from './resourceclaim.js';
import templates from './resourceclaimtemplate.js';
import slices from './resourceslice.js';

beforeAll(() => loadForSelectors([{ cel: { expression: 'true' } }]));

const request = { name: 'gpu', exactly: { deviceClassName: 'gpu.example.com' } };
const claim = (more: object) => ({ spec: { devices: { requests: [request], ...more } } });
const asked = (more: object) => claim({ requests: [{ ...request, ...more }] });
const exactly = (more: object) => asked({ exactly: { ...request.exactly, ...more } });
const pool = { name: 'rack-1/gpus', resourceSliceCount: 1, generation: 1 };
const slice = (more: object) => ({ spec: { driver: 'gpu.example.com', pool, nodeName: 'node-1', ...more } });
const device = (more: object) => slice({ devices: [{ name: 'gpu-0', ...more }] });
const shared = (requestPolicy: object, value = '10') =>
  device({ allowMultipleAllocations: true, capacity: { memory: { value, requestPolicy } } });

const req0 = 'spec.devices.requests[0]';
const dev0 = 'spec.devices[0]';
const policy = `${dev0}.capacity[memory].requestPolicy`;
const label =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const reference =
  "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
const oneConstraint = 'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set';

test('a request is for one device, unless it says otherwise', () => {
  const alternatives = [
    { name: 'big', deviceClassName: 'a', allocationMode: 'All' },
    { name: 'small', deviceClassName: 'b' },
  ];
  const tolerations = [{ key: 'a' }];
  expect(made(claims, exactly({ tolerations }))).toMatchObject(
    exactly({ allocationMode: 'ExactCount', count: 1, tolerations: [{ key: 'a', operator: 'Equal' }] }),
  );
  const defaulted = made(claims, asked({ exactly: undefined, firstAvailable: alternatives }));
  expect(defaulted).toMatchObject({
    spec: { devices: { requests: [{ firstAvailable: [alternatives[0], { ...alternatives[1], count: 1 }] }] } },
  });
});

test.each<[string, AnyResource, object, string[]]>([
  ['a claim is well', claims, claim({}), []],
  ['a request has a name', claims, asked({ name: 'GPU' }), [`${req0}.name: Invalid value: "GPU": ${label}`]],
  [
    'requests have names of their own',
    claims,
    claim({ requests: [request, request] }),
    ['spec.devices.requests[1]: Duplicate value: "gpu"'],
  ],
  [
    'a request asks one way',
    claims,
    asked({ exactly: undefined }),
    [`${req0}: Required value: exactly one of \`exactly\` or \`firstAvailable\` is required`],
  ],
  ['a request is of a class', claims, asked({ exactly: {} }), [`${req0}.exactly.deviceClassName: Required value`]],
  [
    'all is not counted',
    claims,
    exactly({ allocationMode: 'All', count: 2 }),
    [`${req0}.exactly.count: Invalid value: 2: must not be specified when allocationMode is 'All'`],
  ],
  [
    'there are two ways to count',
    claims,
    exactly({ allocationMode: 'Some' }),
    [`${req0}.exactly.allocationMode: Unsupported value: "Some": supported values: "All", "ExactCount"`],
  ],
  ['a selector selects', claims, exactly({ selectors: [{}] }), [`${req0}.exactly.selectors[0].cel: Required value`]],
  [
    'an expression is bounded',
    claims,
    exactly({ selectors: [{ cel: { expression: 'x'.repeat(10241) } }] }),
    [`${req0}.exactly.selectors[0].cel.expression: Too long: may not be more than 10240 bytes`],
  ],
  [
    'a toleration is of values or all',
    claims,
    exactly({ tolerations: [{ operator: 'Exists', value: 'a', effect: 'Odd' }] }),
    [
      `${req0}.exactly.tolerations[0].value: Invalid value: "a": must be empty for operator \`Exists\``,
      `${req0}.exactly.tolerations[0].effect: Unsupported value: "Odd": supported values: "NoExecute", "NoSchedule", "None"`,
    ],
  ],
  [
    'a constraint is of requests that there are',
    claims,
    claim({ constraints: [{ requests: ['nic', 'a/b/c'], matchAttribute: 'model' }] }),
    [
      `spec.devices.constraints[0].requests[0]: Invalid value: "nic": ${reference}`,
      `spec.devices.constraints[0].requests[1]: Invalid value: "a/b/c": ${reference}`,
      'spec.devices.constraints[0].matchAttribute: Invalid value: "model": a fully qualified name must be a domain and a name separated by a slash',
    ],
  ],
  [
    'a constraint is about something',
    claims,
    claim({ constraints: [{}] }),
    [`spec.devices.constraints[0]: Required value: ${oneConstraint}`],
  ],
  [
    'configuration is an object for a driver',
    claims,
    claim({ config: [{ opaque: { parameters: [1] } }, {}] }),
    [
      'spec.devices.config[0].opaque.driver: Required value',
      'spec.devices.config[0].opaque.parameters: Invalid value: "<value omitted>": must be a valid JSON object',
      'spec.devices.config[1].opaque: Required value',
    ],
  ],
  [
    'a template is checked as what it makes',
    templates,
    { spec: { spec: { devices: { requests: [{ ...request, exactly: {} }] } } } },
    ['spec.spec.devices.requests[0].exactly.deviceClassName: Required value'],
  ],
  [
    'lists are bounded',
    classes,
    { spec: { selectors: Array.from({ length: 33 }, () => ({})) } },
    ['spec.selectors: Too many: 33: must have at most 32 items'],
  ],
  [
    'an extended resource has a domain',
    classes,
    { spec: { extendedResourceName: 'gpu' } },
    ['spec.extendedResourceName: Invalid value: "gpu": must be a valid extended resource name'],
  ],
  [
    'a slice is well',
    slices,
    device({ attributes: { model: { string: 'x' }, 'a.b/v': { version: '1.2.3-rc.1+b' } } }),
    [],
  ],
  [
    'a slice is of a pool',
    slices,
    slice({ driver: '', pool: {} }),
    [
      'spec.driver: Required value',
      'spec.pool.name: Required value',
      'spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero',
    ],
  ],
  [
    'a slice is somewhere',
    slices,
    slice({ nodeName: undefined, allNodes: false }),
    [
      'spec.allNodes: Invalid value: false: must be either unset or set to true',
      'spec: Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required',
    ],
  ],
  [
    'a slice is in one place',
    slices,
    slice({ allNodes: true }),
    [
      'spec: Invalid value: "{`nodeName`, `allNodes`}": exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required, but multiple fields are set',
    ],
  ],
  ['a slice has devices or counters', slices, device({}), []],
  [
    'counters stand apart',
    slices,
    slice({ devices: [], sharedCounters: [{ name: 'a', counters: {} }] }),
    [
      'spec: Invalid value: "": only one of `sharedCounters` or `devices` is allowed',
      'spec.sharedCounters[0].counters: Required value',
    ],
  ],
  [
    'an attribute has one value',
    slices,
    device({ attributes: { a: {}, b: { int: 1, bool: true }, c: { version: '1' } } }),
    [
      `${dev0}.attributes[a]: Invalid value: "": exactly one value must be specified`,
      `${dev0}.attributes[b]: Invalid value: {"int":1,"bool":true}: exactly one value must be specified`,
      `${dev0}.attributes[c].version: Invalid value: "1": must be a string compatible with semver.org spec 2.0.0`,
    ],
  ],
  [
    'an attribute has a name',
    slices,
    device({ attributes: { '/a': { int: 1 }, '9': { int: 1 }, 'a/b/c': { int: 1 } } }),
    [
      `${dev0}.attributes: Invalid value: "9": a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')`,
      `${dev0}.attributes: Invalid value: "": the domain must not be empty`,
      `${dev0}.attributes: Invalid value: "a/b/c": must not contain more than one slash`,
    ],
  ],
  [
    'a taint has an effect',
    slices,
    device({ taints: [{ key: 'a' }, { key: 'a', effect: 'Odd' }] }),
    [
      `${dev0}.taints[0].effect: Required value`,
      `${dev0}.taints[1].effect: Unsupported value: "Odd": supported values: "NoExecute", "NoSchedule", "None"`,
    ],
  ],
  [
    'a device has a place of its own where the slice says so',
    slices,
    device({ allNodes: true }),
    [
      `${dev0}: Invalid value: null: \`nodeName\`, \`nodeSelector\` and \`allNodes\` can only be set if \`perDeviceNodeSelection\` is set to true in the ResourceSlice spec`,
    ],
  ],
  [
    'and must have one then',
    slices,
    slice({ nodeName: undefined, perDeviceNodeSelection: true, devices: [{ name: 'a' }] }),
    [
      `${dev0}: Required value: exactly one of \`nodeName\`, \`nodeSelector\`, or \`allNodes\` is required when \`perDeviceNodeSelection\` is set to true in the ResourceSlice spec`,
    ],
  ],
  [
    'conditions come in pairs',
    slices,
    device({ bindingConditions: ['a', 'a'], bindingFailureConditions: ['a'] }),
    [
      `${dev0}.bindingConditions[1]: Duplicate value: "a"`,
      `${dev0}.bindingFailureConditions[0]: Invalid value: "a": bindingFailureConditions must not overlap with bindingConditions`,
    ],
  ],
  [
    'capacity of one user is not shared out',
    slices,
    device({ capacity: { memory: { value: '1', requestPolicy: {} } } }),
    [`${policy}: Forbidden: allowMultipleAllocations must be true`],
  ],
  [
    'amounts are in order and there',
    slices,
    shared({ default: '3', validValues: ['2', '1', '20'] }),
    [
      `${policy}.validValues[1]: Invalid value: "1": values must be sorted in ascending order`,
      `${policy}.validValues[2]: Invalid value: "20": option is larger than capacity value: 10`,
      `${policy}.validValues: Invalid value: "3": default value is not valid according to the requestPolicy`,
    ],
  ],
  [
    'a range has steps',
    slices,
    shared({ default: '4', validRange: { min: '1', max: '7', step: '2' } }),
    [`${policy}.validRange.step: Invalid value: "4": value is not a multiple of a given step (2) from (1)`],
  ],
  [
    'a range has a default within',
    slices,
    shared({ default: '9', validRange: { min: '1', max: '20' } }),
    [`${policy}.validRange.max: Invalid value: "20": max is larger than capacity value: 10`],
  ],
])('%s', (_, kind, fields, messages) => {
  expect(createErrors(kind, made(kind, fields))).toEqual(messages);
});

test('what is asked for stays, and so does whose slice it is', () => {
  const [message] = updateErrors(claims, made(claims, exactly({ count: 2 })), made(claims, claim({})));
  expect(message).toMatch(/^spec: Invalid value: .*: field is immutable$/);
  const other = made(slices, slice({ driver: 'b.example.com', nodeName: 'node-2', pool: { ...pool, name: 'b' } }));
  expect(updateErrors(slices, other, made(slices, slice({})))).toEqual([
    'spec.pool.name: Invalid value: "b": field is immutable',
    'spec.driver: Invalid value: "b.example.com": field is immutable',
    'spec.nodeName: Invalid value: "node-2": field is immutable',
  ]);
});

describe('a status', () => {
  const result = { request: 'gpu', driver: 'gpu.example.com', pool: 'a', device: 'gpu-0' };
  const user = { resource: 'pods', name: 'web', uid: '1' };
  const allocation = { devices: { results: [result] } };
  const of = (status: object) => made(claims, { ...claim({}), status });

  test('says which devices were given, and who uses them', () => {
    expect(statusErrors(claims, of({ allocation, reservedFor: [user] }), of({}))).toEqual([]);
    expect(statusErrors(claims, of({ reservedFor: [user, { uid: '1' }] }), of({}))).toEqual([
      'status.reservedFor[1].resource: Required value',
      'status.reservedFor[1].name: Required value',
      'status.reservedFor[1]: Duplicate value: "1"',
      'status.reservedFor: Forbidden: may not be specified when `allocated` is not set',
    ]);
    expect(
      statusErrors(claims, of({ allocation: { devices: { results: [{ ...result, request: 'nic' }] } } }), of({})),
    ).toEqual([`status.allocation.devices.results[0].request: Invalid value: "nic": ${reference}`]);
  });

  test('keeps what was given', () => {
    const [message] = statusErrors(claims, of({ allocation: { devices: {} } }), of({ allocation }));
    expect(message).toBe('status.allocation: Invalid value: {"devices":{}}: field is immutable');
  });

  test('says no more how devices are that were given back', () => {
    const devices = [{ driver: 'gpu.example.com', pool: 'a', device: 'gpu-0' }];
    const freed = of({ devices }) as ResourceClaim;
    claims.prepareForStatusUpdate!(freed, of({ allocation, devices }) as ResourceClaim, { nowMs: 0 });
    expect(freed.status).toEqual({});
    const kept = of({ allocation, devices }) as ResourceClaim;
    claims.prepareForStatusUpdate!(kept, of({ allocation }) as ResourceClaim, { nowMs: 0 });
    expect(kept.status?.devices).toEqual(devices);
  });

  test('of a claim that goes takes no more users', () => {
    const going = of({ allocation, reservedFor: [user] });
    going.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
    expect(statusErrors(claims, going, of({ allocation }))).toEqual([
      'status.reservedFor: Forbidden: new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set',
    ]);
    expect(statusErrors(claims, going, of({ allocation, reservedFor: [user] }))).toEqual([]);
  });

  test('tells how devices are', () => {
    const device = { driver: 'gpu.example.com', pool: 'a', device: 'gpu-0', conditions: [] };
    const networkData = { ips: ['10.0.0.1/24', '10.0.0.01/24', 'FD00::1/64', '10.0.0.1/33'] };
    const devices = [{ ...device, networkData, shareID: 'ABC' }];
    expect(statusErrors(claims, of({ allocation, devices }), of({}))).toEqual([
      'status.devices[0].shareID: Invalid value: "ABC": error validating uid: invalid UUID length: 3',
      'status.devices[0]: Invalid value: "gpu.example.com/a/gpu-0/ABC": must be an allocated device in the claim',
      'status.devices[0].networkData.ips[1]: Invalid value: "10.0.0.01/24": must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)',
      'status.devices[0].networkData.ips[2]: Invalid value: "FD00::1/64": must be in canonical form ("fd00::1/64")',
      'status.devices[0].networkData.ips[3]: Invalid value: "10.0.0.1/33": must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)',
    ]);
    expect(statusErrors(claims, of({ allocation, devices: [device] }), of({}))).toEqual([]);
  });
});

test('hostile versions and names are told in bounded time', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 2000 }), fc.string(), (version, name) => {
      const object = made(slices, device({ attributes: { [`a${name}`]: { version } } }));
      expect(createErrors(slices, object).length).toBeGreaterThan(-1);
    }),
  );
  const start = process.hrtime.bigint();
  createErrors(slices, made(slices, device({ attributes: { a: { version: `1.2.3-${'0'.repeat(1_000_000)}!` } } })));
  expect(Number(process.hrtime.bigint() - start)).toBeLessThan(500e6);
});

test('columns', () => {
  const allocated = { allocation: { devices: {} } };
  const state = (status: object, deletionTimestamp?: string) => {
    const object = made(claims, { ...claim({}), status });
    if (deletionTimestamp) object.metadata.deletionTimestamp = deletionTimestamp;
    return cells(claims, object)[1];
  };
  expect(state({})).toBe('pending');
  expect(state(allocated)).toBe('allocated');
  expect(state({ ...allocated, reservedFor: [{ uid: '1' }] })).toBe('allocated,reserved');
  expect(state(allocated, '2026-01-01T00:00:00Z')).toBe('deleted,allocated');
  expect(cells(slices, made(slices, slice({})))).toEqual(['one', 'node-1', 'gpu.example.com', 'rack-1/gpus', '60m']);
  expect(cells(slices, made(slices, slice({ nodeName: undefined, allNodes: true })))[1]).toBe('<unset>');
  expect(cells(classes, made(classes, {}))).toEqual(['one', '60m']);
});
