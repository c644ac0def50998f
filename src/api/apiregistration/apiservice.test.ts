import { expect, test } from 'vitest';
import type { APIService } from '#api/gen/apiregistration-v1.js';
import resources from '../index.gen.js';
import type { AnyResource } from '../resource.js';
import { cells, createErrors, made, statusErrors } from '../test-kind.js';
import services from './apiservice.js';
import { localApiServices } from './local-services.js';

const spec = { group: 'example.com', version: 'v1', groupPriorityMinimum: 100, versionPriority: 10 };
const service = { name: 'api', namespace: 'default' };
const of = (more: object, name = 'v1.example.com') => made<APIService>(services, { spec: { ...spec, ...more } }, name);

test.each<[string, APIService, string[]]>([
  [
    'is called by version and group',
    of({}, 'example'),
    ['metadata.name: Invalid value: "example": must be `spec.version+"."+spec.group`: "v1.example.com"'],
  ],
  ['may be of the core group', of({ group: '' }, 'v1.'), []],
  [
    'has priorities',
    of({ groupPriorityMinimum: 20001, versionPriority: 0 }),
    [
      'spec.groupPriorityMinimum: Invalid value: 20001: must be positive and less than 20000',
      'spec.versionPriority: Invalid value: 0: must be positive and less than 1000',
    ],
  ],
  [
    'of this server needs no trust',
    of({ caBundle: 'AAAA', insecureSkipTLSVerify: true }),
    [
      'spec.caBundle: Invalid value: "3 bytes": local APIServices may not have a caBundle',
      'spec.insecureSkipTLSVerify: Invalid value: true: local APIServices may not have insecureSkipTLSVerify',
    ],
  ],
  [
    'trusts or not',
    of({ service, caBundle: 'AAAA', insecureSkipTLSVerify: true }),
    ['spec.insecureSkipTLSVerify: Invalid value: true: may not be true if caBundle is present'],
  ],
  [
    'names a service',
    of({ service: { port: 70000 } }),
    [
      'spec.service.namespace: Required value',
      'spec.service.name: Required value',
      'spec.service.port: Invalid value: 70000: port is not valid: must be between 1 and 65535, inclusive',
    ],
  ],
])('an APIService %s', (_, object, messages) => {
  expect(createErrors(services, object)).toEqual(messages);
});

test('the port is that of HTTPS', () => {
  expect(of({ service }).spec?.service).toEqual({ ...service, port: 443 });
});

test('what this server serves is available at once', () => {
  const local = of({});
  services.prepareForCreate!(local);
  expect(local.status?.conditions).toEqual([
    {
      type: 'Available',
      status: 'True',
      lastTransitionTime: '2026-01-01T00:00:00Z',
      reason: 'Local',
      message: 'Local APIServices are always available',
    },
  ]);
  expect(cells(services, local)).toEqual(['v1.example.com', 'Local', 'True', '60m']);
  const remote = of({ service });
  services.prepareForCreate!(remote);
  expect(cells(services, remote)).toEqual(['v1.example.com', 'default/api', 'Unknown', '60m']);
  remote.status = { conditions: [{ type: 'Available', status: 'False', reason: 'MissingEndpoints' }] };
  expect(cells(services, remote)[2]).toBe('False (MissingEndpoints)');
});

test('a status is True, False or Unknown', () => {
  const object = of({});
  object.status = { conditions: [{ type: 'Available', status: 'Yes' }] };
  expect(statusErrors(services, object)).toEqual([
    'status.conditions[0].status: Unsupported value: "Yes": supported values: "True", "False", "Unknown"',
  ]);
});

test('there is a valid one for each group and version of this server but that of APIServices', () => {
  const local = localApiServices(resources as AnyResource[]);
  for (const one of local) expect(createErrors(services, one), one.metadata.name).toEqual([]);
  const names = local.map(({ metadata }) => metadata.name);
  expect(names).toContain('v1.');
  expect(names).toContain('v1.rbac.authorization.k8s.io');
  expect(names).not.toContain('v1.apiregistration.k8s.io');
  expect(localApiServices([{ group: 'example.com', versions: ['v1'] } as never])).toEqual([]);
});
