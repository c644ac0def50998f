/** Which groups, versions and resources are served, in the order in which discovery tells them. */
import { createHash } from 'node:crypto';
import { builtInPriorities } from '#api/apiregistration/local-services.js';
import type { AnyResource, Verb } from '#api/resource.js';
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
  /** Set for what another server serves. */
  remote?: RemoteVersion;
}

/** A version that another server serves, in the form of aggregated discovery, as it says it. */
export interface RemoteVersion {
  group: string;
  version: string;
  groupPriority: number;
  versionPriority: number;
  resources: unknown[];
  freshness: 'Current' | 'Stale';
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

/** Before all others, which have 20,000 at most: nobody's APIService may come before the kind itself. */
const aggregatorPriority = 20_001;
/** The core group stands at a path of its own. */
const corePriority = 20_002;
const aggregatorGroup = 'apiregistration.k8s.io';
/** Of the APIServices of custom resources. */
const customPriority = { group: 1000, version: 100 };
const versionPriorityDefault = 15;

/** By the priorities of APIServices, those of this server and those of others. */
export function servedGroups(definitions: Iterable<AnyResource>, remotes: Iterable<RemoteVersion> = []): ServedGroup[] {
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
  const elsewhere = new Map<string, RemoteVersion>();
  for (const remote of remotes) {
    elsewhere.set(`${remote.group}/${remote.version}`, remote);
    if (!groups.has(remote.group)) groups.set(remote.group, new Map());
    groups.get(remote.group)!.set(remote.version, []);
  }
  const remoteOf = (group: string, version: string) => elsewhere.get(`${group}/${version}`);
  return [...groups]
    .map(([name, versions]) => {
      const prioritized = [...versions].map(([version, resources]) => {
        const remote = remoteOf(name, version);
        const served: ServedVersion = { version, resources: resources.sort(byPlural), ...(remote && { remote }) };
        return { served, ...priorityOf(name, served) };
      });
      prioritized.sort((a, b) => b.version - a.version || compareVersions(a.served.version, b.served.version));
      const priority = Math.max(...prioritized.map(({ group }) => group));
      return { priority, group: { name, versions: prioritized.map(({ served }) => served) } };
    })
    .sort((a, b) => b.priority - a.priority || (a.group.name < b.group.name ? -1 : 1))
    .map(({ group }) => group);
}

function priorityOf(group: string, { version, remote }: ServedVersion): { group: number; version: number } {
  if (remote) return { group: remote.groupPriority, version: remote.versionPriority };
  const known = builtInPriorities[group];
  if (!known) return customPriority;
  const priority = group === '' ? corePriority : group === aggregatorGroup ? aggregatorPriority : known.group;
  return { group: priority, version: known.versions?.[version] ?? versionPriorityDefault };
}

function byPlural(a: ServedResource, b: ServedResource): number {
  return a.definition.plural < b.definition.plural ? -1 : 1;
}

function servedResource(definition: AnyResource, version: string): ServedResource {
  const verbs = definition.shape
    ? customVerbs.filter((verb) => definition.verbs.includes(verb))
    : [...definition.verbs].sort();
  const stored = verbs.includes('create') && verbs.includes('get');
  return {
    definition,
    verbs,
    storageVersionHash: definition.storageVersionHash ?? (stored ? storageVersionHash(definition) : undefined),
    subresources: subresourcesOf(rulesAt(definition, version), version),
  };
}

/** Upstream lists those of custom resources by hand, and so in an order of their own. */
const customVerbs: readonly Verb[] = [
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'create',
  'update',
  'watch',
];
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
  return definition.shape ? found : found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Opaque to clients, but equal to upstream's. */
export function storageVersionHash({ group, storageVersion, kind }: AnyResource): string {
  const hash = createHash('sha256').update(`${group}/${storageVersion}/${kind}`).digest();
  return hash.subarray(0, 8).toString('base64');
}
