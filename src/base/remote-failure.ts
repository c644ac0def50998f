/** Why a call got no answer, in the words of Go's net/http, which people search for. */
import type { RemoteError } from './remote.js';

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
