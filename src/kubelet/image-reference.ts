/** Image references as users write them: checking, the default tag, the registry. Pure. */
import { KubeletError } from './kubelet-error.js';

export interface ImageReference {
  /** As given, with `:latest` added when it has neither tag nor digest. */
  reference: string;
  /** `docker.io` when none is named. */
  registry: string;
  /** The path below the registry, `library/` added for Docker Hub's own. */
  repository: string;
}

const component = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const repositoryPattern = new RegExp(`^${component}(?:/${component})*$`);
const registryPattern =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?$/;
const tagPattern = /^[\w][\w.-]{0,127}$/;
const digestPattern = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;

/** Throws KubeletError 'image', shown as InvalidImageName. */
export function parseImage(image: string): ImageReference {
  const fail = (why: string) => {
    const text = `Failed to apply default image tag "${image}": couldn't parse image name "${image}": ${why}`;
    return new KubeletError('image', text, { waiting: 'InvalidImageName' });
  };
  const [named = '', digest, ...more] = image.split('@');
  if (more.length > 0 || (digest !== undefined && !digestPattern.test(digest))) throw fail('invalid reference format');
  const colon = named.lastIndexOf(':');
  const hasTag = colon > named.lastIndexOf('/');
  const tag = hasTag ? named.slice(colon + 1) : undefined;
  const name = hasTag ? named.slice(0, colon) : named;
  if (tag !== undefined && !tagPattern.test(tag)) throw fail('invalid reference format');

  const slash = name.indexOf('/');
  const first = name.slice(0, Math.max(slash, 0));
  const hasRegistry = /[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase();
  const path = hasRegistry ? name.slice(slash + 1) : name;
  if (path !== path.toLowerCase() && repositoryPattern.test(path.toLowerCase())) {
    throw fail('invalid reference format: repository name must be lowercase');
  }
  if (!repositoryPattern.test(path) || (hasRegistry && !registryPattern.test(first))) {
    throw fail('invalid reference format');
  }
  const registry = hasRegistry ? first : 'docker.io';
  return {
    reference: tag === undefined && digest === undefined ? `${image}:latest` : image,
    registry,
    repository: registry === 'docker.io' && !path.includes('/') ? `library/${path}` : path,
  };
}
