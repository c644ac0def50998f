/** What answers on the API server's paths that are no resources, but those about health, metrics and profiles. */
import { builtinSchemas } from '#api/schema-table.js';
import type { Scheme } from '#api/scheme.js';
import type { FeatureGates } from '#apimachinery/features/gates.js';
import type { Aggregation } from '#apiserver/aggregation/aggregation.js';
import { Discovery } from '#apiserver/discovery/discovery.js';
import { type HealthCheck, healthPaths } from '#apiserver/health.js';
import { OpenApi } from '#apiserver/openapi/openapi.js';
import type { PathHandler } from '#apiserver/path-handler.js';
import { discoveryPaths, documentPaths, indexPath, routed, versionPath } from '#apiserver/paths.js';
import type { Policy } from '#apiserver/policy.js';
import { flagzPath, statuszPath } from '#apiserver/zpages.js';
import type { Clock } from '#base/clock.js';
import type { Prng } from '#base/prng.js';
import { versionInfo } from './version.js';

/** What the index at `/` names besides discovery and the issuer's documents. */
const servedPaths = [
  ...['/healthz', '/healthz/ping', '/livez', '/livez/ping', '/metrics', '/metrics/slis', '/openapi/v2', '/openapi/v3'],
  ...['/readyz', '/readyz/ping', '/version'],
];

export function pathHandlers(options: {
  scheme: Scheme;
  policy: Policy;
  aggregation: Aggregation;
  advertiseAddress: string;
  advertisePort?: number;
  flags?: Readonly<Record<string, string>>;
  healthChecks: readonly HealthCheck[];
  clock: Clock;
  prng: Prng;
  gates: FeatureGates;
}): PathHandler[] {
  const { scheme, policy, aggregation, advertiseAddress, advertisePort = 443, clock, prng, gates } = options;
  const flags = gates.enabled('ComponentFlagz') ? options.flags : undefined;
  const tellsStatus = gates.enabled('ComponentStatusz');
  const { discovery: remote } = aggregation;
  const serverAddress = `${advertiseAddress}:${advertisePort}`;
  const discovery = new Discovery({ scheme, schemas: builtinSchemas, serverAddress, remote });
  const version = `${versionInfo.major}.${versionInfo.minor}`;
  const openApi = new OpenApi({ scheme, table: builtinSchemas, version, remote: aggregation.openApi });
  const documents = new Map(policy.documents(`https://${serverAddress}`).map((document) => [document.path, document]));
  const others = [
    ...documents.keys(),
    ...servedPaths,
    ...(tellsStatus ? ['/statusz'] : []),
    ...healthPaths(options.healthChecks),
    ...(flags ? ['/flagz'] : []),
  ];
  return [
    versionPath(versionInfo),
    ...(tellsStatus ? [statuszPath({ clock, prng, version: versionInfo, paths: others })] : []),
    ...(flags ? [flagzPath(flags, prng)] : []),
    discoveryPaths(discovery),
    documentPaths((request) => openApi.respond(request)),
    routed(
      documentPaths(({ path }) => {
        const document = documents.get(path);
        return document && { status: 200, headers: document.headers, body: Buffer.from(document.body) };
      }),
      ({ path }) => ({ gives: [documents.get(path)!.headers['content-type']!] }),
    ),
    indexPath({ scheme, remote, others }),
  ];
}
