/** A KMS plugin for tests: a gRPC server on a socket, whose key is its id. */
import http2 from 'node:http2';
import { decrypt, encrypt, status } from './messages.js';

export interface TestPlugin {
  keyId: string;
  healthz: string;
  version: string;
  /** Calls by the last part of their path. */
  readonly calls: Record<string, number>;
  close(): Promise<void>;
}

const keyName = 'key.example.com';

export async function startTestPlugin(socketPath: string, keyId: string): Promise<TestPlugin> {
  const sessions = new Set<http2.ServerHttp2Session>();
  const server = http2.createServer();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
  });
  const plugin: TestPlugin = {
    keyId,
    healthz: 'ok',
    version: 'v2',
    calls: {},
    async close() {
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  server.on('stream', (stream, { ':path': path = '' }) => {
    const call = path.slice(path.lastIndexOf('/') + 1);
    plugin.calls[call] = (plugin.calls[call] ?? 0) + 1;
    const parts: Buffer[] = [];
    stream.on('error', () => {});
    stream.on('data', (part: Buffer) => parts.push(part));
    stream.on('end', () => {
      const body = answerTo(plugin, path, Buffer.concat(parts).subarray(5));
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () =>
        stream.sendTrailers(body ? { 'grpc-status': '0' } : { 'grpc-status': '3', 'grpc-message': 'not my key' }),
      );
      if (body) {
        const head = Buffer.alloc(5);
        head.writeUInt32BE(body.length, 1);
        stream.write(Buffer.concat([head, body]));
      }
      stream.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  return plugin;
}

function answerTo({ keyId, healthz, version }: TestPlugin, path: string, body: Buffer): Uint8Array | undefined {
  if (path === status.path) return status.response.encode({ healthz, version, keyId });
  if (path === encrypt.path) {
    const { plaintext } = encrypt.request.decode(body);
    const annotations = [{ key: keyName, value: Buffer.from(keyId) }];
    return encrypt.response.encode({ ciphertext: masked(plaintext, keyId), keyId, annotations });
  }
  const { ciphertext, keyId: by, annotations } = decrypt.request.decode(body);
  if (annotations[0]?.key !== keyName || annotations[0].value.toString() !== by) return undefined;
  return decrypt.response.encode({ plaintext: masked(ciphertext, by) });
}

function masked(bytes: Uint8Array, keyId: string): Uint8Array {
  return bytes.map((byte, index) => byte ^ keyId.charCodeAt(index % keyId.length));
}
