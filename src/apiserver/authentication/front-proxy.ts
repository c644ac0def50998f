/**
 * A proxy in front that says, in headers, who its caller is; believed when its certificate is of its own authority and
 * bears an allowed name. https://kubernetes.io/docs/reference/access-authn-authz/authentication/#authenticating-proxy
 */
import type { Clock } from '#base/clock.js';
import { freeze } from '#base/json.js';
import { unescapeKey } from '../authorization/impersonation-request.js';
import type { Authenticator } from './authenticator.js';
import { rejected } from './union.js';
import { X509Authenticator } from './x509.js';

export interface FrontProxyOptions {
  /** PEM of the authorities of proxies. */
  authorities: string;
  /** Common names of proxies; empty for any that the authorities have signed. */
  allowedNames: readonly string[];
  usernameHeaders: readonly string[];
  uidHeaders: readonly string[];
  groupHeaders: readonly string[];
  extraHeaderPrefixes: readonly string[];
}

export const defaultFrontProxy = {
  allowedNames: ['front-proxy-client'],
  usernameHeaders: ['X-Remote-User'],
  uidHeaders: ['X-Remote-Uid'],
  groupHeaders: ['X-Remote-Group'],
  extraHeaderPrefixes: ['X-Remote-Extra-'],
} as const;

export function frontProxy(options: FrontProxyOptions, clock: Clock): Authenticator {
  const proxies = new X509Authenticator({ authorities: options.authorities, clock });
  const lower = (names: readonly string[]) => names.map((name) => name.toLowerCase());
  const names = { user: lower(options.usernameHeaders), uid: lower(options.uidHeaders) };
  const groupHeaders = lower(options.groupHeaders);
  const prefixes = lower(options.extraHeaderPrefixes);
  return {
    name: 'front proxy',
    authenticate(credentials) {
      const { certificate, rawHeaders = [], headers: sent = {} } = credentials;
      // Nearly every request is none of a proxy's, and is to be let go at once.
      if (!certificate || !names.user.some((name) => sent[name])) return undefined;
      const headers = headersOf(rawHeaders);
      const first = (wanted: readonly string[]) => wanted.flatMap((name) => headers.get(name) ?? []).find(Boolean);
      const name = first(names.user);
      if (!name) return undefined;
      const proxy = proxies.authenticate({ certificate });
      const commonName = proxy?.user.name ?? '';
      if (options.allowedNames.length > 0 && !options.allowedNames.includes(commonName))
        throw rejected(`x509: subject with cn=${commonName} is not in the allowed list`);
      const groups = groupHeaders.flatMap((header) => headers.get(header) ?? []).filter(Boolean);
      const extra = extraOf(headers, prefixes);
      const uid = first(names.uid);
      return { user: freeze({ name, ...(uid && { uid }), groups, ...(Object.keys(extra).length > 0 && { extra }) }) };
    },
  };
}

function headersOf(rawHeaders: readonly string[]): Map<string, string[]> {
  const headers = new Map<string, string[]>();
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!.toLowerCase();
    headers.set(name, [...(headers.get(name) ?? []), rawHeaders[index + 1]!]);
  }
  return headers;
}

function extraOf(headers: ReadonlyMap<string, string[]>, prefixes: readonly string[]): Record<string, string[]> {
  const extra: Record<string, string[]> = {};
  for (const prefix of prefixes)
    for (const [name, values] of headers) {
      if (!name.startsWith(prefix)) continue;
      const key = unescapeKey(name.slice(prefix.length));
      extra[key] = [...(extra[key] ?? []), ...values];
    }
  return extra;
}
