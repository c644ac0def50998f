/** All kinds with what they are tried with: the smallest object of each, where it is created, and patches of it. */
import definitions from '#api/index.gen.js';
import type { AnyResource } from '#api/resource.js';
import type { KubeObject } from '#apimachinery/object.js';
import { applyMergePatch, type JsonObject } from '#apimachinery/patch.js';
import { copy } from '#base/json.js';
import type { Cases, KindCases, Patch } from './test-case.js';
import { clusterKinds } from './test-cluster-kinds.js';
import { core } from './test-core.js';
import { infrastructure } from './test-infrastructure.js';
import { workloads } from './test-workloads.js';

export const cases: Cases = { ...core, ...workloads, ...infrastructure, ...clusterKinds };

/** What is stored, and not only looked at and answered. */
export const kinds = (definitions as AnyResource[]).filter(
  ({ verbs }) => verbs.includes('create') && verbs.includes('list'),
);

export function idOf({ plural, group }: AnyResource): string {
  return group ? `${plural}.${group}` : plural;
}

/** `root` is the path of its collection. */
export function leastOf(kind: AnyResource, { least, name = 'one' }: Pick<KindCases, 'least' | 'name'>) {
  const { group, versions, namespaced, plural } = kind;
  const apiVersion = group ? `${group}/${versions[0]}` : versions[0]!;
  const metadata = { name, ...(namespaced && { namespace: 'default' }) };
  return {
    name,
    root: `/${group ? 'apis' : 'api'}/${apiVersion}${namespaced ? '/namespaces/default' : ''}/${plural}`,
    object: { apiVersion, kind: kind.kind, metadata, ...least } as KubeObject,
  };
}

export function merged(object: object, patch: Patch): KubeObject {
  return applyMergePatch(copy(object) as unknown as JsonObject, copy(patch)) as unknown as KubeObject;
}
