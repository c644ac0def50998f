/**
 * What a request asks for, read from its method, path and query only: the first station of the pipeline, on which
 * authorization, audit and routing all rely. The rules are upstream's `RequestInfo`
 * (https://kubernetes.io/docs/reference/access-authn-authz/authorization/#determine-the-request-verb).
 */
import { parseDuration } from '#apimachinery/codec/time.js';
import { badRequest } from '#apimachinery/errors.js';
import { PlainError } from './call.js';

export interface RequestInfo {
  /** Decoded, without the query. */
  path: string;
  query: URLSearchParams;
  /** get, list, watch, create, update, patch, delete, deletecollection; for paths the lower-case HTTP method. */
  verb: string;
  /** Set for requests on resources. */
  resource?: ResourceRequest;
}

export interface ResourceRequest {
  group: string;
  version: string;
  /** The plural of the resource. */
  resource: string;
  /** '' for the resource itself. */
  subresource: string;
  /** '' for all namespaces, or a cluster-scoped resource. */
  namespace: string;
  /** '' where the request names no object. A list or watch with `metadata.name=x` in its field selector names x. */
  name: string;
  /** Whether the name stands in the path, and so is one object's address. */
  named: boolean;
  /** What follows the subresource in the path, with its leading slash: `/metrics` of `.../proxy/metrics`. */
  tail: string;
  /** As sent, of a list, watch or deletecollection. */
  fieldSelector?: string;
  labelSelector?: string;
}

const verbsByMethod: Record<string, string> = {
  POST: 'create',
  GET: 'get',
  HEAD: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

const selectingVerbs = new Set(['list', 'watch', 'deletecollection']);

/** `namespaces/x/status` is a subresource of the namespace, where `namespaces/x/pods` is a resource in it. */
const namespaceSubresources = new Set(['status', 'finalize']);

/** `target` is the request's path with its query, as sent. Throws StatusError (400) for a path that cannot be read. */
export function parseRequestInfo(method: string, target: string): RequestInfo {
  const mark = target.indexOf('?');
  const path = decodePath(mark < 0 ? target : target.slice(0, mark));
  const query = new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1));
  const parts = path.split('/').filter((part, index, all) => part !== '' || (index > 0 && index < all.length - 1));
  const plain: RequestInfo = { path, query, verb: method.toLowerCase() };

  if (parts.length < 3 || (parts[0] !== 'api' && parts[0] !== 'apis')) return plain;
  let rest = parts.slice(1);
  let group = '';
  if (parts[0] === 'apis') {
    if (rest.length < 3) return plain;
    group = rest[0]!;
    rest = rest.slice(1);
  }
  const version = rest[0]!;
  rest = rest.slice(1);
  let verb = verbsByMethod[method] ?? '';
  let viaPrefix = false;
  if (rest[0] === 'watch' || rest[0] === 'proxy') {
    if (rest.length < 2) throw badRequest(`unable to determine kind and namespace from url, ${path}`);
    verb = rest[0];
    viaPrefix = true;
    rest = rest.slice(1);
  }
  const resource = readResource(rest, { group, version, viaPrefix });
  if (resource.name === '') verb = verbOfCollection(verb, query);
  if (verb === 'list' || verb === 'watch') resource.name ||= nameInFieldSelector(query);
  if (!viaPrefix && query.size > 0 && selectingVerbs.has(verb)) {
    resource.fieldSelector = query.get('fieldSelector') ?? undefined;
    resource.labelSelector = query.get('labelSelector') ?? undefined;
  }
  return { path, query, verb, resource };
}

function readResource(
  parts: string[],
  { group, version, viaPrefix }: { group: string; version: string; viaPrefix: boolean },
): ResourceRequest {
  let rest = parts;
  let namespace = '';
  if (rest[0] === 'namespaces' && rest.length > 1) {
    namespace = rest[1]!;
    if (rest.length > 2 && !namespaceSubresources.has(rest[2]!)) rest = rest.slice(2);
  }
  const [resource = '', name = '', subresource = '', ...tail] = rest;
  return {
    group,
    version,
    resource,
    namespace,
    name,
    named: name !== '',
    subresource: viaPrefix ? '' : subresource,
    tail: tail.length > 0 ? `/${tail.join('/')}` : '',
  };
}

function verbOfCollection(verb: string, query: URLSearchParams): string {
  if (verb === 'delete') return 'deletecollection';
  if (verb !== 'get') return verb;
  return isTrue(query.get('watch')) ? 'watch' : 'list';
}

/** Go's rule for booleans in a query: present and neither `false` nor `0`; an empty value counts as true. */
export function isTrue(value: string | null): boolean {
  return value !== null && value.toLowerCase() !== 'false' && value !== '0';
}

/** So that RBAC rules with resourceNames allow a list or watch of that one object. */
function nameInFieldSelector(query: URLSearchParams): string {
  const selector = query.get('fieldSelector');
  if (!selector) return '';
  for (const term of selector.split(',')) {
    const match = /^metadata\.name==?([^=!\\]+)$/.exec(term);
    if (match) return /^\.\.?$|[/%]/.test(match[1]!) ? '' : match[1]!;
  }
  return '';
}

const longSubresources = new Set(['attach', 'exec', 'log', 'portforward', 'proxy']);

/** Requests that last as long as the client likes. */
/** A request that takes longer is answered with 504 (upstream's --request-timeout). */
const requestTimeoutMsMax = 60_000;

/** The caller may want to wait for less, but not for more. Throws StatusError (400) for what is no duration. */
export function requestTimeoutMs({ query }: RequestInfo): number {
  const text = query.get('timeout');
  if (!text) return requestTimeoutMsMax;
  try {
    const asked = Number(parseDuration(text)) / 1e6;
    return asked > 0 ? Math.min(asked, requestTimeoutMsMax) : requestTimeoutMsMax;
  } catch (error) {
    if (error instanceof SyntaxError)
      throw badRequest(`invalid timeout specified in the request URL - ${error.message}`);
    throw error;
  }
}

export function isLongRunning({ verb, resource, path }: RequestInfo): boolean {
  if (!resource) return path.startsWith('/debug/pprof/');
  return verb === 'watch' || verb === 'proxy' || longSubresources.has(resource.subresource);
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    // The answer of Go's server, which never gets to see what was meant.
    throw new PlainError({ reason: 'BadRequest', code: 400 }, '400 Bad Request');
  }
}
