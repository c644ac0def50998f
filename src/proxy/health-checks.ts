/**
 * The ports at which a load balancer asks each node whether it has endpoints of a service that keeps the client's address.
 * https://kubernetes.io/docs/tasks/access-application-cluster/create-external-load-balancer/#preserving-the-client-source-ip
 */
import { createServer, type Server } from 'node:http';
import type { Service } from '#api/gen/core-v1.js';
import type { EndpointSlice } from '#api/gen/discovery-v1.js';
import type { Log } from '#base/log.js';
import { isProxied, localReady, slicesByService } from './service-ports.js';

export interface HealthCheck {
  namespace: string;
  name: string;
  port: number;
  /** How many addresses of the service are ready on this node. */
  localEndpoints: number;
}

/** Pure. By `namespace/name`. */
export function healthChecks(
  services: readonly Service[],
  slices: Iterable<EndpointSlice>,
  { nodeName }: { nodeName: string },
): Map<string, HealthCheck> {
  const asked = services.filter((service) => service.spec.healthCheckNodePort && isProxied(service));
  if (asked.length === 0) return new Map();
  const slicesOf = slicesByService(slices);
  return new Map(
    asked.map(({ metadata: { namespace = '', name = '' }, spec }) => {
      const key = `${namespace}/${name}`;
      const localEndpoints = localReady(slicesOf.get(key) ?? [], nodeName);
      return [key, { namespace, name, port: spec.healthCheckNodePort!, localEndpoints }];
    }),
  );
}

interface Open {
  server: Server;
  check: HealthCheck;
}

export class HealthCheckPorts {
  readonly #log: Log;
  readonly #isProxyHealthy: () => boolean;
  /** By service; as many as there are services that ask for one. */
  readonly #open = new Map<string, Open>();

  constructor({ log, isProxyHealthy }: { log: Log; isProxyHealthy: () => boolean }) {
    this.#log = log;
    this.#isProxyHealthy = isProxyHealthy;
  }

  /** Opens the ports that are new, closes those that are no more, and answers at the others as things now are. */
  async sync(checks: ReadonlyMap<string, HealthCheck>): Promise<void> {
    const gone = [...this.#open].filter(([key, { check }]) => checks.get(key)?.port !== check.port);
    await Promise.all(gone.map(([key]) => this.#close(key)));
    const opening = [...checks].map(([key, check]) => {
      const open = this.#open.get(key);
      if (open) open.check = check;
      return open ? undefined : this.#listen(key, check);
    });
    await Promise.all(opening);
  }

  async stop(): Promise<void> {
    await this.sync(new Map());
  }

  async #listen(key: string, check: HealthCheck): Promise<void> {
    const server = createServer((_, response) => {
      const { status, headers, body } = answerTo(open.check, this.#isProxyHealthy());
      response.writeHead(status, headers).end(body);
    });
    const open: Open = { server, check };
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(check.port, '0.0.0.0', resolve);
      });
    } catch (error) {
      // Tried again with the next change.
      this.#log.error('health check port not opened', { service: key, port: check.port, err: error });
      return;
    }
    server.on('error', (error) => this.#log.error('health check port', { service: key, err: error }));
    // It must not keep a process alive that has nothing else to do.
    server.unref();
    this.#open.set(key, open);
  }

  async #close(key: string): Promise<void> {
    const { server } = this.#open.get(key)!;
    this.#open.delete(key);
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }
}

/** As kube-proxy answers: the load balancer goes by the status, and may weigh nodes by the header. */
export function answerTo({ namespace, name, localEndpoints }: HealthCheck, serviceProxyHealthy: boolean) {
  return {
    status: localEndpoints > 0 && serviceProxyHealthy ? 200 : 503,
    headers: {
      'Content-Type': 'application/json',
      'X-Content-Type-Options': 'nosniff',
      'X-Load-Balancing-Endpoint-Weight': String(localEndpoints),
    },
    body: JSON.stringify({ service: { namespace, name }, localEndpoints, serviceProxyHealthy }, undefined, '\t'),
  };
}
