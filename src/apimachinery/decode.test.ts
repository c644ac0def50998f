import { describe, expect, test } from 'vitest';
import { builtinSchemas as table } from '#api/schema-table.js';
import { atOnce } from '#base/turns.js';
import { formatYaml } from '#base/yaml.js';
import { depthMax, structsMax } from './codec/canonical.js';
import { type DecodeTarget, decodeJson, decodeValue } from './decode.js';
import { normalize } from './encode.js';
import { StatusError } from './errors.js';

const deployment = { group: 'apps', version: 'v1', kind: 'Deployment' };
const pod = { group: '', version: 'v1', kind: 'Pod' };
const configMap = { group: '', version: 'v1', kind: 'ConfigMap' };

function decode(body: unknown, target: Partial<DecodeTarget> = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  // biome-ignore lint/suspicious/noExplicitAny: tests look into objects of any kind
  return atOnce(decodeJson<any>(Buffer.from(text), { table, kind: pod, ...target }));
}

function refusal(body: unknown, target: Partial<DecodeTarget> = {}): string {
  try {
    decode(body, target);
  } catch (error) {
    expect(error).toBeInstanceOf(StatusError);
    expect((error as StatusError).code).toBe(400);
    expect((error as StatusError).reason).toBe('BadRequest');
    return (error as StatusError).message;
  }
  throw new Error('was decoded');
}

describe('bad JSON, in the words of Go', () => {
  const unrecognized = (cause: string, shown: string) =>
    `the object provided is unrecognized (must be of type Pod): couldn't get version/kind; json parse error: ${cause} (${shown})`;

  test.each([
    ['', 'unexpected end of JSON input', '<empty>'],
    ['{"a":', 'unexpected end of JSON input', '{"a":'],
    ['{"a":1,}', "invalid character '}' looking for beginning of object key string", '{"a":1,}'],
    ['{"a" 1}', "invalid character '1' after object key", '{"a" 1}'],
    ['{"a":[1 2]}', "invalid character '2' after array element", '{"a":[1 2]}'],
    ['{"a":1 "b"}', "invalid character '\"' after object key:value pair", '{"a":1 "b"}'],
    ['{"a":trve}', "invalid character 'v' in literal true (expecting 'u')", '{"a":trve}'],
    ['{"a":01}', "invalid character '1' after object key:value pair", '{"a":01}'],
    ['{"a":1.x}', "invalid character 'x' after decimal point in numeric literal", '{"a":1.x}'],
    ['{"a":"\\q"}', "invalid character 'q' in string escape code", '{"a":"\\q"}'],
    ['{"a":"\n"}', "invalid character '\\n' in string literal", '{"a":"\n"}'],
    ['{} x', "invalid character 'x' after top-level value", '{} x'],
    ['nonsense', "invalid character 'o' in literal null (expecting 'u')", '6e6f6e73656e7365'],
    ['{"metadata":{"name":"a-long-enough-name"', 'unexpected end of JSON input', '{"metadata":{"name":"a-long-en ...'],
  ])('%j', (text, cause, shown) => {
    expect(refusal(text)).toBe(unrecognized(cause, shown));
  });

  test('a value that is no object', () => {
    expect(refusal('[]')).toContain('json parse error: json: cannot unmarshal array into Go value of type struct {');
    expect(refusal('{"kind":1}')).toContain('json: cannot unmarshal number into Go struct field .kind of type string');
  });

  test('nesting has a limit, deep down in free-form values too', () => {
    const deep = `${'['.repeat(depthMax + 1)}${']'.repeat(depthMax + 1)}`;
    expect(refusal(`{"metadata":{"managedFields":[{"fieldsV1":${deep}}]}}`)).toContain('exceeded max depth');
    expect(refusal(`{"x":${deep}}`, { fieldValidation: 'Strict' })).toContain('exceeded max depth');
    expect(refusal(`{"x":${deep}}`, { kind: { group: 'x.io', version: 'v1', kind: 'X' } })).toContain('max depth');
  });
});

test('a body of very many empty structs is refused', () => {
  const containers = new Array(structsMax).fill({});
  expect(refusal({ spec: { containers } })).toContain(`more than ${structsMax} structs`);
});

