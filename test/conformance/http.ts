/** Plain HTTPS to the cluster under test, for what a typed client hides: headers, media types, status codes, raw paths. */
import type { IncomingHttpHeaders } from 'node:http';
import { Agent, request } from 'node:https';
import type { Access } from '#client/kubeconfig.js';

export interface Ask {
  method?: string;
  headers?: Record<string, string>;
  /** An object travels as JSON, a text as it is. */
  body?: object | string;
  /** Instead of the client certificate. */
  token?: string;
}

export interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  /** The body as JSON. Throws SyntaxError when it is none. */
  // biome-ignore lint/suspicious/noExplicitAny: what tests look into is for their expectations to hold up.
  readonly json: any;
}

export class Http {
  readonly #access: Access;
  readonly #asCertificate: Agent;
  readonly #asNobody: Agent;

  constructor(access: Access) {
    this.#access = access;
    const { certificateAuthority: ca, clientCertificate: cert, clientKey: key } = access;
    this.#asCertificate = new Agent({ keepAlive: true, ca, cert, key });
    this.#asNobody = new Agent({ keepAlive: true, ca });
  }

  send(path: string, { method = 'GET', headers = {}, body, token }: Ask = {}): Promise<Reply> {
    const text = typeof body === 'object' ? JSON.stringify(body) : body;
    const entity = text === undefined ? {} : { 'content-type': 'application/json' };
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const agent = token === undefined ? this.#asCertificate : this.#asNobody;
    return new Promise((resolve, reject) => {
      const sent = request(
        new URL(path, this.#access.server),
        { method, agent, headers: { accept: 'application/json', ...entity, ...authorization, ...headers } },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => resolve(replyOf(response.statusCode ?? 0, response.headers, chunks)));
        },
      );
      sent.on('error', reject);
      sent.end(text);
    });
  }

  close(): void {
    this.#asCertificate.destroy();
    this.#asNobody.destroy();
  }
}

function replyOf(status: number, headers: IncomingHttpHeaders, chunks: readonly Buffer[]): Reply {
  const text = Buffer.concat(chunks).toString();
  return {
    status,
    headers,
    text,
    get json() {
      return JSON.parse(text);
    },
  };
}
