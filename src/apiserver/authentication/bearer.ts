/**
 * Finds the bearer token of a request: in its Authorization header (RFC 6750), or for browsers, which cannot set that on
 * a WebSocket, in the list of protocols.
 */

export interface Bearer {
  token?: string;
  /** Why what looks like a token is not taken for one. */
  warning?: string;
}

const protocolPrefix = 'base64url.bearer.authorization.k8s.io.';

const extraSpace = 'the provided Authorization header contains extra space before the bearer token, and is ignored';

export function bearerOf(headers: Readonly<Record<string, string | undefined>>): Bearer {
  // Upstream splits at each space, and looks at no more than the first two pieces.
  const [scheme = '', token, rest] = (headers['authorization'] ?? '').trim().split(' ');
  if (token !== undefined && scheme.toLowerCase() === 'bearer') {
    if (token !== '') return { token };
    return rest === undefined ? {} : { warning: extraSpace };
  }
  const protocols = headers['sec-websocket-protocol']?.split(',').map((one) => one.trim());
  const encoded = protocols?.find((one) => one.startsWith(protocolPrefix));
  return encoded ? { token: Buffer.from(encoded.slice(protocolPrefix.length), 'base64url').toString() } : {};
}
