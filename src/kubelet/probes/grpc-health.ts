/** One call of grpc.health.v1.Health/Check over HTTP/2 in the clear; the two messages are small enough to do by hand. */
import { type ClientHttp2Session, connect, constants } from 'node:http2';
import type { Clock } from '#base/clock.js';
import { formatDuration } from '../go-text.js';
import { connectText } from './http-get.js';
import type { ProbeResult } from './probe-result.js';

const statusNames = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];
const serving = 1;
const answerBytesMax = 4096;

export interface GrpcTarget {
  /** `10.0.0.1:50051` */
  address: string;
  service: string;
  userAgent: string;
}

export async function checkHealth(
  target: GrpcTarget,
  options: { clock: Clock; timeoutMs: number },
): Promise<ProbeResult> {
  const { clock, timeoutMs } = options;
  const session = connect(`http://${target.address}`);
  let timedOut = false;
  const timer = clock.setTimer(timeoutMs, () => {
    timedOut = true;
    session.destroy();
  });
  try {
    const { grpcStatus, grpcMessage, body } = await call(session, target);
    if (grpcStatus !== '0') {
      const output =
        grpcStatus === '12'
          ? `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${grpcMessage}`
          : `error: health rpc probe failed: rpc error: code = ${grpcStatus} desc = ${grpcMessage}`;
      return { result: 'failure', output };
    }
    const status = decodeStatus(body);
    if (status === serving) return { result: 'success', output: 'service healthy' };
    return { result: 'failure', output: `service unhealthy (responded with "${statusNames[status] ?? status}")` };
  } catch (error) {
    const within = formatDuration(timeoutMs);
    const why = timedOut ? 'context deadline exceeded' : connectText(error);
    return {
      result: 'failure',
      output: `timeout: failed to connect service "${target.address}" within ${within}: ${why}`,
    };
  } finally {
    timer.cancel();
    session.destroy();
  }
}

function call(session: ClientHttp2Session, { address, service, userAgent }: GrpcTarget) {
  return new Promise<{ grpcStatus: string; grpcMessage: string; body: Buffer }>((resolve, reject) => {
    session.on('error', reject);
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: '/grpc.health.v1.Health/Check',
      [constants.HTTP2_HEADER_AUTHORITY]: address,
      'content-type': 'application/grpc',
      'user-agent': userAgent,
      te: 'trailers',
    });
    let grpc: Record<string, unknown> = {};
    const chunks: Buffer[] = [];
    let bytes = 0;
    // An error without a message comes with the first headers (trailers-only).
    stream.on('response', (headers) => (grpc = { ...grpc, ...headers }));
    stream.on('trailers', (trailers) => (grpc = { ...grpc, ...trailers }));
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= answerBytesMax) chunks.push(chunk);
    });
    stream.on('error', reject);
    stream.on('close', () => {
      if (grpc['grpc-status'] === undefined) reject(new Error('connection closed before an answer'));
      const grpcMessage = decodeURIComponent(String(grpc['grpc-message'] ?? ''));
      resolve({ grpcStatus: String(grpc['grpc-status']), grpcMessage, body: Buffer.concat(chunks) });
    });
    stream.end(encodeRequest(service));
  });
}

/** HealthCheckRequest { string service = 1 }, with gRPC's prefix: not compressed, length. */
export function encodeRequest(service: string): Buffer {
  const name = Buffer.from(service);
  const message = name.length > 0 ? Buffer.concat([Buffer.from([0x0a, name.length]), name]) : Buffer.alloc(0);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** HealthCheckResponse { ServingStatus status = 1 }, after the prefix; a zero is left out. */
export function decodeStatus(body: Buffer): number {
  const message = body.subarray(5);
  return message[0] === 0x08 ? (message[1] ?? 0) : 0;
}
