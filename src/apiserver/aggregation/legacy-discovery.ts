/** From the list of resources of one version (meta.k8s.io/v1 APIResourceList) to the form of aggregated discovery. */

export interface LegacyResource {
  name: string;
  singularName?: string;
  namespaced?: boolean;
  group?: string;
  version?: string;
  kind?: string;
  verbs?: string[];
  shortNames?: string[];
  categories?: string[];
}

interface AggregatedResource {
  resource: string;
  subresources?: object[];
  [field: string]: unknown;
}

/** `group` and `version` are of the list; a resource of another names its own. */
export function aggregatedResources(
  resources: readonly LegacyResource[],
  { group, version }: { group: string; version: string },
): AggregatedResource[] {
  const found = new Map<string, AggregatedResource>();
  const kindOf = (one: LegacyResource) => ({
    group: one.group || group,
    version: one.version || version,
    kind: one.kind ?? '',
  });
  const below: { parent: string; one: LegacyResource; name: string }[] = [];
  for (const one of resources) {
    const [parent = '', name] = one.name.split('/');
    if (name !== undefined) {
      below.push({ parent, one, name });
      continue;
    }
    found.set(parent, {
      resource: parent,
      responseKind: kindOf(one),
      scope: one.namespaced ? 'Namespaced' : 'Cluster',
      singularResource: one.singularName ?? '',
      verbs: one.verbs ?? [],
      ...(one.shortNames?.length && { shortNames: one.shortNames }),
      ...(one.categories?.length && { categories: one.categories }),
    });
  }
  for (const { parent, one, name } of below) {
    let resource = found.get(parent);
    if (!resource) {
      const scope = one.namespaced ? 'Namespaced' : 'Cluster';
      const responseKind = { group: '', version: '', kind: '' };
      found.set(parent, (resource = { resource: parent, responseKind, scope, singularResource: '', verbs: [] }));
    }
    resource.subresources ??= [];
    resource.subresources.push({ subresource: name, responseKind: kindOf(one), verbs: one.verbs ?? [] });
  }
  return [...found.values()];
}
