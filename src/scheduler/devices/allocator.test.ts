/** What devices claims are given, and that no device or counter is given twice, whatever is asked for. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Node } from '#api/gen/core-v1.js';
import type {
  Device,
  DeviceClaim,
  DeviceClass,
  DeviceConstraint,
  DeviceRequestAllocationResult,
  ResourceClaim,
  ResourceSlice,
  ResourceSliceSpec,
} from '#api/gen/resource-v1.js';
import { Allocator } from './allocator.js';
import { Ledger } from './in-use.js';
import { SliceIndex } from './pools.js';
import { Selectors } from './selectors.js';

const driver = 'd.example.com';
const apiVersion = 'resource.k8s.io/v1';
const node = (name: string, labels = {}): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels },
  spec: {},
});

function slice(devices: Device[], spec: Partial<ResourceSliceSpec> = {}): ResourceSlice {
  const pool = { name: 'p', generation: 1, resourceSliceCount: 1 };
  const metadata = { name: `s-${JSON.stringify(spec)}-${devices[0]?.name}` };
  return { apiVersion, kind: 'ResourceSlice', metadata, spec: { driver, pool, nodeName: 'a', devices, ...spec } };
}

const classes: Record<string, DeviceClass> = {};
for (const name of ['any', 'fast']) {
  const config = [{ opaque: { driver, parameters: { class: name } } }];
  const selectors = name === 'any' ? [] : [{ cel: { expression: `device.attributes["${driver}"].fast` } }];
  classes[name] = { apiVersion, kind: 'DeviceClass', metadata: { name }, spec: { selectors, config } };
}

const claim = (name: string, devices: DeviceClaim): ResourceClaim => ({
  apiVersion,
  kind: 'ResourceClaim',
  metadata: { name, namespace: 'default', uid: name },
  spec: { devices },
});
const asking = (parts: object = {}, more: Partial<DeviceClaim> = {}) =>
  claim('c', { requests: [{ name: 'r', exactly: { deviceClassName: 'any', ...parts } }], ...more });

interface World {
  given?: readonly DeviceRequestAllocationResult[];
  isLate?: () => boolean;
}

function allocate(
  slices: readonly ResourceSlice[],
  claims: readonly ResourceClaim[],
  { given, isLate }: World = {},
  on = node('a'),
) {
  const inUse = new Ledger();
  inUse.set('before', given);
  let shares = 0;
  return new Allocator({
    slices: new SliceIndex(slices),
    inUse,
    selectors: new Selectors(),
    deviceClass: (name) => classes[name],
    isLate: isLate ?? (() => false),
    newShareId: () => `share-${shares++}`,
  }).allocate(on, claims);
}

function names(...parts: Parameters<typeof allocate>): string[] | string {
  const allocated = allocate(...parts);
  if ('why' in allocated) return allocated.why;
  return allocated.results.flatMap(({ devices }) =>
    (devices?.results ?? []).map(({ request, device }) => `${request}=${device}`),
  );
}

const none = 'cannot allocate all claims';
const result = (device: string, parts: Partial<DeviceRequestAllocationResult> = {}) => ({
  ...{ request: 'r', driver, pool: 'p', device },
  ...parts,
});
const plain = (...all: string[]): Device[] => all.map((name) => ({ name }));

describe('pools', () => {
  test('of several generations the newest counts, and only when it is whole', () => {
    const of = (generation: number, resourceSliceCount: number) => ({ name: 'p', generation, resourceSliceCount });
    const old = slice(plain('old'), { pool: of(1, 1) });
    expect(names([old, slice(plain('new'), { pool: of(2, 1) })], [asking()])).toEqual(['r=new']);
    expect(names([old, slice(plain('new'), { pool: of(2, 2) })], [asking()])).toBe(none);
    // The newer generation has nothing for this node, and the old one is not all there any more.
    const partOf = slice(plain('old'), { pool: of(1, 2) });
    expect(names([partOf, slice(plain('new'), { pool: of(2, 1), nodeName: 'b' })], [asking()])).toBe(none);
    const parts = [slice(plain('x'), { pool: of(1, 2) }), slice(plain('y'), { pool: of(1, 2), nodeName: 'b' })];
    expect(names(parts, [asking({ allocationMode: 'All' })])).toEqual(['r=x']);
    expect(() => names(parts.slice(0, 1), [asking({ allocationMode: 'All' })])).toThrow(
      'claim default/c, request r: asks for all devices, but resource pool d.example.com/p is currently being updated',
    );
  });

  test('with one name twice, or counters that are not there, give nothing and say so', () => {
    const broken = 'invalid resource pools were encountered';
    expect(names([slice(plain('x', 'x'))], [asking()])).toBe(broken);
    const consumesCounters = [{ counterSet: 's', counters: { c: { value: '1' } } }];
    expect(names([slice([{ name: 'x', consumesCounters }])], [asking()])).toBe(broken);
  });

  test('reach nodes by name, by labels, all of them, or each device for itself', () => {
    const zone = { nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: ['z'] }] }] };
    const far = { nodeName: undefined };
    const inZone = slice(plain('x'), { ...far, nodeSelector: zone });
    expect(names([inZone], [asking()])).toBe(none);
    const allocated = allocate([inZone], [asking()], {}, node('b', { zone: 'z' }));
    expect(allocated).toMatchObject({ results: [{ nodeSelector: zone }] });
    const everywhere = allocate([slice(plain('x'), { ...far, allNodes: true })], [asking()], {}, node('b'));
    expect('results' in everywhere && everywhere.results[0]!.nodeSelector).toBeUndefined();
    const each = [
      { name: 'x', nodeName: 'b' },
      { name: 'y', nodeName: 'a' },
    ];
    const local = allocate([slice(each, { ...far, perDeviceNodeSelection: true })], [asking()]);
    const own = { nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['a'] }] }] };
    expect(local).toMatchObject({ results: [{ devices: { results: [result('y')] }, nodeSelector: own }] });
  });
});

describe('requests', () => {
  test('take the first alternative that can be had, with its configuration', () => {
    const requests = [
      {
        name: 'r',
        firstAvailable: [
          { name: 'big', deviceClassName: 'fast' },
          { name: 'small', deviceClassName: 'any', count: 2 },
        ],
      },
      { name: 'other', exactly: { deviceClassName: 'any' } },
    ];
    const config = [
      { requests: ['r/big'], opaque: { driver, parameters: { for: 'big' } } },
      { requests: ['r'], opaque: { driver, parameters: { for: 'r' } } },
    ];
    const slow = { fast: { bool: false } };
    const devices = ['x', 'y', 'z'].map((name) => ({ name, attributes: slow }));
    expect(allocate([slice(devices)], [claim('c', { requests, config })])).toMatchObject({
      results: [
        {
          devices: {
            results: [
              result('x', { request: 'r/small' }),
              result('y', { request: 'r/small' }),
              result('z', { request: 'other' }),
            ],
            config: [
              { source: 'FromClass', opaque: { driver, parameters: { class: 'any' } } },
              { source: 'FromClaim', requests: ['r'], opaque: { driver, parameters: { for: 'r' } } },
            ],
          },
        },
      ],
    });
    const fast = [...devices, { name: 'zz', attributes: { fast: { bool: true } } }];
    expect(names([slice(fast)], [claim('c', { requests })])).toEqual(['r/big=zz', 'other=x']);
  });

  test('are bound by attributes that must be alike or differ', () => {
    const numa = (name: string, at: number) => ({ name, attributes: { numa: { int: at } } });
    const devices = [numa('a0', 0), numa('b1', 1), numa('c1', 1)];
    const two = { count: 2 };
    const matchAttribute = `${driver}/numa`;
    expect(names([slice(devices)], [asking(two, { constraints: [{ matchAttribute }] })])).toEqual(['r=b1', 'r=c1']);
    expect(names([slice(devices)], [asking({ count: 3 }, { constraints: [{ matchAttribute }] })])).toBe(none);
    const distinct = { constraints: [{ distinctAttribute: `${driver}/numa` }] };
    expect(names([slice(devices)], [asking(two, distinct)])).toEqual(['r=a0', 'r=b1']);
    expect(names([slice(devices)], [asking({ count: 3 }, distinct)])).toBe(none);
  });

  test('may look at devices of others as an administrator, and take nothing from them', () => {
    const used = { given: [result('x')] };
    expect(names([slice(plain('x'))], [asking()], used)).toBe(none);
    const admin = asking({ adminAccess: true });
    expect(allocate([slice(plain('x'))], [admin], used)).toMatchObject({
      results: [{ devices: { results: [result('x', { adminAccess: true })] } }],
    });
    expect(names([slice(plain('x'))], [asking()], { given: [result('x', { adminAccess: true })] })).toEqual(['r=x']);
  });

  test('pass over tainted devices that they do not tolerate', () => {
    const taints = [{ key: 'k', value: 'v', effect: 'NoSchedule' }];
    const devices = [{ name: 'x', taints }];
    expect(names([slice(devices)], [asking()])).toBe(none);
    expect(names([slice([{ name: 'x', taints: [{ ...taints[0]!, effect: 'None' }] }])], [asking()])).toEqual(['r=x']);
    const tolerations = [{ key: 'k', operator: 'Exists' }];
    expect(allocate([slice(devices)], [asking({ tolerations })])).toMatchObject({
      results: [{ devices: { results: [result('x', { tolerations })] } }],
    });
  });

  test('of more devices than a claim can hold are refused', () => {
    expect(() => names([slice(plain('x'))], [asking({ count: 33 })])).toThrow(
      'claim default/c: number of requested devices 33 exceeds the claim limit of 32',
    );
  });
});

describe('what devices share', () => {
  test('is not given twice: counters of a pool', () => {
    const consumes = (value: string) => [{ counterSet: 's', counters: { memory: { value } } }];
    const counters = slice([], {
      devices: undefined,
      sharedCounters: [{ name: 's', counters: { memory: { value: '80Gi' } } }],
      pool: { name: 'p', generation: 1, resourceSliceCount: 2 },
    });
    const parts = slice(
      [
        { name: 'half-1', consumesCounters: consumes('40Gi') },
        { name: 'half-2', consumesCounters: consumes('40Gi') },
        { name: 'whole', consumesCounters: consumes('80Gi') },
      ],
      { pool: { name: 'p', generation: 1, resourceSliceCount: 2 } },
    );
    const all = [counters, parts];
    expect(names(all, [asking({ count: 2 })])).toEqual(['r=half-1', 'r=half-2']);
    expect(names(all, [asking({ count: 3 })])).toBe(none);
    expect(names(all, [asking()], { given: [result('whole')] })).toBe(none);
    expect(names(all, [asking()], { given: [result('half-1')] })).toEqual(['r=half-2']);
  });

  test('is not given twice: the capacity of a device that several may use', () => {
    const requestPolicy = { default: '1Gi', validRange: { min: '1Gi', step: '1Gi' } };
    const device = { name: 'x', allowMultipleAllocations: true, capacity: { memory: { value: '4Gi', requestPolicy } } };
    const wanting = (memory?: string) => asking(memory ? { capacity: { requests: { memory } } } : {});
    const taken = (memory: string) => ({ given: [result('x', { shareID: 's', consumedCapacity: { memory } })] });
    expect(allocate([slice([device])], [wanting('1500Mi')], taken('2Gi'))).toMatchObject({
      results: [{ devices: { results: [result('x', { shareID: 'share-0', consumedCapacity: { memory: '2Gi' } })] } }],
    });
    expect(names([slice([device])], [wanting('1500Mi')], taken('3Gi'))).toBe(none);
    expect(names([slice([device])], [wanting()], taken('3Gi'))).toEqual(['r=x']);
    expect(
      names([slice([device])], [wanting('1Gi'), { ...wanting('3Gi'), metadata: { name: 'd', uid: 'd' } }]),
    ).toEqual(['r=x', 'r=x']);
  });
});

test('a search that would take for ever ends', () => {
  const devices = Array.from({ length: 100 }, (_, at) => ({ name: `x${at}`, attributes: { n: { int: at } } }));
  const requests = Array.from({ length: 16 }, (_, at) => ({
    name: `r${at}`,
    exactly: { deviceClassName: 'any', count: 2 },
  }));
  const constraints = [{ requests: ['r15'], matchAttribute: `${driver}/n` }];
  const hopeless = claim('c', { requests, constraints });
  expect(names([slice(devices)], [hopeless])).toBe('timed out trying to allocate devices');
  let looks = 0;
  expect(names([slice(devices)], [hopeless], { isLate: () => ++looks > 2 })).toBe(
    'timed out trying to allocate devices',
  );
});

describe('small worlds', () => {
  const device = fc.record({
    group: fc.integer({ min: 0, max: 2 }),
    fast: fc.boolean(),
    cost: fc.integer({ min: 0, max: 2 }),
    tainted: fc.integer({ min: 0, max: 4 }).map((chance) => chance === 0),
  });
  const exact = fc.record({ deviceClassName: fc.constantFrom('any', 'fast'), count: fc.integer({ min: 1, max: 2 }) });
  const request = fc.oneof(
    exact.map((exactly) => ({ exactly })),
    fc.tuple(exact, exact).map(([a, b]) => ({
      firstAvailable: [
        { name: 'a', ...a },
        { name: 'b', ...b },
      ],
    })),
  );
  const constraint = fc.constantFrom<DeviceConstraint[]>(
    [],
    [{ matchAttribute: `${driver}/group` }],
    [{ distinctAttribute: `${driver}/group` }],
  );
  const oneClaim = fc.record({ requests: fc.array(request, { minLength: 1, maxLength: 2 }), constraints: constraint });
  const world = fc.record({
    devices: fc.array(device, { minLength: 1, maxLength: 5 }),
    counter: fc.integer({ min: 0, max: 4 }),
    claims: fc.array(oneClaim, { minLength: 1, maxLength: 2 }),
    used: fc.integer({ min: -3, max: 4 }),
  });

  type SmallWorld = typeof world extends fc.Arbitrary<infer W> ? W : never;

  interface Choice {
    claim: number;
    device: number;
  }

  /** By rules of its own: every way to give devices, until one is sound. */
  function canBeServed({ devices, counter, claims, used }: SmallWorld): boolean {
    const isSound = (choices: readonly Choice[]) => {
      const given = choices.map((one) => one.device);
      if (new Set(given).size < given.length || given.includes(used)) return false;
      const all = used >= 0 && used < devices.length ? [...given, used] : given;
      const spent = all.reduce((sum, at) => sum + devices[at]!.cost, 0);
      if (given.some((at) => devices[at]!.cost > 0) && spent > counter) return false;
      return claims.every(({ constraints }, claimAt) => {
        const groups = choices.filter((one) => one.claim === claimAt).map((one) => devices[one.device]!.group);
        const [rule] = constraints;
        if (!rule) return true;
        const distinct = new Set(groups).size;
        return rule.matchAttribute ? distinct <= 1 : distinct === groups.length;
      });
    };
    const slots = claims.flatMap(({ requests }, claimAt) =>
      requests.map((one) => ({ claim: claimAt, options: 'exactly' in one ? [one.exactly] : one.firstAvailable })),
    );
    const search = (at: number, choices: readonly Choice[]): boolean => {
      const slot = slots[at];
      if (!slot) return isSound(choices);
      return slot.options.some(({ deviceClassName, count }) => {
        const fitting = devices.flatMap(({ fast, tainted }, device) =>
          !tainted && (deviceClassName === 'any' || fast) ? [device] : [],
        );
        const pick = (left: number, from: number, picked: readonly Choice[]): boolean => {
          if (left === 0) return search(at + 1, [...choices, ...picked]);
          return fitting
            .slice(from)
            .some((device, step) => pick(left - 1, from + step + 1, [...picked, { claim: slot.claim, device }]));
        };
        return pick(count, 0, []);
      });
    };
    return search(0, []);
  }

  test('are served exactly when there is a way, and then soundly', () => {
    fc.assert(
      fc.property(world, (given) => {
        const pool = { name: 'p', generation: 1, resourceSliceCount: 2 };
        const devices = given.devices.map(
          ({ group, fast, cost, tainted }, at): Device => ({
            name: `x${at}`,
            attributes: { group: { int: group }, fast: { bool: fast } },
            ...(cost > 0 && { consumesCounters: [{ counterSet: 's', counters: { c: { value: String(cost) } } }] }),
            ...(tainted && { taints: [{ key: 'k', effect: 'NoSchedule' }] }),
          }),
        );
        const sharedCounters = [{ name: 's', counters: { c: { value: String(given.counter) } } }];
        const slices = [slice(devices, { pool }), slice([], { devices: undefined, sharedCounters, pool })];
        const claims = given.claims.map(({ requests, constraints }, at) =>
          claim(`c${at}`, { requests: requests.map((one, place) => ({ name: `r${place}`, ...one })), constraints }),
        );
        const before = given.used >= 0 ? [result(`x${given.used}`)] : [];
        const allocated = allocate(slices, claims, { given: before });
        expect('results' in allocated).toBe(canBeServed(given));
        if (!('results' in allocated)) return;
        const all = allocated.results.flatMap(({ devices: one }) => one!.results!.map(({ device: name }) => name));
        expect(new Set([...all, ...before.map(({ device: name }) => name)]).size).toBe(all.length + before.length);
      }),
      { numRuns: 400 },
    );
  });
});
