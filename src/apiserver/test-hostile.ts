/** Bodies and queries of a megabyte made to be slow or deep, for tests and for the benchmark of the event loop. */
import type { Sent } from './test-call.js';

const size = 1 << 20;
const pods = '/api/v1/namespaces/default/pods';
export const maps = '/api/v1/namespaces/default/configmaps';
export const deployments = '/apis/apps/v1/namespaces/default/deployments';

const fill = (text: string) => text.repeat(Math.floor(size / text.length));
const many = (count: number, each: (index: number) => string) =>
  Array.from({ length: count }, (_, i) => each(i)).join(',');
const nested = (open: string, close: string) => open.repeat(size / 2) + close.repeat(size / 2);
const fields = many(40_000, (i) => `"k${i}":"v"`);
const named = (rest: string) => `{"metadata":{"name":"z"},${rest}}`;
const managed = (set: string) =>
  `{"metadata":{"managedFields":[{"manager":"m","operation":"Update","apiVersion":"v1","fieldsType":"FieldsV1","fieldsV1":${set}}]}}`;
const bytes = (fillWith: number) => Buffer.concat([Buffer.from('k8s\0'), Buffer.alloc(size, fillWith)]);

const yaml = 'application/yaml';
const protobuf = 'application/vnd.kubernetes.protobuf';
const jsonPatch = 'application/json-patch+json';
const mergePatch = 'application/merge-patch+json';
const strategic = 'application/strategic-merge-patch+json';
const apply = 'application/apply-patch+yaml';

export const created: Record<string, Sent & { path?: string }> = {
  'JSON of arrays': { body: fill('[') },
  'JSON of objects': { body: fill('{"a":') },
  'JSON that is deep in a field': { body: named(`"data":${nested('[', ']')}`) },
  'JSON with many keys': { body: named(`"data":{${fields}}`) },
  'JSON with many unknown keys': { body: named(fields) },
  'JSON with one key many times': { body: named(`"data":{${many(90_000, () => '"k":"v"')}}`) },
  'JSON with many bad labels': { body: `{"metadata":{"name":"z","labels":{${many(40_000, (i) => `"-${i}":"-"`)}}}}` },
  'JSON with many owners': {
    body: `{"metadata":{"name":"z","ownerReferences":[${many(9000, (i) => `{"apiVersion":"v1","kind":"K","name":"n","uid":"${i}"}`)}]}}`,
  },
  'JSON with a long number': { body: `{"metadata":{"name":"z","generation":${fill('9')}}}` },
  'JSON with a long name': { body: `{"metadata":{"name":"${fill('x')}"}}` },
  'JSON with a long time': { body: `{"metadata":{"name":"z","creationTimestamp":"${fill('2')}"}}` },
  'JSON with a long quantity': {
    ...{
      path: pods,
      body: named(`"spec":{"containers":[{"name":"a","resources":{"limits":{"cpu":"${fill('1')}"}}}]}`),
    },
  },
  'JSON with many containers': { path: pods, body: named(`"spec":{"containers":[${fill('{},')}{}]}`) },
  'YAML of flows': { type: yaml, body: fill('[') },
  'YAML of blocks': { type: yaml, body: Array.from({ length: 1400 }, (_, i) => `${' '.repeat(i)}a:`).join('\n') },
  'YAML of dashes': { type: yaml, body: fill('- ') },
  'YAML of colons': { type: yaml, body: fill(': ') },
  'YAML of question marks': { type: yaml, body: fill('? ') },
  'YAML of quotes': { type: yaml, body: fill('"') },
  'YAML of anchors': { type: yaml, body: fill('&a ') },
  'YAML of aliases': { type: yaml, body: `a: &a [x]\nb: [${fill('*a,')}*a]` },
  'YAML of a long number': { type: yaml, body: `a: ${fill('9')}` },
  'YAML of a long plain text': { type: yaml, body: `a: ${fill('x\n ')}` },
  'YAML of comments': { type: yaml, body: fill('#\n') },
  'protobuf of zeros': { type: protobuf, body: bytes(0) },
  'protobuf of ones': { type: protobuf, body: bytes(0xff) },
  'protobuf of empty fields': { type: protobuf, body: bytes(0x12) },
};

export const patched: Record<string, Sent & { path?: string }> = {
  'many operations': { type: jsonPatch, body: `[${fill('{},')}{}]` },
  'insertions at the front': {
    ...{ path: `${deployments}/d`, type: jsonPatch },
    body: `[${many(10_000, () => '{"op":"add","path":"/spec/template/spec/containers/0","value":{"name":"x"}}')}]`,
  },
  'copies of copies': { type: jsonPatch, body: `[${many(60, () => '{"op":"copy","from":"/data","path":"/data/b"}')}]` },
  'a deep path': { type: jsonPatch, body: `[{"op":"add","path":"${fill('/a')}","value":1}]` },
  'a deep value': { type: jsonPatch, body: `[{"op":"add","path":"/data/q","value":${nested('[', ']')}}]` },
  'a deep merge patch': { type: mergePatch, body: `${fill('{"a":')}1${'}'.repeat(Math.floor(size / 5))}` },
  'a wide merge patch': { type: mergePatch, body: `{"data":{${fields}}}` },
  'deep managed fields': { type: mergePatch, body: managed(`${fill('{"f:a":')}{}${'}'.repeat(Math.floor(size / 7))}`) },
  'wide managed fields': { type: mergePatch, body: managed(`{${many(40_000, (i) => `"f:k${i}":{}`)}}`) },
  'a strategic merge in another order': {
    ...{ path: `${deployments}/d`, type: strategic },
    body: `{"spec":{"template":{"spec":{"$setElementOrder/containers":[${many(9000, (i) => `{"name":"c${9000 - i}"}`)}],"containers":[${many(9000, (i) => `{"name":"c${9000 - i}"}`)}]}}}}`,
  },
  'an apply of many keys': {
    ...{ path: `${maps}/ap?fieldManager=m`, type: apply },
    body: `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"ap"},"data":{${fields}}}`,
  },
  'a deep apply': { path: `${maps}/ap?fieldManager=m`, type: apply, body: fill('{a: ') },
};

export const queries: Record<string, string> = {
  'a long label selector': `labelSelector=${fill('a%3Db,')}`,
  'a label selector of parentheses': `labelSelector=${fill('(')}`,
  'a label selector of many values': `labelSelector=a%20in%20(${fill('b,')}b)`,
  'a long field selector': `fieldSelector=${fill('metadata.name%3Db,')}metadata.name%3Db`,
  'a field selector of escapes': `fieldSelector=metadata.name%3D${fill('%5C,')}`,
  'a long continue token': `continue=${fill('A')}`,
  'a deep continue token': `continue=${Buffer.from(fill('[')).toString('base64url')}`,
  'a long resource version': `resourceVersion=${fill('9')}`,
  'many parameters': fill('a=b&'),
};
