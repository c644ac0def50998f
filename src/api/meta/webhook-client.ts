/**
 * Where a webhook is called: a URL or a Service. The rules that admission and conversion webhooks share (k8s.io/apiserver's
 * `util/webhook`).
 */
import { invalidValue, required } from '#apimachinery/field-error.js';
import { subdomainProblems } from '#apimachinery/names.js';
import { type FieldErrors, portRange, rangeMessage } from './check.js';

export interface WebhookClient {
  url?: string;
  service?: { namespace?: string; name?: string; path?: string; port?: number };
}

export function* checkWebhookClient(path: string, { url, service }: WebhookClient): FieldErrors {
  if ((url === undefined) === (service === undefined))
    yield required(path, 'exactly one of url or service is required');
  else if (url !== undefined) yield* checkUrl(`${path}.url`, url);
  else if (service) yield* checkService(`${path}.service`, service);
}

const form = '; desired format: https://host[/path]';
/** RFC 3986, appendix B: scheme, authority, path, query, fragment. */
const urlPattern = /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s;

function* checkUrl(path: string, url: string): FieldErrors {
  const [, scheme = '', authority = '', , query = '', fragment = ''] = urlPattern.exec(url) ?? [];
  const problem = unreadable(url, authority);
  if (problem) {
    yield required(path, `url must be a valid URL: parse ${JSON.stringify(url)}: ${problem}${form}`);
    return;
  }
  const at = authority.lastIndexOf('@');
  const host = authority.slice(at + 1);
  if (scheme.toLowerCase() !== 'https')
    yield invalidValue(path, scheme.toLowerCase(), `'https' is the only allowed URL scheme${form}`);
  if (host === '') yield invalidValue(path, host, `host must be specified${form}`);
  if (at >= 0) yield invalidValue(path, authority.slice(0, at), 'user information is not permitted in the URL');
  if (fragment) yield invalidValue(path, fragment, 'fragments are not permitted in the URL');
  if (query) yield invalidValue(path, query, 'query parameters are not permitted in the URL');
}

/** What Go's parser refuses, in its words. */
function unreadable(url: string, authority: string): string | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\x00-\x1f\x7f]/.test(url)) return 'net/url: invalid control character in URL';
  if (url.startsWith(':')) return 'missing protocol scheme';
  const badEscape = /%(?![0-9a-fA-F]{2}).{0,2}/.exec(url)?.[0];
  if (badEscape) return `invalid URL escape ${JSON.stringify(badEscape)}`;
  const port = /:([^:\]]*)$/.exec(authority)?.[1];
  if (port && !/^\d*$/.test(port)) return `invalid port ${JSON.stringify(`:${port}`)} after host`;
  if (/[\s"<>\\^`{|}]/.test(authority))
    return `invalid character ${JSON.stringify(/[\s"<>\\^`{|}]/.exec(authority)![0])} in host name`;
  return undefined;
}

/** Upstream takes name for namespace and namespace for name when it says which is missing. */
function* checkService(path: string, service: NonNullable<WebhookClient['service']>): FieldErrors {
  const { name, namespace, port = 0, path: urlPath } = service;
  if (!namespace) yield required(`${path}.name`);
  if (!name) yield required(`${path}.namespace`);
  if (port < portRange.min || port > portRange.max)
    yield invalidValue(`${path}.port`, port, `port is not valid: ${rangeMessage(portRange)}`);
  if (urlPath !== undefined) yield* checkUrlPath(`${path}.path`, urlPath);
}

function* checkUrlPath(path: string, urlPath: string): FieldErrors {
  if (urlPath === '' || urlPath === '/') return;
  if (urlPath === '//') {
    yield invalidValue(path, urlPath, 'segment[0] may not be empty');
    return;
  }
  if (!urlPath.startsWith('/')) yield invalidValue(path, urlPath, "must start with a '/'");
  for (const [index, step] of urlPath.slice(1).replace(/\/$/, '').split('/').entries()) {
    if (step === '') yield invalidValue(path, urlPath, `segment[${index}] may not be empty`);
    else
      for (const problem of subdomainProblems(step)) yield invalidValue(path, urlPath, `segment[${index}]: ${problem}`);
  }
}
