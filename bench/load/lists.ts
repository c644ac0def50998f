/** Lists of ten thousand objects: whole, from any version the server has, and in pages; and what they leave in memory. */
import { ask, collection, configMap, openMany, type Part, timed } from './client.js';

const stored = 10_000;
const pageSize = 500;
const writers = 16;
const turns = 5;

export const measureLists: Part = async (load) => {
  const { request, report } = load;
  const connections = await openMany(request.access, writers);
  const [reader] = connections;
  const before = request.server.rssMb();
  await Promise.all(
    connections.map(async (connection, worker) => {
      for (let index = worker; index < stored; index += writers)
        await ask(connection, 'POST', collection, configMap(`listed-${index}`));
    }),
  );
  const grown = ((request.server.rssMb() - before) * 1024) / stored;
  report({ name: `memory of the process, each of ${stored} objects of 1 KiB`, unit: 'kB', samples: [grown] });
  const kinds: Record<string, () => Promise<unknown>> = {
    whole: () => ask(reader!, 'GET', collection),
    'resourceVersion=0': () => ask(reader!, 'GET', `${collection}?resourceVersion=0`),
    [`pages of ${pageSize}`]: async () => {
      for (let next = ''; ; ) {
        const page = await ask(reader!, 'GET', `${collection}?limit=${pageSize}&continue=${next}`);
        next = /"continue":"([^"]*)"/.exec(page.toString('latin1', 0, 1000))?.[1] ?? '';
        if (!next) return;
      }
    },
  };
  for (const [name, list] of Object.entries(kinds))
    report({ name: `list of ${stored}, ${name}`, unit: 'ms', samples: await timed(load, turns, list) });
  await ask(reader!, 'DELETE', collection);
  for (const connection of connections) connection.close();
};
