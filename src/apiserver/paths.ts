/** Paths that are no resources: the version, discovery and OpenAPI, fixed documents, metrics. */
import type { Scheme } from '#api/scheme.js';
import type { Answer, Call } from './call.js';
import type { DocumentRequest, DocumentResponse } from './document.js';
import { accepted, isPretty } from './media.js';
import type { PathHandler } from './path-handler.js';
import type { RequestInfo } from './request-info.js';

/** k8s.io/apimachinery's version.Info. */
export interface VersionInfo {
  major: string;
  minor: string;
  emulationMajor: string;
  emulationMinor: string;
  minCompatibilityMajor: string;
  minCompatibilityMinor: string;
  gitVersion: string;
  gitCommit: string;
  gitTreeState: string;
  buildDate: string;
  goVersion: string;
  compiler: string;
  platform: string;
}

export function versionPath(info: VersionInfo): PathHandler {
  const answer: PathHandler = (_, { path }) =>
    path === '/version' || path === '/version/'
      ? { type: 'bytes', code: 200, contentType: json, body: JSON.stringify(info, undefined, 2) }
      : undefined;
  return routed(answer, () => ({ gives: [json] }));
}

const json = 'application/json';

export function routed(answer: PathHandler, route: NonNullable<PathHandler['route']>): PathHandler {
  return Object.assign(((...given) => answer(...given)) as PathHandler, { route });
}

/** Discovery: upstream has lists of resources behind its router, and the lists of groups not. */
export function discoveryPaths(discovery: {
  respond(request: DocumentRequest): DocumentResponse | { value: object } | undefined;
}): PathHandler {
  return routed(
    async (call, info) => {
      const found = discovery.respond(requestOf(call, info));
      return found && 'value' in found ? { type: 'value', code: 200, value: found.value } : found && bytesOf(found);
    },
    ({ path }) => (/^\/apis(?:\/[^/]*)?\/?$/.test(path) ? {} : { gives: accepted }),
  );
}

/** `/`: the paths that there are, resources aside; `others` are those that no group or version has. */
export function indexPath({
  scheme,
  others,
  remote,
}: {
  scheme: Scheme;
  others: readonly string[];
  /** What other servers serve. */
  remote: { readonly versions: Iterable<{ group: string; version: string }> };
}): PathHandler {
  return (_, { path }) => {
    if (path !== '/' && path !== '/index.html') return undefined;
    const paths = new Set([...others, '/api', '/apis', '/apis/']);
    for (const { group, versions } of scheme.resources()) {
      const root = group ? `/apis/${group}` : '/api';
      paths.add(root);
      for (const version of versions) paths.add(`${root}/${version}`);
    }
    for (const { group, version } of remote.versions) paths.add(`/apis/${group}`).add(`/apis/${group}/${version}`);
    const body = JSON.stringify({ paths: [...paths].sort() }, undefined, 2);
    return { type: 'bytes', code: 200, contentType: 'application/json', body };
  };
}

/** For anything that answers with documents: discovery, OpenAPI, the issuer's keys. */
export function documentPaths(
  respond: (request: DocumentRequest) => DocumentResponse | undefined | Promise<DocumentResponse | undefined>,
): PathHandler {
  return async (call, info) => {
    const found = await respond(requestOf(call, info));
    return found && bytesOf(found);
  };
}

function requestOf({ headers, user }: Call, { path, query }: RequestInfo): DocumentRequest {
  return {
    path,
    query,
    accept: headers['accept'],
    acceptEncoding: headers['accept-encoding'],
    ifNoneMatch: headers['if-none-match'],
    pretty: !user && isPretty(query, headers['user-agent']),
  };
}

function bytesOf({ status, headers, body }: DocumentResponse): Answer {
  const { 'content-type': contentType = json, ...more } = headers;
  return { type: 'bytes', code: status, contentType, body, headers: more };
}
