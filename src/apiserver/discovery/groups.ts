/** Which groups, versions and resources are served, in the order in which discovery tells them. */
import { createHash } from 'node:crypto';
import { builtInPriorities } from '#api/apiregistration/local-services.js';
import type { AnyResource } from '#api/resource.js';
import { rulesAt } from '#api/versions.js';
import type { GroupVersionKind } from '#apimachinery/object.js';
import { compareVersions } from './version-order.js';

export interface ServedGroup {
  /** '' is the core group. */
  name: string;
  /** The preferred one first. */
  versions: ServedVersion[];
}

export interface ServedVersion {
  version: string;
  /** By name. */
  resources: ServedResource[];
}

export interface ServedResource {
  definition: AnyResource;
  verbs: string[];
  storageVersionHash?: string;
  /** By name. */
  subresources: ServedSubresource[];
}

export interface ServedSubresource {
  name: string;
  kind: GroupVersionKind;
  verbs: string[];
}

/** The built-in groups by the priority of their APIServices; others follow by name. */
const groupOrder = Object.keys(builtInPriorities);

export function servedGroups(definitions: Iterable<AnyResource>): ServedGroup[] {
  const groups = new Map<string, Map<string, ServedResource[]>>();
  for (const definition of definitions) {
    let versions = groups.get(definition.group);
    if (!versions) groups.set(definition.group, (versions = new Map()));
    for (const version of definition.versions) {
      const resources = versions.get(version) ?? [];
      versions.set(version, resources);
      resources.push(servedResource(definition, version));
    }
  }
  return [...groups]
    .sort(([a], [b]) => compareGroups(a, b))
    .map(([name, versions]) => ({
      name,
      versions: [...versions]
        .sort(([a], [b]) => compareVersions(a, b))
        .map(([version, resources]) => ({ version, resources: resources.sort(byPlural) })),
    }));
}

function compareGroups(a: string, b: string): number {
  const [left, right] = [a, b].map((name) => groupOrder.indexOf(name) + 1 || groupOrder.length + 1) as [number, number];
  return left - right || (a < b ? -1 : 1);
}

function byPlural(a: ServedResource, b: ServedResource): number {
  return a.definition.plural < b.definition.plural ? -1 : 1;
}

function servedResource(definition: AnyResource, version: string): ServedResource {
  const verbs = [...definition.verbs].sort();
  const stored = verbs.includes('create') && verbs.includes('get');
  return {
    definition,
    verbs,
    storageVersionHash: definition.storageVersionHash ?? (stored ? storageVersionHash(definition) : undefined),
    subresources: subresourcesOf(rulesAt(definition, version), version),
  };
}

const viewAndChange = ['get', 'patch', 'update'];

function subresourcesOf(definition: AnyResource, version: string): ServedSubresource[] {
  const { group, kind, subresources = {} } = definition;
  const own: GroupVersionKind = { group, version, kind };
  const found: ServedSubresource[] = (subresources.others ?? []).map((other) => ({
    name: other.name,
    kind: { group: other.group ?? group, version: other.version ?? version, kind: other.kind ?? kind },
    verbs: [...other.verbs].sort(),
  }));
  if (subresources.status) found.push({ name: 'status', kind: own, verbs: viewAndChange });
  if (subresources.scale) {
    found.push({ name: 'scale', kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' }, verbs: viewAndChange });
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Opaque to clients, but equal to upstream's. */
export function storageVersionHash({ group, storageVersion, kind }: AnyResource): string {
  const hash = createHash('sha256').update(`${group}/${storageVersion}/${kind}`).digest();
  return hash.subarray(0, 8).toString('base64');
}
