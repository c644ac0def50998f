/** Writes of large objects: others have their turns meanwhile, and who comes first still wins. */
import { afterAll, expect, it } from 'vitest';
import { call, objectOf, statusOf } from './test-call.js';
import { startTestServer } from './test-server.js';

const setup = startTestServer();
const { server } = setup;
afterAll(() => setup.close());

const path = '/api/v1/namespaces/default/configmaps';
const manyKeys = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, 'v']));
const text = (value: unknown) => ({ body: JSON.stringify(value) });

interface Written {
  metadata: { resourceVersion: string };
  data: Record<string, string>;
}

it('lets others have their turns while a large object is written', async () => {
  let turns = 0;
  const count = () => {
    if (turns < 0) return;
    turns++;
    setImmediate(count);
  };
  setImmediate(count);
  const made = await call(server, 'POST', path, text({ metadata: { name: 'slow' }, data: manyKeys(40_000) }));
  const seen = turns;
  turns = -1;
  expect(statusOf(made).code).toBe(undefined);
  expect(seen).toBeGreaterThanOrEqual(3);
});

it('lets one of several large updates through that began from the same state', async () => {
  const keys = manyKeys(5000);
  const made = await call(server, 'POST', path, text({ metadata: { name: 'raced' }, data: keys }));
  const { resourceVersion } = (objectOf(made) as Written).metadata;
  const updates = ['a', 'b', 'c'].map((mark) =>
    call(
      server,
      'PUT',
      `${path}/raced`,
      text({ metadata: { name: 'raced', resourceVersion }, data: { ...keys, mark } }),
    ),
  );
  const outcomes = await Promise.all(updates);
  expect(outcomes.map((one) => statusOf(one).code).sort()).toEqual([409, 409, undefined].sort());
  const patches = ['x', 'y'].map((mark) =>
    call(server, 'PATCH', `${path}/raced`, {
      ...text({ data: { ...keys, [mark]: 'z' } }),
      type: 'application/merge-patch+json',
    }),
  );
  for (const one of await Promise.all(patches)) expect(statusOf(one).code).toBe(undefined);
  const { data } = objectOf(await call(server, 'GET', `${path}/raced`)) as Written;
  expect([data['x'], data['y']]).toEqual(['z', 'z']);
});
