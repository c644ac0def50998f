/** What is allowed in a pod's volumes and yet most likely not meant. */
import type { Volume, VolumeProjection } from '#api/gen/core-v1.js';
import { each } from '../../meta/check.js';
import { claimWarnings } from '../claim-spec.js';
import { PathsApart, pathOverlaps } from './path-overlaps.js';

type Warnings = Generator<string, void, undefined>;

const deprecatedVolumes: Partial<Record<keyof Volume, string>> = {
  photonPersistentDisk: 'deprecated in v1.11, non-functional in v1.16+',
  gitRepo: 'deprecated in v1.11, and disabled by default in v1.33+',
  scaleIO: 'deprecated in v1.16, non-functional in v1.22+',
  flocker: 'deprecated in v1.22, non-functional in v1.25+',
  storageos: 'deprecated in v1.22, non-functional in v1.25+',
  quobyte: 'deprecated in v1.22, non-functional in v1.25+',
  glusterfs: 'deprecated in v1.25, non-functional in v1.26+',
  cephfs: 'deprecated in v1.28, non-functional in v1.31+',
  rbd: 'deprecated in v1.28, non-functional in v1.31+',
};

export function* volumeWarnings(path: string, volumes: readonly Volume[] | undefined): Warnings {
  for (const { path: at, value: volume } of each(path, volumes)) {
    // Upstream writes this one with a capital.
    for (const [source, message] of Object.entries(deprecatedVolumes))
      if (volume[source as keyof Volume] !== undefined)
        yield `${at}.${source === 'storageos' ? 'storageOS' : source}: ${message}`;
    const claim = volume.ephemeral?.volumeClaimTemplate?.spec;
    if (claim) yield* claimWarnings(`${at}.ephemeral.volumeClaimTemplate.spec`, claim);
  }
  for (const volume of volumes ?? []) yield* overlapWarnings(volume);
}

/** Of a volume of many sources, each of which is held against all before it. */
const pathsToldMax = 20_000;

/** Files of a volume of which one would take the place of another, or stand inside it. */
function* overlapWarnings({ name, configMap, secret, downwardAPI, projected }: Volume): Warnings {
  const of = (what: string) => `volume ${JSON.stringify(name)} (${what}): overlapping paths`;
  if (configMap?.items)
    yield* pathOverlaps(pathsOf(configMap.items), of(`ConfigMap ${JSON.stringify(configMap.name ?? '')}`));
  if (secret?.items)
    yield* pathOverlaps(pathsOf(secret.items), of(`Secret ${JSON.stringify(secret.secretName ?? '')}`));
  if (downwardAPI?.items) yield* pathOverlaps(pathsOf(downwardAPI.items), of('DownwardAPI'));
  const before = new Set<string>();
  const apart = new PathsApart();
  let left = pathsToldMax;
  for (const source of projected?.sources ?? []) {
    if (Object.values(source).every((one) => one === undefined)) {
      yield `volume ${JSON.stringify(name)} (Projected) has no sources provided`;
      continue;
    }
    const [what, paths] = projectedPaths(source);
    const own = new Set(paths);
    yield* pathOverlaps(paths, of(what));
    for (const path of own) apart.add(path);
    if (own.size > 0 && !apart.holds && left > 0) {
      left -= before.size;
      yield* pathOverlaps([...own, ...before].sort(), of(what));
    }
    for (const path of own) before.add(path);
  }
}

function projectedPaths(source: VolumeProjection): [what: string, paths: string[]] {
  const { configMap, secret, downwardAPI, serviceAccountToken, clusterTrustBundle } = source;
  const quoted = (text: string | undefined) => JSON.stringify(text ?? '');
  if (configMap?.items) return [`Projected ConfigMap ${quoted(configMap.name)}`, pathsOf(configMap.items)];
  if (secret?.items) return [`Projected Secret ${quoted(secret.name)}`, pathsOf(secret.items)];
  if (downwardAPI?.items) return ['Projected DownwardAPI', pathsOf(downwardAPI.items)];
  if (serviceAccountToken) return ['Projected ServiceAccountToken', [serviceAccountToken.path]];
  if (!clusterTrustBundle) return ['', []];
  const { name, signerName, path } = clusterTrustBundle;
  return [`Projected ClusterTrustBundle ${quoted(name ?? signerName)}`, [path]];
}

function pathsOf(items: readonly { path: string }[]): string[] {
  return items.map(({ path }) => path);
}
