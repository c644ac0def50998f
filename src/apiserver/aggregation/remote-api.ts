/**
 * A group and version that another server serves: where that server is, whether it is fit to be asked, and how it is
 * asked as somebody. https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/
 */
import { Agent, type AgentOptions } from 'node:https';
import type { APIService } from '#api/gen/apiregistration-v1.js';
import { equal } from '#base/json.js';
import type { UserInfo } from '../authentication/authenticator.js';
import type { Backend } from '../subresources/streaming/backend.js';
import type { ResolveService } from '../webhook/client.js';

export interface ProxyIdentity {
  /** PEM, of the authority that extension servers know by the ConfigMap extension-apiserver-authentication. */
  cert: string;
  key: string;
}

const portDefault = 443;
const socketsMax = 256;

export class RemoteApi {
  service: APIService;
  readonly #identity: ProxyIdentity;
  readonly #resolve: ResolveService;
  #agent: Agent | undefined;

  constructor(options: { service: APIService; identity: ProxyIdentity; resolve: ResolveService }) {
    this.service = options.service;
    this.#identity = options.identity;
    this.#resolve = options.resolve;
  }

  get group(): string {
    return this.service.spec.group ?? '';
  }

  get version(): string {
    return this.service.spec.version ?? '';
  }

  get isAvailable(): boolean {
    return (
      this.service.status?.conditions?.some(({ type, status }) => type === 'Available' && status === 'True') ?? false
    );
  }

  /** `namespace/name:port`: groups behind the same service are one server. */
  get server(): string {
    const { namespace, name, port } = this.#reference;
    return `${namespace}/${name}:${port}`;
  }

  /** Connections of an older way to it are not used again. */
  update(service: APIService): void {
    const isSame = equal(service.spec, this.service.spec);
    this.service = service;
    if (!isSame) this.close();
  }

  /** Throws an Error that says why it is nowhere. */
  async backend(): Promise<Backend> {
    const { host, port } = await this.#resolve(this.#reference);
    return { host, port, tls: this.#tls };
  }

  /** Keeps connections for later. */
  get agent(): Agent {
    return (this.#agent ??= new Agent({ keepAlive: true, maxSockets: socketsMax, ...(this.#tls as AgentOptions) }));
  }

  close(): void {
    this.#agent?.destroy();
    this.#agent = undefined;
  }

  get #reference(): { namespace: string; name: string; port: number } {
    const { namespace = '', name = '', port = portDefault } = this.service.spec.service ?? {};
    return { namespace, name, port };
  }

  get #tls(): NonNullable<Backend['tls']> {
    const { caBundle, insecureSkipTLSVerify } = this.service.spec;
    const { namespace, name } = this.#reference;
    return {
      ...this.#identity,
      ca: caBundle ? Buffer.from(caBundle, 'base64') : undefined,
      servername: `${name}.${namespace}.svc`,
      rejectUnauthorized: !insecureSkipTLSVerify,
    };
  }
}

/** In whose name a request is passed on; believed for the certificate with which it comes. */
export function remoteUserHeaders({ name, uid, groups, extra = {} }: UserInfo): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = { 'X-Remote-User': name };
  if (uid) headers['X-Remote-Uid'] = uid;
  if (groups.length > 0) headers['X-Remote-Group'] = [...groups];
  for (const [key, values] of Object.entries(extra)) {
    if (values.length > 0) headers[`X-Remote-Extra-${escapeKey(key)}`] = [...values];
  }
  return headers;
}

/** What cannot stand in a header's name is percent-encoded, `%` itself too. */
function escapeKey(key: string): string {
  return [...Buffer.from(key.toLowerCase())]
    .map((byte) => {
      const letter = String.fromCharCode(byte);
      return /[!#$&'*+\-.^_`|~0-9a-z]/.test(letter) ? letter : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}
