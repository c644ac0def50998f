/** A real webhook on the loopback interface, for tests: answers what it is told to, and remembers what it was asked. */
import { generateKeyPairSync } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { encodeName, issueCertificate, toPem } from '#base/x509.js';

export interface Asked {
  path: string;
  headers: IncomingMessage['headers'];
  // biome-ignore lint/suspicious/noExplicitAny: tests look into reviews of any kind
  body: any;
}

export interface TestWebhook {
  port: number;
  url: string;
  /** As a clientConfig holds it. */
  caBundle: string;
  asked: Asked[];
  close(): Promise<void>;
}

export type Answering = (asked: Asked, response: ServerResponse) => unknown;

/** What `answer` gives is sent as JSON; undefined: it has answered, or never will. */
export async function startTestWebhook(
  answer: Answering,
  { names = ['hook.ns.svc'] }: { names?: string[] } = {},
): Promise<TestWebhook> {
  const { cert, key } = testCertificate(names);
  const asked: Asked[] = [];
  const server = createServer({ cert, key }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      const one = { path: request.url ?? '', headers: request.headers, body: text ? JSON.parse(text) : undefined };
      asked.push(one);
      const value = answer(one, response);
      if (value === undefined) return;
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(value));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `https://127.0.0.1:${port}`,
    caBundle: Buffer.from(cert).toString('base64'),
    asked,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** An answer of the version that was asked in. */
export function reviewed({ body }: Asked, response: object): object {
  return {
    apiVersion: body.apiVersion,
    kind: 'AdmissionReview',
    response: { uid: body.request.uid, allowed: true, ...response },
  };
}

export function jsonPatch(...operations: object[]): object {
  return { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(operations)).toString('base64') };
}

/** Signed by itself. */
export function testCertificate(names: string[]): { cert: string; key: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const der = issueCertificate({
    subject: { commonName: 'webhook' },
    names: { dns: names, addresses: ['127.0.0.1'] },
    publicKey,
    issuer: { subject: encodeName({ commonName: 'webhook' }), key: privateKey },
    serial: Buffer.alloc(8, 1),
    notBeforeMs: Date.UTC(2020, 0, 1),
    notAfterMs: Date.UTC(2045, 0, 1),
    authority: true,
    keyUsages: ['digitalSignature', 'keyCertSign'],
    extendedKeyUsages: ['serverAuth'],
  });
  return { cert: toPem('CERTIFICATE', der), key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}
