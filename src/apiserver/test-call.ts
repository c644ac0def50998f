/** One request as it comes over HTTP, for tests that look at what is answered and in which words. */
import type { Outcome } from './call.js';
import type { ApiServer } from './server.js';

export interface Sent {
  body?: string | Uint8Array;
  /** The Content-Type. */
  type?: string;
  accept?: string;
}

export function call(server: ApiServer, method: string, target: string, sent: Sent = {}): Promise<Outcome> {
  const { body = '', type = 'application/json', accept } = sent;
  return server.pipeline.handle({
    method,
    target,
    headers: { 'content-type': type, accept },
    rawHeaders: [],
    credentials: { bearerToken: 'jane' },
    source: '',
    readBody: async () => ({ bytes: Buffer.from(body as string) }),
    signal: new AbortController().signal,
  });
}

/** Of a failure. */
export function statusOf({ error }: Outcome): { code: number | undefined; message: string } {
  return { code: error?.code, message: error?.message ?? '' };
}

/** The object of an answer that has one. */
export function objectOf({ answer }: Outcome): unknown {
  if (answer.type === 'stored') return answer.stored.object;
  return answer.type === 'value' ? answer.value : undefined;
}
