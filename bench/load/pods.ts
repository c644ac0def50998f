/** What pods that nobody runs leave in memory. */
import { ask, openMany, type Part } from './client.js';

const pods = '/api/v1/namespaces/default/pods';
/** First some by which the heap gets the size that it works with, then those that are measured. */
const [first, measured] = [3_000, 6_000];
const writers = 16;
/** With what the server adds, 3 KiB of JSON. */
const variables = 12;

export const measurePods: Part = async ({ request, report }) => {
  const connections = await openMany(request.access, writers);
  let made = 0;
  let bytes = 0;
  const makeUntil = (count: number) =>
    Promise.all(
      connections.map(async (connection) => {
        while (made < count) {
          const { length } = await ask(connection, 'POST', pods, pod(`stored-${made++}`));
          bytes += length;
        }
      }),
    );
  await makeUntil(first);
  const beforeMb = request.server.rssMb();
  await makeUntil(first + measured);
  const grownKb = ((request.server.rssMb() - beforeMb) * 1024) / measured;
  const sizeKib = (bytes / made / 1024).toFixed(1);
  report({ name: `memory of the process, each of ${measured} pods of ${sizeKib} KiB`, unit: 'kB', samples: [grownKb] });
  for (const connection of connections) connection.close();
};

/** For a scheduler that is not there. */
function pod(name: string): string {
  const env = Array.from({ length: variables }, (_, index) => ({ name: `VARIABLE_${index}`, value: `value-${index}` }));
  const containers = [{ name: 'main', image: 'registry.example/main:1', env }];
  const metadata = { name, labels: { app: 'stored' } };
  return JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata, spec: { schedulerName: 'nobody', containers } });
}
