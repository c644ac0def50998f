/** Paths that are no resources: the version, discovery and OpenAPI, fixed documents, metrics. */
import type { Scheme } from '#api/scheme.js';
import type { DocumentRequest, DocumentResponse } from './document.js';
import { isPretty } from './media.js';
import type { PathHandler } from './pipeline.js';

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
  return (_, { path }) =>
    path === '/version' || path === '/version/'
      ? { type: 'bytes', code: 200, contentType: 'application/json', body: JSON.stringify(info, undefined, 2) }
      : undefined;
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
    if (path !== '/') return undefined;
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
  return async ({ headers, user }, { path, query }) => {
    const found = await respond({
      path,
      query,
      accept: headers['accept'],
      acceptEncoding: headers['accept-encoding'],
      ifNoneMatch: headers['if-none-match'],
      pretty: !user && isPretty(query, headers['user-agent']),
    });
    if (!found) return undefined;
    const { 'content-type': contentType = 'application/json', ...more } = found.headers;
    return { type: 'bytes', code: found.status, contentType, body: found.body, headers: more };
  };
}