describe('wrong types', () => {
  const inDeployment = 'Deployment in version "v1" cannot be handled as a Deployment: ';
  const template = (container: unknown) => ({ spec: { template: { spec: { containers: [container] } } } });

  test.each([
    [
      { spec: { replicas: '3' } },
      'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      { spec: { replicas: 1.5 } },
      'json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      { spec: { replicas: 2 ** 31 } },
      'json: cannot unmarshal number 2147483648 into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [{ spec: 'x' }, 'json: cannot unmarshal string into Go struct field Deployment.spec of type v1.DeploymentSpec'],
    [
      { metadata: { labels: { a: 1 } } },
      'json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string',
    ],
    [
      { metadata: { labels: ['a'] } },
      'json: cannot unmarshal array into Go struct field ObjectMeta.metadata.labels of type map[string]string',
    ],
    [
      { metadata: { finalizers: 'a' } },
      'json: cannot unmarshal string into Go struct field ObjectMeta.metadata.finalizers of type []string',
    ],
    [
      template('x'),
      'json: cannot unmarshal string into Go struct field PodSpec.spec.template.spec.containers of type v1.Container',
    ],
    [
      template({ name: true }),
      'json: cannot unmarshal bool into Go struct field Container.spec.template.spec.containers.name of type string',
    ],
    [
      template({ env: {} }),
      'json: cannot unmarshal object into Go struct field Container.spec.template.spec.containers.env of type []v1.EnvVar',
    ],
    [
      { metadata: { creationTimestamp: 'now' } },
      'parsing time "now" as "2006-01-02T15:04:05Z07:00": cannot parse "now" as "2006"',
    ],
    [
      { metadata: { creationTimestamp: '2026-13-01T00:00:00Z' } },
      'parsing time "2026-13-01T00:00:00Z": month out of range',
    ],
    [
      { metadata: { creationTimestamp: 5 } },
      'json: cannot unmarshal number into Go struct field ObjectMeta.metadata.creationTimestamp of type string',
    ],
    [
      template({ resources: { limits: { cpu: 'x' } } }),
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ],
    [
      template({ livenessProbe: { httpGet: { port: true } } }),
      'json: cannot unmarshal bool into Go struct field HTTPGetAction.spec.template.spec.containers.livenessProbe.ProbeHandler.httpGet.port of type int32',
    ],
    // Of several, the one that is written first; but what reads its values itself ends it all.
    [
      { spec: { replicas: 'a', paused: 1 } },
      'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      { spec: { paused: 1, replicas: 'a' } },
      'json: cannot unmarshal number into Go struct field DeploymentSpec.spec.paused of type bool',
    ],
    [
      { spec: { replicas: 'a' }, metadata: { creationTimestamp: 'now' } },
      'parsing time "now" as "2006-01-02T15:04:05Z07:00": cannot parse "now" as "2006"',
    ],
    [
      template({ env: [{ name: 1 }], ports: [{ containerPort: 'x' }] }),
      'json: cannot unmarshal number into Go struct field EnvVar.spec.template.spec.containers.env.name of type string',
    ],
  ])('%j', (body, message) => {
    expect(refusal(body, { kind: deployment })).toBe(inDeployment + message);
  });

  test('base64 names the byte', () => {
    const target = { kind: { group: '', version: 'v1', kind: 'Secret' } };
    const secret = (text: string) => refusal({ data: { a: text } }, target);
    const prefix = 'Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte ';
    expect(secret('hello')).toBe(`${prefix}4`);
    expect(secret('not base64')).toBe(`${prefix}3`);
    expect(secret('YQ=')).toBe(`${prefix}3`);
    expect(secret('YQ==YQ==')).toBe(`${prefix}4`);
  });

  test('whole numbers that JavaScript would round are kept', () => {
    const generation = (text: string) => decode(`{"metadata":{"generation":${text}}}`).object.metadata.generation;
    expect(generation('9007199254740991')).toBe(9007199254740991);
    expect(generation('9007199254740993')).toBe(9007199254740993n);
    expect(generation('-9223372036854775808')).toBe(-(2n ** 63n));
    const prefix = 'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal number';
    expect(refusal('{"metadata":{"generation":9223372036854775808}}')).toBe(
      `${prefix} 9223372036854775808 into Go struct field ObjectMeta.metadata.generation of type int64`,
    );
  });

  test('a whole number must be written as one, and a text is called by its name', () => {
    const prefix = 'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal number';
    expect(refusal('{"spec":{"priority":2.0}}')).toBe(
      `${prefix} 2.0 into Go struct field PodSpec.spec.priority of type int32`,
    );
    expect(refusal('{"spec":{"terminationGracePeriodSeconds": 1e3}}')).toBe(
      `${prefix} 1e3 into Go struct field PodSpec.spec.terminationGracePeriodSeconds of type int64`,
    );
    for (const [text, path, type] of [
      ['{"metadata":1.5}', 'Pod.metadata', 'v1.ObjectMeta'],
      ['{"metadata":{"labels":1.5}}', 'ObjectMeta.metadata.labels', 'map[string]string'],
      ['{"spec":{"containers":1.5}}', 'PodSpec.spec.containers', '[]v1.Container'],
      ['{"spec":{"hostname":1.5}}', 'PodSpec.spec.hostname', 'string'],
    ])
      expect(refusal(text)).toBe(`${prefix} into Go struct field ${path} of type ${type}`);
    expect(refusal('{"spec":{"restartPolicy":5}}')).toBe(
      `${prefix} into Go struct field PodSpec.spec.restartPolicy of type v1.RestartPolicy`,
    );
    expect(refusal('{"metadata":{"uid":5}}')).toBe(
      `${prefix} into Go struct field ObjectMeta.metadata.uid of type types.UID`,
    );
  });
});

describe('kinds', () => {
  test('what the body leaves out is as the endpoint expects', () => {
    expect(decode({}, { kind: deployment }).object).toMatchObject({ apiVersion: 'apps/v1', kind: 'Deployment' });
    expect(decode('null').object).toMatchObject({ apiVersion: 'v1', kind: 'Pod' });
  });

  test('unknown and foreign kinds are refused', () => {
    expect(refusal({ kind: 'Foo', apiVersion: 'v1' })).toBe(
      'Foo in version "v1" cannot be handled as a Pod: no kind "Foo" is registered for version "v1" in scheme "pkg/api/legacyscheme/scheme.go:30"',
    );
    expect(refusal({ kind: 'Service', apiVersion: 'v1' })).toBe(
      'Service in version "v1" cannot be handled as a Pod: converting (v1.Service) to (core.Pod): unknown conversion',
    );
    const v1 = { group: 'autoscaling', version: 'v1', kind: 'HorizontalPodAutoscaler' };
    expect(refusal({ kind: 'HorizontalPodAutoscaler', apiVersion: 'autoscaling/v2' }, { kind: v1 })).toBe(
      'the API version in the data (autoscaling/v2) does not match the expected API version (autoscaling/v1)',
    );
  });

  test('options stand in every group', () => {
    const target = {
      kind: { group: '', version: 'v1', kind: 'DeleteOptions' },
      typeName: 'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions',
    };
    const { object } = decode({ kind: 'DeleteOptions', apiVersion: 'apps/v1', gracePeriodSeconds: 0 }, target);
    expect(object).toEqual({ kind: 'DeleteOptions', apiVersion: 'apps/v1', gracePeriodSeconds: 0 });
  });

  test('a kind without schema passes through', () => {
    const body = { apiVersion: 'x.io/v1', kind: 'X', spec: { a: [null, 0, {}] }, metadata: {} };
    expect(decode(body, { kind: { group: 'x.io', version: 'v1', kind: 'X' } }).object).toEqual(body);
  });
});

describe('field validation', () => {
  const text =
    '{"data":{"a":"1","a":"2"},"foo":{"b":1,"b":2},"metadata":{"Name":"x","ownerReferences":[{"uuid":"1"}]},"data":{}}';
  const faults = [
    'duplicate field "data.a"',
    'unknown field "foo"',
    'unknown field "metadata.Name"',
    'unknown field "metadata.ownerReferences[0].uuid"',
    'duplicate field "data"',
  ];

  test('Ignore drops silently, Warn tells, Strict refuses', () => {
    const target = { kind: configMap };
    expect(decode(text, target).warnings).toEqual([]);
    const warned = decode(text, { ...target, fieldValidation: 'Warn' });
    expect(warned.warnings).toEqual(faults);
    expect(warned.object.foo).toBeUndefined();
    expect(refusal(text, { ...target, fieldValidation: 'Strict' })).toBe(
      `ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: ${faults.join(', ')}`,
    );
  });

  test('braces, colons and quotes inside strings are no keys', () => {
    const body = { data: { 'a:"b': '\\":{"a":1,"a":2}', c: '\\\\' } };
    expect(decode(body, { kind: configMap, fieldValidation: 'Strict' }).object.data).toEqual(body.data);
  });

  test('custom resources are watched for repeated fields only', () => {
    const kind = { group: 'x.io', version: 'v1', kind: 'X' };
    expect(decode('{"a":[{"b":1,"b":2}],"c":1}', { kind, fieldValidation: 'Warn' }).warnings).toEqual([
      'duplicate field "a[0].b"',
    ]);
  });

  test('a parsed value is checked for unknown fields', () => {
    const value = { spec: { foo: 1 } };
    const { warnings } = decodeValue(value, { table, kind: pod, fieldValidation: 'Warn' });
    expect(warnings).toEqual(['unknown field "spec.foo"']);
  });
});

describe('canonical form', () => {
  test("fields stand in upstream's order, with what upstream always writes", () => {
    const { object } = decode({
      spec: {
        nodeName: '',
        containers: [{ image: 'i', name: 'c', resources: { limits: { memory: 1024, cpu: '1000m' } }, ports: [] }],
      },
      metadata: { labels: { b: '1', a: '2' }, name: 'p', creationTimestamp: null, annotations: {} },
    });
    expect(JSON.stringify(object)).toBe(
      '{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p","labels":{"a":"2","b":"1"}},"spec":{"containers":[{"name":"c","image":"i","resources":{"limits":{"cpu":"1","memory":"1024"}}}]},"status":{}}',
    );
  });

  test('pointers keep zero, others lose it', () => {
    const { object } = decode({ spec: { replicas: 0, minReadySeconds: 0, paused: false } }, { kind: deployment });
    expect(object.spec.replicas).toBe(0);
    expect(object.spec).not.toHaveProperty('minReadySeconds');
    expect(object.spec.strategy).toEqual({});
    expect(object.spec.template).toEqual({ metadata: {}, spec: { containers: [] } });
  });

  test('times are whole seconds in UTC; an unset time is null', () => {
    const { object } = decode({
      metadata: { creationTimestamp: '2026-01-02T03:04:05.678+02:00' },
      status: { conditions: [{ type: 'Ready', status: 'True' }] },
    });
    expect(object.metadata.creationTimestamp).toBe('2026-01-02T01:04:05Z');
    expect(object.status.conditions).toEqual([
      { type: 'Ready', status: 'True', lastProbeTime: null, lastTransitionTime: null },
    ]);
    const lease = { group: 'coordination.k8s.io', version: 'v1', kind: 'Lease' };
    const renewed = (renewTime: string) => ({ spec: { renewTime } });
    expect(decode(renewed('2026-01-02T03:04:05.000001+01:00'), { kind: lease }).object.spec.renewTime).toBe(
      '2026-01-02T02:04:05.000001Z',
    );
    expect(refusal(renewed('2026-01-02T03:04:05Z'), { kind: lease })).toMatch(
      'parsing time "2026-01-02T03:04:05Z" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "Z" as ".000000"',
    );
  });

  test('a key named __proto__ is a key', () => {
    const { object } = decode('{"data":{"__proto__":"x","a":"y"}}', { kind: configMap });
    expect(JSON.stringify(object.data)).toBe('{"__proto__":"x","a":"y"}');
  });

  test('is a fixed point, and leaves its input alone', () => {
    const input = Object.freeze({ spec: Object.freeze({ containers: Object.freeze([{ name: 'c' }]) }) });
    const once = normalize<unknown>(table, 'io.k8s.api.core.v1.Pod', input);
    expect(JSON.stringify(normalize(table, 'io.k8s.api.core.v1.Pod', once))).toBe(JSON.stringify(once));
  });

  test('schemas of custom resources keep their alternatives', () => {
    const kind = { group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition' };
    const openAPIV3Schema = {
      type: 'object',
      default: { a: null },
      items: [{ type: 'string' }],
      additionalProperties: false,
      dependencies: { a: ['b'], c: { type: 'string' } },
      'x-kubernetes-preserve-unknown-fields': true,
    };
    const { object } = decode({ spec: { versions: [{ name: 'v1', schema: { openAPIV3Schema } }] } }, { kind });
    expect(object.spec.versions[0].schema.openAPIV3Schema).toEqual(openAPIV3Schema);
  });
});

describe('the schema table', () => {
  test('knows no type by a name from Object.prototype', () => {
    expect(table.type('constructor')).toBeUndefined();
    expect(table.type('toString.x')).toBeUndefined();
    expect(table.kind({ group: '', version: 'v1', kind: '__proto__' })).toBeUndefined();
  });

  test('every type resolves and has a canonical empty value', () => {
    for (const name of table.names()) {
      const type = table.type(name)!;
      expect(type.name).toBe(name);
      if (!type.codec) expect(() => normalize(table, name, {})).not.toThrow();
    }
  });
});

describe('what nobody has set', () => {
  const role = { group: 'rbac.authorization.k8s.io', version: 'v1', kind: 'Role' };
  const claim = { group: '', version: 'v1', kind: 'PersistentVolumeClaim' };

  test.each(['{}', '{"rules":null}', '{"rules":[]}'])('is a list to code and null in JSON: %s', (text) => {
    const { object } = decode(text, { kind: role });
    expect([...object.rules]).toEqual([]);
    expect(JSON.stringify(object)).toContain('"rules":null');
    expect(formatYaml(object)).toContain('rules: null');
    object.rules.push({ verbs: ['get'] });
    expect(JSON.stringify(object)).toContain('"rules":[{"verbs":["get"]}]');
  });

  test('is shown where a reference may say more', () => {
    const spec = { dataSource: { kind: 'PersistentVolumeClaim', name: 'x' } };
    const { object } = decode({ spec }, { kind: claim });
    expect(JSON.stringify(object)).toContain('"dataSource":{"apiGroup":null,"kind"');
  });
});
