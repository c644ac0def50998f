/** Asks the server what resources it serves. https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api */
import type { ResourceRef, Verb } from '#api/resource.js';
import { StatusError } from '#apimachinery/errors.js';
import type { Transport } from './transport.js';

export interface DiscoveredResource extends ResourceRef {
  verbs: readonly Verb[];
}

export interface Discovered {
  /** One for each group and resource, in the version that the server prefers; no subresources. */
  resources: DiscoveredResource[];
  /** Group versions (`metrics.k8s.io/v1beta1`) that did not answer, mostly of aggregated servers that are down. */
  failures: { groupVersion: string; error: StatusError }[];
}

interface ResourceList {
  resources?: { name: string; kind: string; namespaced: boolean; verbs: Verb[] }[];
}

interface GroupList {
  groups?: {
    name: string;
    versions: { version: string; groupVersion: string }[];
    preferredVersion?: { version: string };
  }[];
}

/** Enough to hide the way there and back; a server with many groups is not flooded. */
const requestsAtOnceMax = 5;

/** Throws StatusError or TransportError when the list of groups cannot be had. */
export async function discover(transport: Transport, signal?: AbortSignal): Promise<Discovered> {
  const get = async <T>(path: string): Promise<T> =>
    (await transport.request({ method: 'GET', path, signal })).body as T;
  const { groups = [] } = await get<GroupList>('/apis');
  const asked = [{ group: '', version: 'v1', path: '/api/v1' }];
  for (const { name, versions, preferredVersion } of groups) {
    // The preferred version first: of a resource in several versions, the first found is kept.
    const isPreferred = (version: string) => version === preferredVersion?.version;
    const ordered = [...versions].sort((a, b) => Number(isPreferred(b.version)) - Number(isPreferred(a.version)));
    for (const { version } of ordered) asked.push({ group: name, version, path: `/apis/${name}/${version}` });
  }
  const failures: Discovered['failures'] = [];
  const ask = async ({ group, version, path }: (typeof asked)[number]): Promise<ResourceList> => {
    try {
      return await get<ResourceList>(path);
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      failures.push({ groupVersion: group ? `${group}/${version}` : version, error });
      return {};
    }
  };
  const answers: ResourceList[] = [];
  for (let from = 0; from < asked.length; from += requestsAtOnceMax) {
    const some = asked.slice(from, from + requestsAtOnceMax);
    answers.push(...(await Promise.all(some.map((one) => ask(one)))));
  }
  const found = new Map<string, DiscoveredResource>();
  answers.forEach(({ resources = [] }, index) => {
    const { group, version } = asked[index]!;
    for (const { name, kind, namespaced, verbs } of resources) {
      const key = `${group}/${name}`;
      if (name.includes('/') || found.has(key)) continue;
      found.set(key, { group, versions: [version], kind, plural: name, namespaced, verbs });
    }
  });
  return { resources: [...found.values()], failures };
}
