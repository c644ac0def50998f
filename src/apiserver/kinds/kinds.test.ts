/**
 * Holds every kind that is stored to a golden file: its defaults, what is said of wrong objects and changes, and its
 * rows in a table. `vitest -u` rewrites the files; the difference is reviewed against upstream's rules.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { AnyResource } from '#api/resource.js';
import type { KubeObject } from '#apimachinery/object.js';
import { tableOf } from '#apimachinery/table.js';
import { copy } from '#base/json.js';
import { call, objectOf } from '../test-call.js';
import { startTestServer } from '../test-server.js';
import type { KindCases, Patch } from './test-case.js';
import { cases, idOf, kinds, leastOf, merged } from './test-kinds.js';

const created = '2026-01-01T00:00:00Z';
const nowMs = Date.parse('2026-01-01T01:00:00Z');

test('every kind has its cases, and no file is of a kind that is not served', () => {
  expect(Object.keys(cases).sort()).toEqual(kinds.map(idOf).sort());
});

describe('the golden file of', () => {
  for (const kind of kinds) {
    const id = idOf(kind);
    test(id, async () => {
      const path = fileURLToPath(new URL(`./golden/${id}.txt`, import.meta.url));
      const text = `${(await describeKind(kind, cases[id] ?? { least: {} })).join('\n')}\n`;
      expect(existsSync(path) || process.env['CI'] === undefined, 'there is none').toBe(true);
      await expect(text).toMatchFileSnapshot(path);
    });
  }
});

async function describeKind(
  kind: AnyResource,
  { least, created: news, stored, changed, status, shown, name }: KindCases,
) {
  const tried = new Tried(kind, { least, name });
  const lines = ['DEFAULTS', ...indented(await tried.create({}, 'object'))];
  for (const patch of stored ?? [])
    lines.push('', `DEFAULTS ${JSON.stringify(patch)}`, ...indented(await tried.create(patch, 'object')));
  for (const patch of news ?? [])
    lines.push('', `CREATED ${JSON.stringify(patch)}`, ...indented(await tried.create(patch)));
  for (const change of changed ?? []) {
    const [from, to] = Array.isArray(change) ? (change as [Patch, Patch]) : [{}, change as Patch];
    const title = `CHANGED ${Array.isArray(change) ? `${JSON.stringify(from)} -> ` : ''}${JSON.stringify(to)}`;
    lines.push('', title, ...indented(await tried.change(from, to)));
  }
  for (const patch of status ?? [])
    lines.push('', `STATUS ${JSON.stringify(patch)}`, ...indented(await tried.setStatus(patch)));
  return [
    ...lines,
    '',
    ...tableLines(
      kind,
      (shown ?? [{}]).map((patch) => tried.stored(patch)),
    ),
  ];
}

const indented = (lines: readonly string[]) => lines.map((line) => `  ${line}`);

/** One kind, tried on servers of its own, which write nothing but what a change begins from. */
class Tried {
  readonly #kind: AnyResource;
  readonly #least: KubeObject;
  readonly #root: string;

  constructor(kind: AnyResource, of: Pick<KindCases, 'least' | 'name'>) {
    const { root, object } = leastOf(kind, of);
    this.#kind = kind;
    this.#root = root;
    this.#least = object;
  }

  /** As the server would keep it. */
  stored(patch: Patch): KubeObject {
    const object = this.#made({ metadata: { creationTimestamp: created }, ...copy(patch) });
    object.metadata.creationTimestamp = created;
    this.#kind.default?.(object);
    return object;
  }

  async create(patch: Patch, shows?: 'object'): Promise<string[]> {
    const { server, close } = startTestServer({ definitions: kinds });
    const outcome = await call(server, 'POST', `${this.#root}?dryRun=All`, { body: JSON.stringify(this.#made(patch)) });
    await close();
    return told(outcome, shows === 'object');
  }

  change(from: Patch, to: Patch): Promise<string[]> {
    return this.#write(from, { patch: to, suffix: '' });
  }

  setStatus(patch: Patch): Promise<string[]> {
    return this.#write({}, { patch, suffix: '/status' });
  }

  async #write(from: Patch, { patch, suffix }: { patch: Patch; suffix: string }): Promise<string[]> {
    const { server, close } = startTestServer({ definitions: kinds });
    const before = await call(server, 'POST', this.#root, { body: JSON.stringify(this.#made(from)) });
    if (before.error) return ['what it begins from is refused', ...told(before, false)];
    const old = objectOf(before) as KubeObject;
    const { generation, resourceVersion } = old.metadata;
    const next = suffix ? merged(old, patch) : this.#made(patch);
    next.metadata.resourceVersion = resourceVersion!;
    const target = `${this.#root}/${old.metadata.name}${suffix}?dryRun=All`;
    const outcome = await call(server, 'PUT', target, { body: JSON.stringify(next) });
    await close();
    if (outcome.error) return told(outcome, false);
    const now = (objectOf(outcome) as KubeObject).metadata.generation;
    return [...told(outcome, false), ...(now === generation ? [] : [`generation ${generation} -> ${now}`])];
  }

  #made(patch: Patch): KubeObject {
    return merged(this.#least, patch);
  }
}

/** The causes of a refusal, or the object if it is asked for; warnings in any case. */
function told(outcome: Awaited<ReturnType<typeof call>>, shows: boolean): string[] {
  const warnings = (outcome.warnings ?? []).map((warning) => `warning: ${warning}`);
  const { error } = outcome;
  if (!error) return [...warnings, ...(shows ? yamlLines(cleaned(objectOf(outcome) as KubeObject)) : ['accepted'])];
  const { status } = error as unknown as {
    status: { message: string; reason: string; details?: { causes?: Cause[] } };
  };
  const causes = status.details?.causes;
  if (status.reason !== 'Invalid' || !causes) return [...warnings, `${status.reason}: ${status.message}`];
  return [...warnings, ...causes.map(({ reason, field, message }) => `${field}: ${message}  (${reason})`)];
}

interface Cause {
  reason: string;
  field: string;
  message: string;
}

/** Without what differs from run to run. */
function cleaned(object: KubeObject): object {
  const { uid: _, creationTimestamp: __, managedFields: ___, resourceVersion: ____, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** One line for each leaf: `spec.containers[0].image: "busybox"`. */
function yamlLines(value: unknown, path = ''): string[] {
  const isTree = typeof value === 'object' && value !== null && Object.keys(value).length > 0;
  if (!isTree) return [`${path}: ${JSON.stringify(value)}`];
  if (Array.isArray(value)) return value.flatMap((one, index) => yamlLines(one, `${path}[${index}]`));
  return Object.entries(value as object).flatMap(([key, one]) => {
    const step = /^[\w$]+$/.test(key) ? `${path && '.'}${key}` : `[${key}]`;
    return one === undefined ? [] : yamlLines(one, path + step);
  });
}

function tableLines({ columns, rowConditions }: AnyResource, objects: readonly KubeObject[]): string[] {
  const table = tableOf({ columns, rowConditions, objects, metadata: {}, nowMs });
  const heads = (table.columnDefinitions ?? []).map(({ name, type, format, priority }) =>
    [name, `(${[type, format, priority ? 'wide' : ''].filter(Boolean).join(', ')})`].join(' '),
  );
  const rows = table.rows.map(({ cells, conditions }) =>
    [
      cells.map((cell) => JSON.stringify(cell)).join(' | '),
      ...(conditions ?? []).map((one) => JSON.stringify(one)),
    ].join('\n    '),
  );
  return ['TABLE', ...indented([heads.join(' | '), ...rows])];
}
