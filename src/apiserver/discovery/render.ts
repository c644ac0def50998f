/**
 * The discovery documents as values: per group and version (meta.k8s.io/v1 APIVersions, APIGroup, APIResourceList) and
 * all at once (apidiscovery.k8s.io APIGroupDiscoveryList).
 */
import { formatApiVersion, type GroupVersionKind } from '#apimachinery/object.js';
import type { ServedGroup, ServedResource, ServedVersion } from './groups.js';

export const discoveryGroup = 'apidiscovery.k8s.io';
/** Its first beta is no longer given. */
export const discoveryVersion = 'v2';

/** `/api`. `serverAddress` is `host:port`. */
export function renderApiVersions({ versions }: ServedGroup, serverAddress: string): unknown {
  return {
    kind: 'APIVersions',
    versions: versions.map(({ version }) => version),
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
  };
}

/** `/apis`. */
export function renderGroupList(groups: readonly ServedGroup[]): unknown {
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.map(groupOf) };
}

/** `/apis/<group>`. */
export function renderGroup(group: ServedGroup): unknown {
  return { kind: 'APIGroup', apiVersion: 'v1', ...groupOf(group) };
}

function groupOf({ name, versions }: ServedGroup) {
  const forDiscovery = versions.map(({ version }) => ({
    groupVersion: formatApiVersion({ group: name, version }),
    version,
  }));
  return { name, versions: forDiscovery, preferredVersion: forDiscovery[0] };
}

/** `/api/v1` and `/apis/<group>/<version>`. */
export function renderResourceList({ name }: ServedGroup, { version, resources }: ServedVersion): unknown {
  return {
    kind: 'APIResourceList',
    // Upstream leaves it out for the core group only.
    ...(name ? { apiVersion: 'v1' } : {}),
    groupVersion: formatApiVersion({ group: name, version }),
    resources: resources.flatMap((resource) => resourcesOf(resource, version)),
  };
}

function resourcesOf({ definition, verbs, storageVersionHash, subresources }: ServedResource, version: string) {
  const { group, plural, singular, namespaced, kind, shortNames, categories } = definition;
  const resource = {
    name: plural,
    singularName: singular,
    namespaced,
    kind,
    verbs,
    shortNames: shortNames.length > 0 ? shortNames : undefined,
    categories: categories.length > 0 ? categories : undefined,
    storageVersionHash,
  };
  const below = subresources.map((one) => {
    const foreign = one.kind.group !== group || one.kind.version !== version;
    return {
      name: `${plural}/${one.name}`,
      singularName: '',
      namespaced,
      ...(foreign ? { group: one.kind.group, version: one.kind.version } : {}),
      kind: one.kind.kind,
      verbs: one.verbs,
    };
  });
  return [resource, ...below];
}

/** `/api` and `/apis` for clients that ask for everything at once. */
export function renderAggregated(groups: readonly ServedGroup[]): unknown {
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `${discoveryGroup}/${discoveryVersion}`,
    metadata: {},
    items: groups.map(({ name, versions }) => ({
      metadata: name ? { name } : {},
      versions: versions.map((one) => ({
        version: one.version,
        resources: one.remote?.resources ?? one.resources.map((resource) => aggregatedResource(resource, one.version)),
        freshness: one.remote?.freshness ?? 'Current',
      })),
    })),
  };
}

function aggregatedResource({ definition, verbs, subresources }: ServedResource, version: string) {
  const { group, plural, singular, namespaced, kind, shortNames, categories } = definition;
  return {
    resource: plural,
    responseKind: kindOf(definition.shape ? { group, version, kind } : { group: '', version: '', kind }),
    scope: namespaced ? 'Namespaced' : 'Cluster',
    singularResource: singular,
    verbs,
    shortNames: shortNames.length > 0 ? shortNames : undefined,
    categories: categories.length > 0 ? categories : undefined,
    subresources:
      subresources.length > 0
        ? subresources.map((one) => {
            const isOwn = one.kind.group === group && one.kind.version === version;
            const responseKind = isOwn && !definition.shape ? { ...one.kind, group: '', version: '' } : one.kind;
            return { subresource: one.name, responseKind: kindOf(responseKind), verbs: one.verbs };
          })
        : undefined,
  };
}

function kindOf({ group, version, kind }: GroupVersionKind) {
  return { group, version, kind };
}
