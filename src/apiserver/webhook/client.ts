/**
 * Calls webhooks: JSON is posted to the URL or service that a configuration names, and JSON comes back. Failures are
 * told in the words of upstream's client, which people search for and tests match.
 * https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#contacting-the-webhook
 */

import type { Clock } from '#base/clock.js';
import { parseExact } from '#base/exact-json.js';
import { Remote, RemoteError } from '#base/remote.js';
import { describeFailure } from '#base/remote-failure.js';
import type { WebhookCredentials } from './credentials.js';
import { describeStatus } from './failures.js';

/** The common part of the clientConfigs of admission and conversion webhooks. */
export interface WebhookClientConfig {
  url?: string;
  service?: { namespace: string; name: string; path?: string; port?: number };
  /** PEM, in base64. */
  caBundle?: string;
}

export interface WebhookAddress {
  host: string;
  port: number;
}

/** Where to reach a port of a service. Throws an Error (a StatusError too) whose message says why not. */
export type ResolveService = (service: { namespace: string; name: string; port: number }) => Promise<WebhookAddress>;

/** No usable answer. The message is what stands after "failed to call webhook: " and the like. */
export class WebhookCallError extends Error {
  override readonly name = 'WebhookCallError';
  /** Of the answer, when there was one. */
  readonly code: number | undefined;

  constructor(message: string, { code, ...options }: ErrorOptions & { code?: number } = {}) {
    super(message, options);
    this.code = code;
  }
}

/** Connections to other configurations are let go when there are more than this (upstream's cache of clients). */
const remotesMax = 200;
const answerBytesMax = 16 * 2 ** 20;

interface Target {
  /** As messages name it. */
  url: string;
  /** Where it is in truth. */
  address: string;
  tlsServerName?: string;
  host?: string;
}

export class WebhookClient {
  readonly #clock: Clock;
  readonly #resolve: ResolveService;
  readonly #credentials: WebhookCredentials | undefined;
  /** In order of last use. */
  readonly #remotes = new Map<string, Remote>();

  constructor(options: { clock: Clock; resolveService: ResolveService; credentials?: WebhookCredentials }) {
    this.#clock = options.clock;
    this.#resolve = options.resolveService;
    this.#credentials = options.credentials;
  }

  /** Throws WebhookCallError. */
  async post(config: WebhookClientConfig, { body, timeoutMs }: { body: unknown; timeoutMs: number }): Promise<unknown> {
    const query = `?timeout=${Math.ceil(timeoutMs / 1000)}s`;
    const { url, ...target } = await this.#target(config, query);
    const shown = `${url}${query}`;
    const remote = this.#remote(target, config.caBundle);
    try {
      const { status, headers, text } = await remote.request({
        method: 'POST',
        path: query,
        body,
        timeoutMs,
        bytesMax: answerBytesMax,
      });
      if (status < 200 || status > 206)
        throw new WebhookCallError(describeStatus(status, headers, text), { code: status });
      return parse(text);
    } catch (error) {
      if (!(error instanceof RemoteError)) throw error;
      throw new WebhookCallError(`Post ${JSON.stringify(shown)}: ${describeFailure(error, target)}`, { cause: error });
    }
  }

  close(): void {
    for (const remote of this.#remotes.values()) remote.close();
    this.#remotes.clear();
  }

  async #target({ url, service }: WebhookClientConfig, query: string): Promise<Target> {
    if (!service) {
      if (!url) throw new WebhookCallError('webhook configuration must have either service or URL');
      const { protocol, host, pathname } = new URL(url);
      const plain = `${protocol}//${host}${pathname}`;
      return { url: plain, address: plain };
    }
    const { namespace, name, path = '/', port = 443 } = service;
    const tlsServerName = `${name}.${namespace}.svc`;
    const host = `${tlsServerName}:${port}`;
    const shown = `https://${host}${path.startsWith('/') ? path : `/${path}`}`;
    try {
      const found = await this.#resolve({ namespace, name, port });
      const literal = found.host.includes(':') ? `[${found.host}]` : found.host;
      return { url: shown, address: shown.replace(host, `${literal}:${found.port}`), tlsServerName, host };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new WebhookCallError(`Post ${JSON.stringify(shown + query)}: ${why}`, { cause: error });
    }
  }

  #remote({ address, tlsServerName, host }: Omit<Target, 'url'>, caBundle: string | undefined): Remote {
    const key = JSON.stringify([address, tlsServerName, host, caBundle]);
    const known = this.#remotes.get(key);
    this.#remotes.delete(key);
    const ca = caBundle ? Buffer.from(caBundle, 'base64').toString() : undefined;
    const remote =
      known ??
      new Remote({
        url: address,
        clock: this.#clock,
        ca,
        tlsServerName,
        userAgent: 'kube-apiserver-admission',
        ...this.#signIn(host ?? new URL(address).host),
      });
    this.#remotes.set(key, remote);
    for (const [oldest, unused] of this.#remotes) {
      if (this.#remotes.size <= remotesMax) break;
      unused.close();
      this.#remotes.delete(oldest);
    }
    return remote;
  }

  #signIn(host: string) {
    const { hostname, port } = new URL(`https://${host}`);
    const found = this.#credentials?.({ host: hostname, port: Number(port || 443) });
    return found && { cert: found.clientCertificate, key: found.clientKey, token: found.token };
  }
}

function parse(text: string): unknown {
  let value: unknown;
  try {
    value = parseExact(text);
  } catch (error) {
    const why = text.trim() === '' ? 'unexpected end of JSON input' : (error as Error).message;
    throw new WebhookCallError(`couldn't get version/kind; json parse error: ${why}`, { cause: error });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  const kind = Array.isArray(value) ? 'array' : typeof value;
  const go = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';
  throw new WebhookCallError(
    `couldn't get version/kind; json parse error: json: cannot unmarshal ${kind} into Go value of type ${go}`,
  );
}
