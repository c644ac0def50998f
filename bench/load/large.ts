/** An object near the limit of what is stored: made, read, and told to a watcher. */
import { ask, collection, openMany, type Part, timed } from './client.js';

const turns = 15;
/** A ConfigMap holds no more than 1 MiB. */
const payload = 'x'.repeat((1 << 20) - 64);
const large = (name: string, mark: number) =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { payload, mark: String(mark) } });

export const measureLarge: Part = async (load) => {
  const { request, report } = load;
  const [writer, watcher] = await openMany(request.access, 2);
  const made = await timed(load, turns, (turn) => ask(writer!, 'POST', collection, large(`large-${turn}`, 0)));
  report({ name: 'create of 1 MiB', unit: 'ms', samples: made });
  const read = await timed(load, turns, (turn) => ask(writer!, 'GET', `${collection}/large-${turn}`));
  report({ name: 'get of 1 MiB', unit: 'ms', samples: read });
  let seen: () => void = () => {};
  const next = () =>
    new Promise<void>((resolve) => {
      seen = resolve;
    });
  const first = next();
  watcher!.count(`${collection}?watch=true&fieldSelector=metadata.name%3Dlarge-0`, () => seen()).catch(() => {}); // closed by us
  await first;
  const told = await timed(load, turns, (turn) =>
    Promise.all([next(), ask(writer!, 'PUT', `${collection}/large-0`, large('large-0', turn + 1))]),
  );
  report({ name: 'write to event, 1 MiB', unit: 'ms', samples: told });
  await ask(writer!, 'DELETE', collection);
  writer!.close();
  watcher!.close();
};
