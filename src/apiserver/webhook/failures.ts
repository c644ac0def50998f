/** What went wrong with a call that was answered, in the words of client-go. */
import type { IncomingHttpHeaders } from 'node:http';

const statusMessages: Record<number, string> = {
  400: 'the server rejected our request for an unknown reason',
  401: 'the server has asked for the client to provide credentials',
  404: 'the server could not find the requested resource',
  405: 'the server does not allow this method on the requested resource',
  409: 'the server reported a conflict',
  422: 'the server rejected our request due to an error in our request',
  429: 'the server has received too many requests and has asked us to try again later',
  503: 'the server is currently unable to handle the request',
  504: 'the server was unable to return a response in the time allotted, but may still be processing the request',
};

/** Of an answer that is no success. A Status in the body speaks for itself. */
export function describeStatus(status: number, headers: IncomingHttpHeaders, text: string): string {
  const told = statusIn(text);
  if (told) return told;
  const isText = (headers['content-type'] ?? '').startsWith('text/') || headers['content-type'] === undefined;
  const said = isText && text.trim() !== '' ? text.trim() : 'unknown';
  if (status === 403 || status === 406 || status === 415) return said;
  const known = statusMessages[status];
  if (known) return known;
  if (status >= 500)
    return `an error on the server (${JSON.stringify(said)}) has prevented the request from succeeding`;
  return `the server responded with the status code ${status} but did not return more information`;
}

function statusIn(text: string): string | undefined {
  try {
    const value = JSON.parse(text) as { kind?: unknown; status?: unknown; message?: unknown } | null;
    const isFailure = value?.kind === 'Status' && value.status !== 'Success';
    return isFailure && typeof value.message === 'string' ? value.message : undefined;
  } catch {
    // Most answers that are no success are no JSON either, and are told by their code and text.
    return undefined;
  }
}
