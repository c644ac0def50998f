/** Custom kinds as tests make them: a definition in a group of its own, established, and gone with the test. */
import definitions from '#api/apiextensions/customresourcedefinition.js';
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionSpec,
  CustomResourceDefinitionVersion,
} from '#api/gen/apiextensions-v1.js';
import type { ResourceRef } from '#api/resource.js';
import type { KubeObject } from '#apimachinery/object.js';
import type { Scene } from './conformance.js';

// biome-ignore lint/suspicious/noExplicitAny: custom objects have whatever their tests give them
export type Custom = KubeObject & Record<string, any>;

export interface CustomKind {
  ref: ResourceRef<Custom>;
  definition: CustomResourceDefinition;
  /** `group/version` of the first version. */
  apiVersion: string;
}

export interface CustomOptions {
  /** Default: `v1`, served and stored, of any content. */
  versions?: (Partial<CustomResourceDefinitionVersion> & { name: string })[];
  namespaced?: boolean;
  spec?: Partial<CustomResourceDefinitionSpec>;
  labels?: Record<string, string>;
  kind?: string;
  group?: string;
}

export const anything = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

let made = 0;

export function definitionOf(options: CustomOptions = {}): CustomResourceDefinition {
  const { versions = [{ name: 'v1' }], namespaced = true, spec, labels, kind = 'E2eTest' } = options;
  const group = options.group ?? `group-${++made}.example.com`;
  const singular = kind.toLowerCase();
  const plural = `${singular}s`;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}`, labels },
    spec: {
      group,
      scope: namespaced ? 'Namespaced' : 'Cluster',
      names: { plural, singular, kind, listKind: `${kind}List` },
      versions: versions.map((version, index) => ({
        served: true,
        storage: index === 0,
        schema: { openAPIV3Schema: anything },
        ...version,
      })) as CustomResourceDefinitionVersion[],
      ...spec,
    },
  };
}

export async function makeKind({ client, until }: Scene, options: CustomOptions = {}): Promise<CustomKind> {
  const definition = await client.of(definitions).create(definitionOf(options));
  const { name = '' } = definition.metadata;
  await until(async () => {
    const { status } = await client.of(definitions).get(name);
    return status?.conditions?.some(({ type, status: value }) => type === 'Established' && value === 'True') ?? false;
  });
  return {
    ref: refOf(definition),
    definition,
    apiVersion: `${definition.spec.group}/${definition.spec.versions[0]!.name}`,
  };
}

export function refOf({ spec }: CustomResourceDefinition, version = spec.versions[0]!.name): ResourceRef<Custom> {
  const { group, scope, names } = spec;
  return { group, versions: [version], kind: names.kind, plural: names.plural, namespaced: scope === 'Namespaced' };
}

export async function dropKind({ client }: Scene, { definition }: CustomKind): Promise<void> {
  await client.of(definitions).delete(definition.metadata.name!);
}
