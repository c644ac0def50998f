/** Rules of projected volumes: several sources in one tree, none writing over another. */
import type { ClusterTrustBundleProjection, ProjectedVolumeSource, VolumeProjection } from '#api/gen/core-v1.js';
import { forbiddenField, invalidValue, required } from '#apimachinery/field-error.js';
import { validateLabelSelector } from '#apimachinery/metadata-validation.js';
import { each, type FieldErrors } from '../../meta/check.js';
import { checkDownwardFile } from './validate-env.js';
import { checkKeyToPath, checkLocalPath } from './validate-paths.js';

export function* checkProjected(path: string, { sources }: ProjectedVolumeSource): FieldErrors {
  const taken = new Set<string>();
  /** The path of a file; the error stands at the volume and shows `shown`. */
  function* take(file: string | undefined, shown?: string): FieldErrors {
    if (!file) return;
    if (taken.has(file)) yield invalidValue(path, shown ?? file, 'conflicting duplicate paths');
    taken.add(file);
  }
  for (const { path: at, value: source } of each(`${path}.sources`, sources)) {
    yield* checkFiles(at, source, take);
    yield* checkToken(path, at, source);
    if (source.clusterTrustBundle) {
      yield* checkTrustBundle(`${at}.clusterTrustBundle`, source.clusterTrustBundle);
      yield* take(source.clusterTrustBundle.path);
    }
    if (source.podCertificate) {
      const { credentialBundlePath, keyPath, certificateChainPath } = source.podCertificate;
      for (const file of [credentialBundlePath, keyPath, certificateChainPath]) yield* take(file);
    }
    if (Object.values(source).filter((one) => one !== undefined).length > 1)
      yield forbiddenField(at, 'may not specify more than 1 volume type per source');
  }
}

function* checkFiles(
  at: string,
  { secret, configMap, downwardAPI }: VolumeProjection,
  take: (file: string | undefined, shown?: string) => FieldErrors,
): FieldErrors {
  for (const [name, source] of [
    ['secret', secret],
    ['configMap', configMap],
  ] as const) {
    if (!source) continue;
    if (!source.name) yield required(`${at}.${name}.name`);
    for (const item of each(`${at}.${name}.items`, source.items)) {
      yield* checkKeyToPath(item.path, item.value);
      yield* take(item.value.path, source.name ?? '');
    }
  }
  for (const file of downwardAPI?.items ?? []) {
    yield* checkDownwardFile(`${at}.downwardAPI`, file);
    yield* take(file.path);
  }
}

function* checkToken(path: string, at: string, { serviceAccountToken: token }: VolumeProjection): FieldErrors {
  if (!token) return;
  const seconds = token.expirationSeconds ?? 0;
  const secondsAt = `${at}.serviceAccountToken.expirationSeconds`;
  if (seconds < 600) yield invalidValue(secondsAt, seconds, 'may not specify a duration less than 10 minutes');
  if (seconds > 2 ** 32) yield invalidValue(secondsAt, seconds, 'may not specify a duration larger than 2^32 seconds');
  if (!token.path) yield required(`${path}.path`);
  else yield* checkLocalPath(`${path}.path`, token.path);
}

function* checkTrustBundle(at: string, bundle: ClusterTrustBundleProjection): FieldErrors {
  const { name, signerName, labelSelector, path } = bundle;
  if (name !== undefined && signerName !== undefined)
    yield invalidValue(at, bundle, 'only one of name and signerName may be used');
  else if (name !== undefined) {
    if (name === '') yield required(`${at}.name`, 'must be a valid object name');
    if (labelSelector)
      yield invalidValue(`${at}.labelSelector`, labelSelector, 'labelSelector must be unset if name is specified');
  } else if (signerName !== undefined) {
    if (signerName === '') yield required(`${at}.signerName`, 'must be a valid signer name');
    yield* validateLabelSelector(labelSelector, `${at}.labelSelector`);
  } else yield required(at, 'either name or signerName must be specified');
  if (!path) yield required(`${at}.path`);
  yield* checkLocalPath(`${at}.path`, path ?? '');
}
