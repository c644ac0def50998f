/** Which user name and password the pod's imagePullSecrets hold for an image. Pure. */
import type { Secret } from '#api/gen/core-v1.js';
import type { ImageReference } from './image-reference.js';
import type { PullRequest } from './runtime/runtime.js';

export type Credentials = NonNullable<PullRequest['credentials']>;

interface DockerAuth {
  username?: string;
  password?: string;
  /** base64 of `user:password`. */
  auth?: string;
}

const hubNames = ['docker.io', 'index.docker.io', 'registry-1.docker.io'];

/**
 * All that match, the longest (most particular) first: a registry key may name a path below it, and `*` stands for a
 * part of its host name. https://kubernetes.io/docs/concepts/containers/images/#config-json
 */
export function credentialsFor({ registry, repository }: ImageReference, secrets: readonly Secret[]): Credentials[] {
  const found: { key: string; credentials: Credentials }[] = [];
  for (const secret of secrets) {
    for (const [key, auth] of Object.entries(authsOf(secret))) {
      const credentials = credentialsOf(auth);
      if (credentials && matches(key, { registry, repository })) found.push({ key, credentials });
    }
  }
  found.sort((a, b) => b.key.length - a.key.length);
  return found.map(({ credentials }) => credentials);
}

function authsOf({ type, data }: Secret): Record<string, DockerAuth> {
  const key = type === 'kubernetes.io/dockercfg' ? '.dockercfg' : '.dockerconfigjson';
  const text = data?.[key];
  if (!text) return {};
  try {
    const config = JSON.parse(Buffer.from(text, 'base64').toString('utf8')) as unknown;
    if (typeof config !== 'object' || config === null) return {};
    const auths = key === '.dockercfg' ? config : (config as { auths?: object }).auths;
    return (auths ?? {}) as Record<string, DockerAuth>;
  } catch (error) {
    // The API checks secrets of these types, so this one's author chose another; it then holds no credentials.
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

function credentialsOf({ username, password, auth }: DockerAuth): Credentials | undefined {
  if (username) return { username, password: password ?? '' };
  const text = auth ? Buffer.from(auth, 'base64').toString('utf8') : '';
  const colon = text.indexOf(':');
  return colon > 0 ? { username: text.slice(0, colon), password: text.slice(colon + 1) } : undefined;
}

function matches(key: string, image: { registry: string; repository: string }): boolean {
  const [host = '', ...path] = key
    .replace(/^https?:\/\//, '')
    .replace(/\/+$/, '')
    .split('/');
  const isApiPath = /^v[12]$/.test(path[0] ?? '');
  const prefix = isApiPath ? '' : path.join('/');
  const sameHost = hubNames.includes(host) ? hubNames.includes(image.registry) : globMatches(host, image.registry);
  return sameHost && (prefix === '' || `${image.repository}/`.startsWith(`${prefix}/`));
}

function globMatches(pattern: string, host: string): boolean {
  const parts = pattern.split('.');
  const names = host.split('.');
  if (parts.length !== names.length) return false;
  return parts.every((part, index) => wildcard(part).test(names[index]!));
}

function wildcard(part: string): RegExp {
  return new RegExp(`^${part.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`);
}
