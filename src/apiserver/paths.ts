/** Paths that are no resources: the version, discovery and OpenAPI, fixed documents, metrics. */
import type { Answer } from './call.js';
import type { DocumentRequest, DocumentResponse } from './document.js';
import type { PathHandler, Pipeline } from './pipeline.js';

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
    path === '/version' || path === '/version/' ? { type: 'value', code: 200, value: info } : undefined;
}

/** For anything that answers with documents: discovery, OpenAPI, the issuer's keys. */
export function documentPaths(
  respond: (request: DocumentRequest) => DocumentResponse | undefined | Promise<DocumentResponse | undefined>,
): PathHandler {
  return async ({ headers }, { path, query }) => {
    const found = await respond({
      path,
      query,
      accept: headers['accept'],
      acceptEncoding: headers['accept-encoding'],
      ifNoneMatch: headers['if-none-match'],
    });
    if (!found) return undefined;
    const { 'content-type': contentType = 'application/json', ...more } = found.headers;
    return { type: 'bytes', code: found.status, contentType, body: found.body, headers: more };
  };
}

/** Prometheus text of what the server knows of itself. */
export function metricsPath(pipeline: () => Pipeline): PathHandler {
  return (_, { path }): Answer | undefined => {
    if (path !== '/metrics') return undefined;
    const { reads, writes } = pipeline().inFlight;
    const name = 'apiserver_current_inflight_requests';
    const body = [
      `# HELP ${name} Requests in work by kind.`,
      `# TYPE ${name} gauge`,
      `${name}{request_kind="readOnly"} ${reads}`,
      `${name}{request_kind="mutating"} ${writes}`,
      '',
    ].join('\n');
    return { type: 'bytes', code: 200, contentType: 'text/plain; version=0.0.4; charset=utf-8', body };
  };
}
