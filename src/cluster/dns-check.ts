/** Asks a DNS server for the cluster's best-known name. */
import { createSocket } from 'node:dgram';
import packet from 'dns-packet';
import type { Clock } from '#base/clock.js';
import { CommandError } from './commands/failure.js';

const timeoutMs = 20_000;
const retryMs = 100;

/** Resolves with the address of the service `kubernetes`. Throws CommandError when no answer comes in time. */
export async function askDns(options: { server: string; port: number; domain: string; clock: Clock }): Promise<string> {
  const { clock, server, port } = options;
  const deadlineMs = clock.monotonic() + timeoutMs;
  while (clock.monotonic() < deadlineMs) {
    const answer = await askOnce(options);
    if (answer) return answer;
  }
  throw new CommandError(`cluster DNS at ${server}:${port} does not answer`);
}

function askOnce({ server, port, domain, clock }: Parameters<typeof askDns>[0]): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    const end = (settle: () => void) => {
      timer.cancel();
      socket.close();
      settle();
    };
    const timer = clock.setTimer(retryMs, () => end(() => resolve(undefined)));
    socket.on('error', (error) => end(() => reject(error)));
    socket.on('message', (bytes) => {
      const record = packet.decode(bytes).answers?.find(({ type }) => type === 'A');
      end(() => resolve(record && 'data' in record ? String(record.data) : undefined));
    });
    const questions = [{ type: 'A' as const, name: `kubernetes.default.svc.${domain}` }];
    socket.send(packet.encode({ type: 'query', id: 1, questions }), port, server);
  });
}
