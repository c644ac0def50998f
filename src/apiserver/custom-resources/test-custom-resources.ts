/** A server for tests that serves CustomResourceDefinitions and what they define. */
import crdResource from '#api/apiextensions/customresourcedefinition.js';
import configmaps from '#api/core/configmap.js';
import namespaces from '#api/core/namespace.js';
import type { CustomResourceDefinition, CustomResourceDefinitionVersion } from '#api/gen/apiextensions-v1.js';
import { builtinSchemas } from '#api/schema-table.js';
import { silentLog } from '#base/log.js';
import { SeededPrng } from '#base/prng.js';
import { Client } from '#client/client.js';
import { InformerFactory } from '#client/informer.js';
import { scaleHandler } from '../subresources/scale.js';
import { startTestServer, type TestServerOptions } from '../test-server.js';
import type { ConverterFactory } from './conversion.js';
import { CustomResources } from './custom-resources.js';

export type Method = 'DELETE' | 'GET' | 'PATCH' | 'POST' | 'PUT';

// biome-ignore lint/suspicious/noExplicitAny: answers of whatever kind
export type Loose = any;

const noConverters: ConverterFactory = () => {
  throw new TypeError('this test has no conversion webhook');
};

export async function startCustomResources(
  options: TestServerOptions & { converters?: ConverterFactory } = {},
): Promise<CustomResourceServer> {
  const { converters = noConverters, ...server } = options;
  const definitions = [crdResource, configmaps, namespaces];
  const test = startTestServer({ definitions, subresources: [scaleHandler], ...server });
  const { registry, clock } = test;
  const end = new AbortController();
  const client = new Client(test.server.transport({ name: 'system:apiserver', groups: ['system:masters'] }));
  const informers = new InformerFactory({ client, clock, prng: new SeededPrng(2), log: silentLog });
  informers.start(end.signal);
  const shared = { registry, schemas: builtinSchemas, client, converters, clock, log: silentLog };
  await new CustomResources(shared).follow(informers, end.signal);
  const send = async (method: Method, path: string, body?: unknown, contentType?: string): Promise<Loose> => {
    const [target, search] = path.split('?') as [string, string?];
    const query = Object.fromEntries(new URLSearchParams(search));
    return (await test.transport.request({ method, path: target, query, body, contentType })).body;
  };
  return {
    ...test,
    send,
    async define(crd) {
      const created = await send('POST', crdPath, crd);
      return established(() => send('GET', `${crdPath}/${created.metadata.name}`));
    },
    async close() {
      end.abort();
      await informers.stopped();
      await test.close();
    },
  };
}

export interface CustomResourceServer extends ReturnType<typeof startTestServer> {
  send(method: Method, path: string, body?: unknown, contentType?: string): Promise<Loose>;
  /** Resolves when it is served. */
  define(crd: unknown): Promise<CustomResourceDefinition>;
}

export const crdPath = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

/** Asks until the server has looked at the definition, which it does in turns of the loop and not of the clock. */
async function established(get: () => Promise<CustomResourceDefinition>): Promise<CustomResourceDefinition> {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const crd = await get();
    if (crd.status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True')) return crd;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error('the definition was not established');
}

export const widgets = '/apis/example.com/v1/namespaces/default/widgets';

/** A definition of widgets with one version, whose spec has these fields. */
export function widgetCrd(properties: object, version: Partial<CustomResourceDefinitionVersion> & object = {}) {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.example.com' },
    spec: {
      group: 'example.com',
      names: { plural: 'widgets', kind: 'Widget', shortNames: ['wd'] },
      scope: 'Namespaced',
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties: {
                spec: { type: 'object', properties },
                status: { type: 'object', properties: { phase: { type: 'string' } } },
              },
            },
          },
          ...version,
        },
      ],
    },
  };
}

export function widget(spec: object | undefined, rest: object = {}) {
  return { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name: 'a' }, ...(spec && { spec }), ...rest };
}
