/** URLs, taken apart as Go's `net/url` does: JavaScript's parser changes what it reads. */

export interface Url {
  scheme: string;
  /** With the port. */
  host: string;
  escapedPath: string;
  query: string;
  /** What follows the scheme of `mailto:a@b`. */
  opaque: string;
  fragment: string;
}

export class UrlError extends Error {}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused here.
const controls = /[\x00-\x1f\x7f]/;

/** As the target of a request: absolute, or a path. Throws an UrlError. */
export function checkRequestUri(text: string): void {
  parse(text, { isRequest: true });
}

/** Throws an UrlError. */
export function parseUrl(text: string): Url {
  const hash = text.indexOf('#');
  const url = parse(hash < 0 ? text : text.slice(0, hash), { isRequest: false });
  return { ...url, fragment: hash < 0 ? '' : text.slice(hash + 1) };
}

function parse(text: string, { isRequest }: { isRequest: boolean }): Url {
  const fail = (problem: string) => new UrlError(`parse ${JSON.stringify(text)}: ${problem}`);
  if (controls.test(text)) throw fail('net/url: invalid control character in URL');
  if (text === '' && isRequest) throw fail('empty url');
  const url: Url = { scheme: '', host: '', escapedPath: '', query: '', opaque: '', fragment: '' };
  if (text === '*') return { ...url, escapedPath: '*' };
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(text);
  if (text.startsWith(':')) throw fail('missing protocol scheme');
  url.scheme = (scheme?.[1] ?? '').toLowerCase();
  let rest = scheme ? text.slice(scheme[0].length) : text;
  const question = rest.indexOf('?');
  if (question >= 0) {
    url.query = rest.slice(question + 1);
    rest = rest.slice(0, question);
  }
  if (!rest.startsWith('/')) {
    if (url.scheme) return { ...url, opaque: rest };
    if (isRequest) throw fail('invalid URI for request');
    if (rest.split('/')[0]!.includes(':')) throw fail('first path segment in URL cannot contain colon');
  }
  if (rest.startsWith('//') && (url.scheme || (!isRequest && !rest.startsWith('///')))) {
    const slash = rest.indexOf('/', 2);
    url.host = authority(slash < 0 ? rest.slice(2) : rest.slice(2, slash), fail);
    rest = slash < 0 ? '' : rest.slice(slash);
  }
  const wrong = /%(?![0-9a-fA-F]{2}).{0,2}/.exec(rest);
  if (wrong) throw fail(`invalid URL escape ${JSON.stringify(wrong[0])}`);
  return { ...url, escapedPath: escapePath(rest) };
}

type Fail = (problem: string) => UrlError;

function authority(text: string, fail: Fail): string {
  const at = text.lastIndexOf('@');
  if (at >= 0 && !/^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/.test(text.slice(0, at))) throw fail('net/url: invalid userinfo');
  const host = text.slice(at + 1);
  const port = host.startsWith('[') ? host.slice(host.lastIndexOf(']') + 1) : host.slice(portStart(host));
  if (host.startsWith('[') && !host.includes(']')) throw fail("missing ']' in host");
  if (!/^(?::\d*)?$/.test(port)) throw fail(`invalid port ${JSON.stringify(port)} after host`);
  const wrong = /[ "<>\\^`{|}]/.exec(host);
  if (wrong) throw fail(`invalid character ${JSON.stringify(wrong[0])} in host name`);
  const badEscape = /%(?![0-9a-fA-F]{2}).{0,2}/.exec(host);
  if (badEscape) throw fail(`invalid URL escape ${JSON.stringify(badEscape[0])}`);
  return host;
}

function portStart(host: string): number {
  const colon = host.indexOf(':');
  return colon < 0 ? host.length : host.lastIndexOf(':') < 0 ? host.length : host.lastIndexOf(':');
}

/** What a path may not hold as it is, is escaped. */
function escapePath(path: string): string {
  return path.replace(/[^A-Za-z0-9\-._~!$&'()*+,;=:@/[\]%]/gu, (character) =>
    [...Buffer.from(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
}

/** Without the port, and without the brackets around an IPv6 address. */
export function hostName({ host }: Url): string {
  const bare = host.replace(/:\d*$/, '');
  return bare.startsWith('[') && bare.endsWith(']') ? bare.slice(1, -1) : bare;
}

export function hostPort({ host }: Url): string {
  return /:(\d*)$/.exec(host)?.[1] ?? '';
}

/** The query by its keys, in their order. */
export function queryValues({ query }: Url): Map<string, string[]> {
  const values = new Map<string, string[]>();
  for (const part of query.split('&')) {
    if (part === '' || part.includes(';')) continue;
    const equals = part.indexOf('=');
    const key = unescapeQuery(equals < 0 ? part : part.slice(0, equals));
    const value = unescapeQuery(equals < 0 ? '' : part.slice(equals + 1));
    if (key === undefined || value === undefined) continue;
    const known = values.get(key);
    if (known) known.push(value);
    else values.set(key, [value]);
  }
  return values;
}

function unescapeQuery(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

export function urlText({ scheme, host, escapedPath, query, opaque, fragment }: Url): string {
  const start = scheme ? `${scheme}:` : '';
  const middle = opaque || `${host || scheme ? '//' : ''}${host}${escapedPath}`;
  return `${start}${middle}${query ? `?${query}` : ''}${fragment ? `#${fragment}` : ''}`;
}
