import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { CertificateSigningRequest } from '#api/gen/certificates-v1.js';
import type { EndpointSlice } from '#api/gen/discovery-v1.js';
import type { Event } from '#api/gen/events-v1.js';
import type { PriorityClass } from '#api/gen/scheduling-v1.js';
import { collect } from '#apimachinery/field-error.js';
import localReviews from './authorization/localsubjectaccessreview.js';
import reviews from './authorization/subjectaccessreview.js';
import signingRequests from './certificates/certificatesigningrequest.js';
import { approvalRules } from './certificates/rules.js';
import leases from './coordination/lease.js';
import slices from './discovery/endpointslice.js';
import events from './events/event.js';
import priorityClasses from './scheduling/priorityclass.js';

const texts = (errors: readonly { message: string }[] | undefined) => errors!.map(({ message }) => message);

describe('an EndpointSlice', () => {
  const of = (more: Partial<EndpointSlice>): EndpointSlice => {
    const slice: EndpointSlice = {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'web-1', namespace: 'default' },
      addressType: 'IPv4',
      ...more,
    };
    slices.default!(slice);
    return slice;
  };

  test('has names and protocols for its ports', () => {
    expect(of({ ports: [{ port: 80 }] }).ports).toEqual([{ name: '', port: 80, protocol: 'TCP' }]);
    expect(texts(slices.validate!(of({ ports: [{ port: 80 }, { port: 81 }] })))).toEqual([
      'ports[1].name: Duplicate value: ""',
    ]);
  });

  test('has addresses of its type, not too many', () => {
    expect(texts(slices.validate!(of({ endpoints: [{ addresses: [] }] })))).toEqual([
      'endpoints[0].addresses: Required value: must contain at least 1 address',
    ]);
    expect(texts(slices.validate!(of({ endpoints: [{ addresses: ['fd00::1'] }] })))).toEqual([
      'endpoints[0].addresses: Invalid value: "fd00::1": must be an IPv4 address',
    ]);
    expect(texts(slices.validate!(of({ endpoints: [{ addresses: ['web'] }] })))).toEqual([
      'endpoints[0].addresses[0]: Invalid value: "web": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ]);
    const endpoints = Array.from({ length: 1001 }, () => ({ addresses: ['10.0.0.1'] }));
    expect(texts(slices.validate!(of({ endpoints })))).toEqual([
      'endpoints: Too many: 1001: must have at most 1000 items',
    ]);
    expect(texts(slices.validate!(of({ addressType: 'IP' })))).toEqual([
      'addressType: Unsupported value: "IP": supported values: "FQDN", "IPv4", "IPv6"',
    ]);
  });

  test('shows its first addresses', () => {
    const endpoints = [{ addresses: ['1.1.1.1', '1.1.1.2'] }, { addresses: ['1.1.1.3'] }, { addresses: ['1.1.1.4'] }];
    const show = (slice: EndpointSlice) =>
      slices.columns!.slice(1, 4).map((column) => column.cell(slice, { nowMs: 0 }));
    expect(show(of({ endpoints, ports: [{ port: 80 }, { name: 'all' }] }))).toEqual([
      'IPv4',
      '80,all',
      '1.1.1.1,1.1.1.2,1.1.1.3 + 1 more...',
    ]);
    expect(show(of({}))).toEqual(['IPv4', '<unset>', '<unset>']);
  });
});

test('a Lease lasts, and changes hands no less than never', () => {
  const lease = {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {},
    spec: { leaseDurationSeconds: 0, leaseTransitions: -1 },
  };
  expect(texts(leases.validate!(lease))).toEqual([
    'spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0',
    'spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0',
  ]);
});

describe('a PriorityClass', () => {
  const of = (name: string, value: number): PriorityClass => ({
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name },
    value,
  });

  test('of a user is below those of the system, by name and value', () => {
    expect(priorityClasses.validateCreate!(of('high', 1_000_000_000))).toEqual([]);
    expect(texts(priorityClasses.validateCreate!(of('high', 1_000_000_001)))).toEqual([
      'value: Forbidden: maximum allowed value of a user defined priority is 1000000000',
    ]);
    expect(texts(priorityClasses.validateCreate!(of('system-mine', 1)))).toEqual([
      "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: system-mine is not a known system priority class",
    ]);
    expect(priorityClasses.validateCreate!(of('system-node-critical', 2_000_001_000))).toEqual([]);
  });

  test('keeps its value', () => {
    expect(texts(priorityClasses.validateUpdate!(of('high', 2), of('high', 1)))).toEqual([
      'value: Forbidden: may not be changed in an update.',
    ]);
  });
});

