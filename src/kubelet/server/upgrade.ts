/** Requests that become SPDY streams: what they ask for, and the answers to them, written by hand. */
import type { IncomingMessage } from 'node:http';
import { refuseUpgrade, type UpgradeRequest } from '#base/websocket.js';

const versionHeader = 'x-stream-protocol-version';

/** Protocols that the client offers for SPDY streams, its favourite first. */
export function offeredStreamProtocols({ headers }: IncomingMessage): string[] {
  return listed(headers[versionHeader]);
}

/** Chooses a protocol and says 101; undefined when the request has been refused. */
export function acceptSpdy({ request, socket }: UpgradeRequest, protocols: readonly string[]): string | undefined {
  const offered = offeredStreamProtocols(request);
  const chosen = offered.find((one) => protocols.includes(one));
  if (request.headers.upgrade?.toLowerCase() !== 'spdy/3.1') {
    const text = 'unable to upgrade: missing upgrade headers in request';
    return void refuseUpgrade(socket, { code: 400, text });
  }
  if (!chosen) {
    const accepted = protocols.join(' ');
    const client = offered.join(' ');
    const text =
      offered.length === 0
        ? 'unable to upgrade: X-Stream-Protocol-Version is required'
        : `unable to upgrade: unable to negotiate protocol: client supports [${client}], server accepts [${accepted}]`;
    const headers = { 'X-Accepted-Stream-Protocol-Versions': protocols.join(', ') };
    return void refuseUpgrade(socket, { code: offered.length === 0 ? 400 : 403, text, headers });
  }
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: SPDY/3.1'];
  socket.write(`${lines.join('\r\n')}\r\nX-Stream-Protocol-Version: ${chosen}\r\n\r\n`);
  return chosen;
}

function listed(header: string | string[] | undefined): string[] {
  const text = Array.isArray(header) ? header.join(',') : (header ?? '');
  return text.split(',').flatMap((one) => one.trim() || []);
}
