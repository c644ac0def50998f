/** Bodies and queries of a megabyte made to be slow or deep: each gets an answer, soon, and none that is our fault. */
import { beforeAll, describe, expect, it } from 'vitest';
import { call, type Sent, statusOf } from './test-call.js';
import { created, deployments, maps, patched, queries } from './test-hostile.js';
import { startTestServer } from './test-server.js';

describe('hostile requests', () => {
  const { server } = startTestServer();
  const send = async (method: string, target: string, sent?: Sent) => {
    // Of processor time: the machine may have more to do.
    const start = process.cpuUsage();
    const { code = 200 } = statusOf(await call(server, method, target, sent));
    expect(process.cpuUsage(start).user / 1000).toBeLessThan(10_000);
    return code;
  };

  beforeAll(async () => {
    await send('POST', maps, { body: '{"metadata":{"name":"a"},"data":{"x":"1"}}' });
    const template = '{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}';
    await send('POST', deployments, {
      body: `{"metadata":{"name":"d"},"spec":{"selector":{"matchLabels":{"a":"b"}},"template":${template}}}`,
    });
  });

  it.each(Object.entries(created))('creates from %s', async (_, { path = maps, ...sent }) => {
    expect(await send('POST', path, sent)).toBeLessThan(500);
  });

  it.each(Object.entries(patched))('patches by %s', async (_, { path = `${maps}/a`, ...sent }) => {
    expect(await send('PATCH', path, sent)).toBeLessThan(500);
  });

  it.each(Object.entries(queries))('lists by %s', async (_, query) => {
    expect(await send('GET', `${maps}?${query}`)).toBeLessThan(500);
  });
});
