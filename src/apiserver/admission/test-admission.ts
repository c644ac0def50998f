/** What tests of admission plugins share: a registry to look at, requests to admit, and how a plugin is run on one. */
import type { AnyResource } from '#api/resource.js';
import { alreadyExists, notFound } from '#apimachinery/errors.js';
import type { KubeObject } from '#apimachinery/object.js';
import type { UserInfo } from '../authentication/authenticator.js';
import type { Registry } from '../registry/registry.js';
import type { AdmissionPlugin, AdmissionRequest, Operation } from './admission.js';

/** What is stored, as far as the plugins look. */
export class Shelf {
  readonly objects = new Map<string, KubeObject>();

  put(plural: string, object: object): void {
    const { name, namespace = '' } = (object as KubeObject).metadata;
    this.objects.set(`${plural} ${namespace}/${name}`, object as KubeObject);
  }

  readonly registry = (): Registry =>
    ({
      scheme: { byPlural: (resource: object) => resource },
      of: ({ group, plural }: { group: string; plural: string }) => ({
        get: async ({ namespace, name }: { namespace: string; name: string }) => {
          const found = this.objects.get(`${plural} ${namespace}/${name}`);
          if (!found) throw notFound({ group, resource: plural, name });
          return found;
        },
        create: async (object: KubeObject) => {
          const { name = '', namespace = '' } = object.metadata;
          if (this.objects.has(`${plural} ${namespace}/${name}`))
            throw alreadyExists({ group, resource: plural, name });
          this.put(plural, object);
          return object;
        },
        delete: async ({ namespace, name }: { namespace: string; name: string }) => {
          if (!this.objects.delete(`${plural} ${namespace}/${name}`)) throw notFound({ group, resource: plural, name });
        },
        list: async ({ namespace = '' } = {}) => ({
          items: [...this.objects]
            .filter(([key]) => key.startsWith(`${plural} ${namespace && `${namespace}/`}`))
            .map(([, object]) => object),
        }),
      }),
    }) as unknown as Registry;
}

export const jane: UserInfo = { name: 'jane', groups: ['system:authenticated'] };

export function request(
  resource: AnyResource,
  object: object | undefined,
  extra: Partial<AdmissionRequest> & { operation?: Operation } = {},
): AdmissionRequest {
  const metadata = ((object ?? extra.old) as KubeObject).metadata;
  return {
    operation: 'CREATE',
    resource,
    version: resource.versions[0],
    subresource: '',
    namespace: metadata.namespace ?? '',
    name: metadata.name ?? '',
    object: object as KubeObject,
    old: undefined,
    user: jane,
    dryRun: false,
    options: {},
    warn() {},
    annotate() {},
    ...extra,
  };
}

export async function run(plugin: AdmissionPlugin, asked: AdmissionRequest): Promise<void> {
  if (!plugin.handles(asked)) return;
  await plugin.mutate?.(asked);
  await plugin.validate?.(asked);
}

/** The message of the refusal. */
export async function refused(plugin: AdmissionPlugin, asked: AdmissionRequest): Promise<string> {
  try {
    await run(plugin, asked);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('was admitted');
}
