/**
 * Image references as users write them and as registries know them
 * (https://pkg.go.dev/github.com/distribution/reference): `nginx` is `docker.io/library/nginx:latest`.
 */
import { RuntimeError } from '../runtime.js';

const pathPart = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const domainName =
  /^(?:\[[0-9a-fA-F:]+\]|[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*)(?::\d+)?$/;
const tagText = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const digestText = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;
/** Of the repository with its registry. */
const nameLengthMax = 255;

export interface ImageReference {
  registry: string;
  repository: string;
  tag?: string;
  digest?: string;
}

/** Throws RuntimeError `invalid image name`. A reference without tag and digest keeps none. */
export function parseReference(text: string): ImageReference {
  const invalid = (why: string) => new RuntimeError('invalid image name', `invalid image name "${text}": ${why}`);
  const [beforeDigest, digest, ...more] = text.split('@');
  if (more.length > 0 || (digest !== undefined && !digestText.test(digest))) throw invalid('invalid reference format');
  const slash = beforeDigest!.lastIndexOf('/');
  const colon = beforeDigest!.indexOf(':', slash + 1);
  const name = colon < 0 ? beforeDigest! : beforeDigest!.slice(0, colon);
  const tag = colon < 0 ? undefined : beforeDigest!.slice(colon + 1);
  if (tag !== undefined && !tagText.test(tag)) throw invalid('invalid reference format');
  const first = name.indexOf('/');
  const head = name.slice(0, Math.max(first, 0));
  // What comes before the first slash is a registry only when it could not be a user's name.
  const hasRegistry = /[.:]/.test(head) || head === 'localhost' || head.toLowerCase() !== head;
  let registry = hasRegistry ? head : 'docker.io';
  let repository = hasRegistry ? name.slice(first + 1) : name;
  if (registry === 'index.docker.io') registry = 'docker.io';
  if (registry === 'docker.io' && !repository.includes('/')) repository = `library/${repository}`;
  if (!domainName.test(registry)) throw invalid('invalid reference format');
  const lower = repository.toLowerCase();
  if (lower !== repository && lower.split('/').every((part) => pathPart.test(part))) {
    throw invalid('repository name must be lowercase');
  }
  if (!repository.split('/').every((part) => pathPart.test(part))) throw invalid('invalid reference format');
  if (registry.length + 1 + repository.length > nameLengthMax) {
    throw invalid(`repository name must not be more than ${nameLengthMax} characters`);
  }
  return {
    registry,
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** The full form, with `latest` where there is neither tag nor digest. */
export function normalizeReference(text: string): string {
  const { registry, repository, tag, digest } = parseReference(text);
  const tagged = tag ?? (digest ? undefined : 'latest');
  return `${registry}/${repository}${tagged ? `:${tagged}` : ''}${digest ? `@${digest}` : ''}`;
}
