/** A server for tests: memory store, virtual clock, and a fake authorizer that tests may replace. */

import deployments from '#api/apps/deployment.js';
import leases from '#api/coordination/lease.js';
import configmaps from '#api/core/configmap.js';
import namespaces from '#api/core/namespace.js';
import pods from '#api/core/pod/index.js';
import type { AnyResource } from '#api/resource.js';
import { builtinSchemas } from '#api/schema-table.js';
import { Scheme } from '#api/scheme.js';
import type { Clock } from '#base/clock.js';
import { VirtualClock } from '#base/clock.js';
import { silentLog } from '#base/log.js';
import { SeededPrng } from '#base/prng.js';
import { Client } from '#client/client.js';
import { openMemoryStore } from '#storage/memory.js';
import type { Store } from '#storage/store.js';
import type { AdmissionPlugin } from './admission/admission.js';
import type { Attributes, Decision } from './authorization/authorizer.js';
import { ObjectRegistry, type RegistryOptions } from './registry/store.js';
import { type ApiServerOptions, createApiServer } from './server.js';

export interface TestServerOptions extends Partial<Omit<ApiServerOptions, 'clock' | 'registry'>> {
  admission?: AdmissionPlugin[];
  allow?: (attributes: Attributes) => Decision;
  definitions?: AnyResource[];
  cacheLimits?: RegistryOptions['cacheLimits'];
  encryption?: RegistryOptions['encryption'];
  /** Default: a new one. It is closed with the server. */
  store?: Store;
  clock?: Clock;
}

export function startTestServer(options: TestServerOptions = {}) {
  const virtual = new VirtualClock();
  const clock = options.clock ?? virtual;
  const prng = new SeededPrng(1);
  const definitions = options.definitions ?? [configmaps, namespaces, pods, deployments, leases];
  const store = options.store ?? openMemoryStore();
  const registry = new ObjectRegistry({
    scheme: new Scheme(definitions),
    schemas: builtinSchemas,
    store,
    admission: options.admission ?? [],
    clock,
    prng,
    log: silentLog,
    cacheLimits: options.cacheLimits,
    encryption: options.encryption,
  });
  const server = createApiServer({
    registry,
    schemas: builtinSchemas,
    authenticator: {
      name: 'test',
      async authenticate({ bearerToken }) {
        return bearerToken ? { user: { name: bearerToken, groups: [] } } : undefined;
      },
    },
    authorizer: { authorize: options.allow ?? (() => ({ decision: 'allow', reason: '' })) },
    subresources: [],
    paths: [],
    prng,
    log: silentLog,
    ...options,
    clock,
  });
  const transport = server.transport({ name: 'tester', groups: [] });
  return {
    server,
    registry,
    store,
    clock: virtual,
    transport,
    client: new Client(transport),
    async close() {
      registry.close();
      await server.close();
      await store.close();
    },
  };
}
