import { createSocket } from 'node:dgram';
import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type DnsSockets, openDnsSockets } from './sockets.js';

const opened: DnsSockets[] = [];
const blockers: Server[] = [];

async function open(port: number): Promise<DnsSockets> {
  const sockets = await openDnsSockets({ address: '127.0.0.1', port }, (connection) => connection.destroy());
  opened.push(sockets);
  return sockets;
}

async function listening(port: number): Promise<number> {
  const server = createServer();
  blockers.push(server);
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port }, resolve));
  return (server.address() as { port: number }).port;
}

afterEach(async () => {
  vi.restoreAllMocks();
  for (const { udp, tcp } of opened.splice(0)) {
    udp.close();
    tcp.close();
  }
  for (const server of blockers.splice(0)) server.close();
});

describe('the sockets of DNS', () => {
  it('have one port for both transports', async () => {
    const { udp, tcp, port } = await open(0);
    expect(port).toBeGreaterThan(0);
    expect(udp.address().port).toBe(port);
    expect(tcp.address()).toMatchObject({ port });
  });

  it('take another port when the one picked is taken for connections', async () => {
    const taken = await listening(0);
    const real = createSocket('udp4');
    // The system picks the taken port first: for datagrams it is free.
    const bind = vi.spyOn(Object.getPrototypeOf(real), 'bind').mockImplementationOnce(function (
      this: ReturnType<typeof createSocket>,
      ...words: unknown[]
    ) {
      bind.mockRestore();
      const [options, done] = words as [{ address: string }, () => void];
      return this.bind({ ...options, port: taken }, done);
    });
    const { port, tcp } = await open(0);
    real.close();
    expect(port).not.toBe(taken);
    expect(tcp.address()).toMatchObject({ port });
  });

  it('fail when the port that was asked for is taken', async () => {
    const taken = await listening(0);
    await expect(open(taken)).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});