describe('a CertificateSigningRequest', () => {
  const of = (more: Partial<CertificateSigningRequest['spec']>): CertificateSigningRequest => ({
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name: 'node' },
    spec: {
      request: Buffer.from('nothing').toString('base64'),
      signerName: 'example.com/signer',
      usages: ['client auth'],
      ...more,
    },
  });

  test('holds a request for a certificate', () => {
    expect(texts(signingRequests.validate!(of({})))).toEqual([
      'spec.request: Invalid value: "bm90aGluZw==": PEM block type must be CERTIFICATE REQUEST',
    ]);
    const { publicKey } = generateKeyPairSync('ed25519');
    const other = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    expect(texts(signingRequests.validate!(of({ request: Buffer.from(other).toString('base64') })))[0]).toContain(
      'PEM block type must be CERTIFICATE REQUEST',
    );
  });

  test('names a signer by domain, and usages that exist', () => {
    const messages = texts(
      signingRequests.validate!(of({ signerName: 'signer', usages: ['a', 'any', 'any'], expirationSeconds: 5 })),
    ).slice(1);
    expect(messages[0]).toMatch(/^spec\.usages\[0\]: Unsupported value: "a": supported values: "any", "cert sign"/);
    expect(messages.slice(1)).toEqual([
      'spec.usages[2]: Duplicate value: "any"',
      'spec.signerName: Invalid value: "signer": must be a fully qualified domain and path of the form \'example.com/signer-name\'',
      'spec.expirationSeconds: Invalid value: 5: may not specify a duration less than 600 seconds (10 minutes)',
    ]);
  });

  test('is approved or denied through approval only, for good', () => {
    const condition = (type: string) => ({ type, status: 'True' });
    const old = of({});
    const approved = { ...old, status: { conditions: [condition('Approved')] } };
    expect(texts(signingRequests.validateStatusUpdate!(approved, old))).toEqual([
      'status.conditions: Forbidden: updates may not add a condition of type "Approved"',
    ]);
    const both = { ...old, status: { conditions: [condition('Approved'), condition('Denied')] } };
    expect(texts(signingRequests.validateStatusUpdate!(both, both))).toEqual([
      'status.conditions: Invalid value: "Denied": Approved and Denied conditions are mutually exclusive',
    ]);
    const rules = approvalRules('2026-01-01T00:00:00Z');
    expect(texts(collect(rules.validate(old, approved)))).toContain(
      'status.conditions: Forbidden: updates may not remove a condition of type "Approved"',
    );
    const changed = { ...approved, spec: { ...old.spec, signerName: 'example.com/other' } };
    rules.prepare(changed, old);
    expect(changed.spec).toEqual(old.spec);
    expect(changed.status.conditions[0]).toMatchObject({ lastTransitionTime: '2026-01-01T00:00:00Z' });
    const failed = { ...approved, status: { conditions: [condition('Approved'), condition('Failed')] } };
    signingRequests.prepareForStatusUpdate!(failed, approved, { nowMs: 0 });
    expect(failed.status.conditions[1]).toMatchObject({ lastTransitionTime: '1970-01-01T00:00:00Z' });
  });

  test('shows how far it is', () => {
    const show = (status: CertificateSigningRequest['status']) =>
      signingRequests.columns!.at(-1)!.cell({ ...of({}), ...(status && { status }) }, { nowMs: 0 });
    expect(show(undefined)).toBe('Pending');
    expect(show({ conditions: [{ type: 'Approved', status: 'True' }], certificate: 'x' })).toBe('Approved,Issued');
    expect(show({ conditions: [{ type: 'Denied', status: 'True' }] })).toBe('Denied');
  });
});

describe('access reviews', () => {
  const metadata = {};
  const review = { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', metadata };

  test('ask one question about somebody', () => {
    expect(texts(reviews.validate!({ ...review, spec: {} }))).toEqual([
      'spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified',
      'spec.user: Invalid value: "": at least one of user or group must be specified',
    ]);
    const spec = { user: 'jane', resourceAttributes: {} };
    expect(texts(reviews.validate!({ ...review, metadata: { name: 'a' }, spec }))).toEqual([
      'metadata: Invalid value: {"name":"a"}: must be empty',
    ]);
  });

  test('of one namespace stay in it', () => {
    const spec = { user: 'jane', resourceAttributes: { namespace: 'b' } };
    const local = { ...review, kind: 'LocalSubjectAccessReview', metadata: { namespace: 'a' }, spec };
    expect(texts(localReviews.validate!(local))).toEqual([
      'spec.resourceAttributes.namespace: Invalid value: "b": must match metadata.namespace',
    ]);
  });
});

describe('an Event of events.k8s.io', () => {
  const of = (more: Partial<Event>): Event => ({
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name: 'a', namespace: 'default' },
    eventTime: '2026-01-01T00:00:00.000000Z',
    reportingController: 'example.com/me',
    reportingInstance: 'me-1',
    action: 'Bind',
    reason: 'Bound',
    type: 'Normal',
    regarding: { kind: 'Pod', name: 'web', namespace: 'default' },
    ...more,
  });

  test('says all that the newer sort says', () => {
    const check = (event: Event) => texts([...events.validate!(event), ...events.validateCreate!(event)]);
    expect(check(of({}))).toEqual([]);
    expect(check(of({ type: 'Odd', deprecatedCount: 2 }))).toEqual([
      'type: Invalid value: "": has invalid value: Odd',
      'count: Invalid value: "": needs to be unset',
    ]);
  });

  test('may only go on as a series', () => {
    const series = { count: 2, lastObservedTime: '2026-01-01T00:01:00.000000Z' };
    expect(events.validateUpdate!(of({ series }), of({}))).toEqual([]);
    expect(texts(events.validateUpdate!(of({ note: 'new' }), of({})))).toEqual([
      'message: Invalid value: "new": field is immutable',
    ]);
  });
});
