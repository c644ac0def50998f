/**
 * What answers say to browsers: which other sites' pages may read them (CORS), and that this one is reached by HTTPS
 * alone (HSTS). https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/
 */
import type { Exchange } from './exchange.js';

export interface BrowserRules {
  /** Whether pages of this origin, as its Origin header says it, may read answers. */
  allowsOrigin: (origin: string) => boolean;
  /** For the Strict-Transport-Security header; none where it is empty. */
  strictTransport: string;
}

/** Every method and header is offered that a page may need; whether it may, authorization decides. */
const allowed = {
  'access-control-allow-methods': 'POST, GET, OPTIONS, PUT, DELETE, PATCH',
  'access-control-allow-headers':
    'Content-Type, Content-Length, Accept-Encoding, X-CSRF-Token, Authorization, X-Requested-With, If-Modified-Since',
  'access-control-expose-headers': 'Date',
  'access-control-allow-credentials': 'true',
};

/** The exchange whose answer says so; undefined for a browser's question before its request, which is answered here. */
export function toldToBrowsers(exchange: Exchange, rules: BrowserRules): Exchange | undefined {
  const { allowsOrigin, strictTransport } = rules;
  const { origin } = exchange.headers;
  const isAllowed = origin !== undefined && origin !== '' && allowsOrigin(origin);
  const told = {
    ...(strictTransport && { 'strict-transport-security': strictTransport }),
    ...(isAllowed && { 'access-control-allow-origin': origin, ...allowed }),
  };
  if (isAllowed && exchange.method === 'OPTIONS') {
    exchange.open(204, told).end();
    return undefined;
  }
  if (Object.keys(told).length === 0) return exchange;
  const open: Exchange['open'] = (status, headers) => exchange.open(status, { ...told, ...headers });
  return Object.create(exchange, { open: { value: open } }) as Exchange;
}
