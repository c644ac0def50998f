/** What must hold of every kind, whatever its rules: writes that say nothing new change nothing, and a difference undone restores. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AnyResource } from '#api/resource.js';
import { builtinSchemas } from '#api/schema-table.js';
import { isReason } from '#apimachinery/errors.js';
import type { KubeObject } from '#apimachinery/object.js';
import { isObject, type JsonObject } from '#apimachinery/patch.js';
import { encodeProtobuf, protobufMediaType } from '#apimachinery/protobuf/envelope.js';
import { copy, equal } from '#base/json.js';
import type { ApiServer } from '../server.js';
import { call, objectOf, type Sent } from '../test-call.js';
import { startTestServer } from '../test-server.js';
import type { KindCases, Patch } from './test-case.js';
import { kinds as all, cases, idOf, leastOf, merged } from './test-kinds.js';

const kinds = all.filter(({ verbs }) => verbs.includes('update'));

/** One object of a kind, by its path. */
class Place {
  readonly least: KubeObject;
  readonly #collection: string;
  readonly #path: string;
  readonly #server: ApiServer;

  constructor(kind: AnyResource, server: ApiServer) {
    const { name, root, object } = leastOf(kind, cases[idOf(kind)]!);
    this.#server = server;
    this.#collection = root;
    this.#path = `${root}/${name}`;
    this.least = object;
  }

  async #send(method: string, { query = '', ...sent }: Sent & { query?: string } = {}) {
    const target = method === 'POST' ? this.#collection : this.#path + query;
    const outcome = await call(this.#server, method, target, sent);
    if (outcome.error) throw outcome.error;
    return outcome;
  }

  async create(object: KubeObject): Promise<KubeObject> {
    return objectOf(await this.#send('POST', { body: JSON.stringify(object) })) as KubeObject;
  }

  async put(body: string | Uint8Array, type?: string): Promise<KubeObject> {
    return objectOf(await this.#send('PUT', { body, type })) as KubeObject;
  }

  async patch(type: string, body: unknown, query = ''): Promise<KubeObject> {
    return objectOf(await this.#send('PATCH', { body: JSON.stringify(body), type, query })) as KubeObject;
  }
}

describe.each(kinds.map((kind) => [idOf(kind), kind] as const))('%s', (_, kind) => {
  let place: Place;
  let close: () => Promise<void>;
  beforeEach(() => {
    const started = startTestServer({ definitions: kinds });
    place = new Place(kind, started.server);
    close = started.close;
  });
  afterEach(() => close());

  test('applied twice is applied once', async () => {
    const apply = () => place.patch('application/apply-patch+yaml', place.least, '?fieldManager=a');
    await apply();
    // Who applies nothing owns nothing, and the next to apply is told of managers before (`before-first-apply`).
    const twice = await apply();
    expect(await apply()).toEqual(twice);
  });

  test('what was read and is written back, or patched by nothing, changes nothing', async () => {
    const made = await place.create(place.least);
    expect(await place.put(JSON.stringify(made))).toEqual(made);
    expect(await place.put(encodeProtobuf(builtinSchemas, made), protobufMediaType)).toEqual(made);
    for (const type of ['merge', 'strategic-merge', 'json'])
      expect(await place.patch(`application/${type}-patch+json`, type === 'json' ? [] : {})).toEqual(made);
  });
});

test('a change is undone by the patch of the difference', async () => {
  let undone = 0;
  for (const kind of kinds)
    for (const [from, to] of changesOf(cases[idOf(kind)]!)) {
      const { server, close } = startTestServer({ definitions: [kind] });
      if (await isUndone(new Place(kind, server), from, to)) undone++;
      await close();
    }
  expect(undone).toBeGreaterThan(100);
});

/** From what is tried for the golden files: whatever may become of the smallest object, there and back. */
function changesOf({ changed = [], created = [], stored = [], shown = [] }: KindCases): [Patch, Patch][] {
  const named = changed.map((change) => (Array.isArray(change) ? change : [{}, change]) as [Patch, Patch]);
  return [
    ...named,
    ...[...created, ...stored, ...shown].flatMap((one): [Patch, Patch][] => [
      [{}, one],
      [one, {}],
    ]),
  ];
}

/** Whether the change could be made and unmade: many rules forbid either, and some are of names. */
async function isUndone(place: Place, from: Patch, to: Patch): Promise<boolean> {
  const before = await place.create(merged(place.least, from)).catch(refused);
  if (!before) return false;
  const wanted = merged(place.least, to);
  wanted.metadata.resourceVersion = before.metadata.resourceVersion!;
  const after = await place.put(JSON.stringify(wanted)).catch(refused);
  const patch = after && difference(bare(after), bare(before));
  const back = patch && (await place.patch('application/merge-patch+json', patch).catch(refused));
  if (back) expect(bare(back)).toEqual(bare(before));
  return back !== undefined;
}

function refused(error: unknown): undefined {
  if (!isReason(error, 'Invalid', 'Forbidden', 'BadRequest', 'NotFound')) throw error;
}

/** Without what the server counts and notes. */
function bare(object: KubeObject): JsonObject {
  const { resourceVersion: _, managedFields: __, generation: ___, annotations, ...metadata } = object.metadata;
  const { 'deprecated.daemonset.template.generation': ____, ...said } = annotations ?? {};
  return copy({ ...object, metadata: { ...metadata, annotations: said } }) as unknown as JsonObject;
}

/** The merge patch (RFC 7386) that makes `to` of `from`. */
function difference(from: JsonObject, to: JsonObject): JsonObject {
  const patch: JsonObject = {};
  for (const key of Object.keys(from)) if (!(key in to)) patch[key] = null;
  for (const [key, value] of Object.entries(to)) {
    const old = from[key];
    if (equal(old, value)) continue;
    patch[key] = isObject(old) && isObject(value) ? difference(old, value) : value;
  }
  return patch;
}
