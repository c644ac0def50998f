/** One port for both of DNS's transports (RFC 1035 section 4.2): a datagram socket and a listener for connections. */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';

export interface DnsSockets {
  udp: UdpSocket;
  tcp: Server;
  port: number;
}

/** A port that the system picks for datagrams may be taken for connections: then it picks another. */
const picksMax = 16;

/** Port 0 lets the system choose. Throws the system's error, such as EADDRINUSE, when the port cannot be had. */
export async function openDnsSockets(
  { address, port }: { address: string; port: number },
  serve: (connection: Socket) => void,
): Promise<DnsSockets> {
  for (let pick = 1; ; pick++) {
    const udp = await bindUdp(address, port);
    const bound = udp.address().port;
    try {
      return { udp, tcp: await listenTcp(address, bound, serve), port: bound };
    } catch (error) {
      udp.close();
      const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (!taken || port !== 0 || pick === picksMax) throw error;
    }
  }
}

function bindUdp(address: string, port: number): Promise<UdpSocket> {
  const udp = createSocket('udp4');
  return new Promise((resolve, reject) => {
    udp.once('error', reject);
    udp.bind({ address, port, exclusive: true }, () => {
      udp.off('error', reject);
      resolve(udp);
    });
  });
}

function listenTcp(host: string, port: number, serve: (connection: Socket) => void): Promise<Server> {
  const tcp = createServer(serve);
  return new Promise((resolve, reject) => {
    tcp.once('error', reject);
    tcp.listen({ host, port }, () => {
      tcp.off('error', reject);
      resolve(tcp);
    });
  });
}
