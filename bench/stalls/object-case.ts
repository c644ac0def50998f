/** One request after the other that a large object can be sent in. */
import { builtinSchemas } from '#api/schema-table.js';
import { parseApiVersion } from '#apimachinery/object.js';
import { encodeProtobuf, hasProtobuf, protobufMediaType } from '#apimachinery/protobuf/envelope.js';
import type { LargeObject } from './large-object.js';
import { yamlOf } from './text.js';

export interface Sent {
  method: string;
  path: string;
  type?: string;
  accept?: string;
  body?: string | Uint8Array;
}

interface Step {
  name: string;
  sent: Sent;
}

/** Made when it is its turn: all of them together would fill the memory. */
export interface Case {
  name: string;
  /** Measured one by one; the name of each says what it does. */
  steps(): Iterable<Step>;
}

const types = {
  json: 'application/json',
  yaml: 'application/yaml',
  jsonPatch: 'application/json-patch+json',
  mergePatch: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

/** What can be done with one object, in an order in which each finds what it needs. */
export function objectCase(name: string, make: () => LargeObject): Case {
  return {
    name,
    *steps() {
      const large = make();
      for (const [name, sent] of Object.entries({ ...creations(large), ...reads(large), ...changes(large) })) {
        yield { name, sent: sent() };
      }
    },
  };
}

type Steps = Record<string, () => Sent>;

function nameOf({ kind }: LargeObject): string {
  return kind === 'CustomResourceDefinition' ? 'larges.stalls.example.com' : 'large';
}

function wholeOf(large: LargeObject, labels?: object) {
  const { apiVersion, kind, fields, metadata } = large;
  const all = labels && { labels: { ...(metadata?.['labels'] as object), ...labels } };
  return { apiVersion, kind, metadata: { name: nameOf(large), ...metadata, ...all }, ...fields };
}

function creations(large: LargeObject): Steps {
  const { path, apiVersion, kind } = large;
  const dry = `${path}?dryRun=All`;
  const type = builtinSchemas.kind({ ...parseApiVersion(apiVersion), kind });
  const protobuf = () => encodeProtobuf(builtinSchemas, wholeOf(large));
  return {
    'create, YAML': () => ({ method: 'POST', path: dry, type: types.yaml, body: yamlOf(wholeOf(large)) }),
    ...(type &&
      hasProtobuf(builtinSchemas, type.name) && {
        'create, protobuf': () => ({ method: 'POST', path: dry, type: protobufMediaType, body: protobuf() }),
      }),
    'create, JSON': () => ({ method: 'POST', path, body: JSON.stringify(wholeOf(large)) }),
  };
}

function reads(large: LargeObject): Steps {
  const path = `${large.path}/${nameOf(large)}`;
  return {
    'read, JSON': () => ({ method: 'GET', path }),
    'read, protobuf': () => ({ method: 'GET', path, accept: `${protobufMediaType}, ${types.json}` }),
    'read, table': () => ({ method: 'GET', path, accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' }),
  };
}

function changes(large: LargeObject): Steps {
  const { metadata, fields } = large;
  const path = `${large.path}/${nameOf(large)}`;
  const patch = (type: string, body: () => string, query = '') => {
    return () => ({ method: 'PATCH', path: `${path}${query}`, type, body: body() });
  };
  const merged = () => JSON.stringify({ metadata: { ...metadata, labels: { b: 'c' } }, ...fields });
  const operations = Object.entries(fields).map(([key, value]) => ({ op: 'replace', path: `/${key}`, value }));
  return {
    'update, JSON': () => ({ method: 'PUT', path, body: JSON.stringify(wholeOf(large, { c: 'd' })) }),
    'JSON patch': patch(types.jsonPatch, () => JSON.stringify(operations)),
    'merge patch': patch(types.mergePatch, merged),
    'strategic merge patch': patch(types.strategic, merged),
    apply: patch(types.apply, () => JSON.stringify(wholeOf(large)), '?fieldManager=a&force=true'),
    'apply, another manager': patch(
      types.apply,
      () => JSON.stringify(wholeOf(large, { e: 'f' })),
      '?fieldManager=b&force=true',
    ),
    'small patch': patch(types.mergePatch, () => '{"metadata":{"labels":{"g":"h"}}}'),
    delete: () => ({ method: 'DELETE', path: `${path}?gracePeriodSeconds=0` }),
    'drop finalizers': patch(types.mergePatch, () => '{"metadata":{"finalizers":null}}'),
  };
}
