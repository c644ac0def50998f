/** Discovery and OpenAPI: whole, and to clients that have them already and ask whether they still hold. */
import { openMany, type Part, timed } from './client.js';

const accept = 'application/json';
const documents = [
  {
    name: 'aggregated discovery',
    path: '/apis',
    accept: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
  },
  { name: 'OpenAPI v3 of apps/v1', path: '/openapi/v3/apis/apps/v1', accept },
  { name: 'OpenAPI v2', path: '/openapi/v2', accept },
];
const connectionCount = 16;
const turns = 5;

export const measureDocuments: Part = async (load) => {
  const { request, clock, report } = load;
  const connections = await openMany(request.access, connectionCount);
  for (const { name, path, accept } of documents) {
    let etag = '';
    const whole = await timed(load, turns, async () => {
      const { code, head } = await connections[0]!.request('GET', path, undefined, { accept });
      etag = /\r\netag: *(\S+)/i.exec(head)?.[1] ?? '';
      if (code !== 200 || !etag) throw new Error(`GET ${path} answered ${code} with ETag "${etag}"`);
    });
    report({ name: `${name}, whole`, unit: 'ms', samples: whole });
    let answers = 0;
    const startedMs = clock.monotonic();
    await Promise.all(
      connections.map(async (connection) => {
        for (; clock.monotonic() - startedMs < request.durationMs; answers++) {
          const { code } = await connection.request('GET', path, undefined, { accept, 'if-none-match': etag });
          if (code !== 304) throw new Error(`GET ${path} with its ETag answered ${code}`);
        }
      }),
    );
    const perSecond = (1000 * answers) / (clock.monotonic() - startedMs);
    report({ name: `${name}, 304 to ${connectionCount} connections`, unit: '1/s', samples: [perSecond] });
  }
  for (const connection of connections) connection.close();
};
