/** The subresources by which a running pod's spec may change: `ephemeralcontainers` and `resize`. */
import podResource from '#api/core/pod/index.js';
import { ephemeralContainersRules, resizeRules } from '#api/core/pod/subresources.js';
import type { Pod } from '#api/gen/core-v1.js';
import type { FieldErrors } from '#apimachinery/field-error.js';
import type { Change } from '../registry/registry.js';
import type { SubresourceHandler } from './subresource.js';

export const podSpecHandlers: SubresourceHandler[] = [
  handler('ephemeralcontainers', ephemeralContainersRules),
  handler('resize', resizeRules),
];

interface Rules {
  prepare: (pod: Pod, old: Pod) => void;
  validate: (pod: Pod, old: Pod) => FieldErrors;
}

function handler(name: string, rules: Rules): SubresourceHandler {
  return {
    resource: podResource,
    name,
    get: ({ registry, key }) => registry.of<Pod>(podResource).get(key),
    update: ({ registry, key, write }, change) =>
      registry.of<Pod>(podResource).update(key, change as unknown as Change<Pod>, { ...write, rules }),
  };
}
