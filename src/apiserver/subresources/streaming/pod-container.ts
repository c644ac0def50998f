/** The pod and the container that a request on logs, exec or attach is about. */
import pods from '#api/core/pod/index.js';
import type { Pod } from '#api/gen/core-v1.js';
import { badRequest } from '#apimachinery/errors.js';
import type { SubresourceCall } from '../subresource.js';

/** Throws StatusError NotFound. */
export function podOf({ registry, key }: SubresourceCall): Promise<Pod> {
  return registry.of<Pod>(pods).get(key);
}

/** The container asked for, or the only one. Throws StatusError BadRequest, in upstream's words. */
export function containerOf({ metadata, spec }: Pod, asked: string): string {
  const names = [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])].map(
    ({ name }) => name,
  );
  if (asked !== '') {
    if (!names.includes(asked)) throw badRequest(`container ${asked} is not valid for pod ${metadata.name}`);
    return asked;
  }
  if (spec.containers.length === 1) return spec.containers[0]!.name;
  const choices = spec.containers.length === 0 ? '' : `, choose one of: [${names.join(' ')}]`;
  throw badRequest(`a container name must be specified for pod ${metadata.name}${choices}`);
}

/** Throws StatusError BadRequest for a pod that no node has. */
export function nodeNameOf({ metadata, spec }: Pod): string {
  if (!spec.nodeName) throw badRequest(`pod ${metadata.name} does not have a host assigned`);
  return spec.nodeName;
}

/** Go's rule for booleans in a query: present and neither `false` nor `0`. */
export function flag(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  return value !== null && value.toLowerCase() !== 'false' && value !== '0';
}

export function path(...parts: string[]): string {
  return `/${parts.map(encodeURIComponent).join('/')}`;
}
