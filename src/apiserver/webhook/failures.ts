/** What went wrong with a call, in the words of Go's net/http and of client-go. */
import type { IncomingHttpHeaders } from 'node:http';
import type { RemoteError } from '#base/remote.js';

interface NodeError extends Error {
  code?: string;
  address?: string;
  port?: number;
  hostname?: string;
  cert?: { subjectaltname?: string; valid_from?: string; valid_to?: string };
  host?: string;
}

const unverified = 'tls: failed to verify certificate: x509: ';
const unknownAuthority = `${unverified}certificate signed by unknown authority`;

const tlsFailures: Record<string, string> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority,
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  DEPTH_ZERO_SELF_SIGNED_CERT: unknownAuthority,
  CERT_SIGNATURE_FAILURE: unknownAuthority,
  CERT_HAS_EXPIRED: `${unverified}certificate has expired or is not yet valid`,
  CERT_NOT_YET_VALID: `${unverified}certificate has expired or is not yet valid`,
  ERR_SSL_WRONG_VERSION_NUMBER: 'http: server gave HTTP response to HTTPS client',
  EPROTO: 'http: server gave HTTP response to HTTPS client',
};

/** Of a call that got no answer. */
export function describeFailure(error: RemoteError, { tlsServerName }: { tlsServerName?: string }): string {
  if (error.reason === 'timeout') return 'context deadline exceeded';
  if (error.reason === 'aborted') return 'context canceled';
  if (error.reason === 'too large') return error.message;
  const cause = error.cause as NodeError | undefined;
  const code = cause?.code ?? '';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return describeNames(cause!, tlsServerName);
  if (Object.hasOwn(tlsFailures, code)) return tlsFailures[code]!;
  const where = cause?.address && cause.port ? hostPort(cause.address, cause.port) : '';
  switch (code) {
    case 'ECONNREFUSED':
      return `dial tcp ${where}: connect: connection refused`;
    case 'EHOSTUNREACH':
      return `dial tcp ${where}: connect: no route to host`;
    case 'ENETUNREACH':
      return `dial tcp ${where}: connect: network is unreachable`;
    case 'ETIMEDOUT':
      return `dial tcp ${where}: i/o timeout`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `dial tcp: lookup ${cause?.hostname ?? ''}: no such host`;
    case 'ECONNRESET':
      return 'EOF';
    default:
      return cause?.message ?? error.message;
  }
}

function hostPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function describeNames({ cert, host }: NodeError, tlsServerName: string | undefined): string {
  const wanted = tlsServerName ?? host ?? '';
  const names = (cert?.subjectaltname ?? '').split(', ').filter(Boolean);
  const valid = names.map((name) => name.replace(/^(DNS|IP Address):/, ''));
  if (valid.length === 0) return `${unverified}certificate is not valid for any names, but wanted to match ${wanted}`;
  return `${unverified}certificate is valid for ${valid.join(', ')}, not ${wanted}`;
}

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
