/**
 * Identity and policy of one API server, wired together: who is asking, who may, what a write must satisfy, and the
 * handlers that answer questions about these.
 */
import type { KeyObject } from 'node:crypto';
import nodeResource from '#api/core/node.js';
import podResource from '#api/core/pod/index.js';
import secretResource from '#api/core/secret.js';
import serviceAccountResource from '#api/core/serviceaccount.js';
import clusterRoleResource from '#api/rbac/clusterrole.js';
import clusterRoleBindingResource from '#api/rbac/clusterrolebinding.js';
import roleResource from '#api/rbac/role.js';
import roleBindingResource from '#api/rbac/rolebinding.js';
import { isReason } from '#apimachinery/errors.js';
import type { SchemaTable } from '#apimachinery/schema.js';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import type { Prng } from '#base/prng.js';
import type { InformerFactory } from '#client/informer.js';
import type { AdmissionPlugin } from './admission/admission.js';
import { type AdmissionDependencies, admissionPlugins } from './admission/order.js';
import { admissionWebhooks } from './admission/webhook/index.js';
import { type DiscoveryDocument, issuerDiscovery } from './authentication/issuer-discovery.js';
import { type BoundKind, type BoundObjects, ServiceAccountTokens } from './authentication/service-account-tokens.js';
import { UnionAuthenticator } from './authentication/union.js';
import { X509Authenticator } from './authentication/x509.js';
import type { Authorizer } from './authorization/authorizer.js';
import { feedNodeAuthorizer, NodeAuthorizer } from './authorization/node.js';
import { feedRbac } from './authorization/rbac/feed.js';
import { RbacAuthorizer } from './authorization/rbac/rbac.js';
import { privilegedGroupAuthorizer, UnionAuthorizer } from './authorization/union.js';
import type { Registry } from './registry/registry.js';
import type { ComponentHealth } from './subresources/component-status.js';
import { policyHandlers } from './subresources/policy.js';
import type { SubresourceHandler } from './subresources/subresource.js';

export interface PolicyOptions extends Pick<AdmissionDependencies, 'serviceRange' | 'nodePorts'> {
  /** Asked for at each request: the registry is made with the admission plugins, and so after them. */
  registry: () => Registry;
  /** PEM of the authorities that client certificates are signed by. */
  clientAuthorities: string;
  serviceAccountKey: KeyObject;
  /** Default: `https://kubernetes.default.svc.cluster.local`. */
  issuer?: string;
  allowAnonymous?: boolean;
  schemas: SchemaTable;
  clock: Clock;
  prng: Prng;
  log: Log;
}

export interface Policy {
  tokens: ServiceAccountTokens;
  authenticator: UnionAuthenticator;
  authorizer: Authorizer;
  rbac: RbacAuthorizer;
  admission: AdmissionPlugin[];
  handlers(components: readonly ComponentHealth[]): SubresourceHandler[];
  /** `url` is how clients outside reach the server: `https://192.0.2.1:6443`. */
  documents(url: string): DiscoveryDocument[];
  /**
   * Follows roles, bindings, pods and admission webhooks. The informers' client must be of system:masters: until they are synced nobody
   * else is allowed anything.
   */
  follow(informers: InformerFactory): Promise<void>;
}

export const defaultIssuer = 'https://kubernetes.default.svc.cluster.local';

export function createPolicy(options: PolicyOptions): Policy {
  const { clock, prng, registry, clientAuthorities, serviceAccountKey, issuer = defaultIssuer } = options;
  const objects = boundObjects(registry);
  const tokens = new ServiceAccountTokens({ issuer, key: serviceAccountKey, clock, prng, objects });
  const authenticator = new UnionAuthenticator({
    authenticators: [new X509Authenticator({ authorities: clientAuthorities, clock }), tokens],
    allowAnonymous: options.allowAnonymous,
  });
  const rbac = new RbacAuthorizer();
  const nodes = new NodeAuthorizer();
  const authorizer = new UnionAuthorizer([privilegedGroupAuthorizer, nodes, rbac]);
  const webhooks = admissionWebhooks(options);
  return {
    tokens,
    authenticator,
    authorizer,
    rbac,
    admission: admissionPlugins({ ...options, authorizer, rbac, webhooks }),
    handlers: (components) => policyHandlers({ clock, tokens, authenticator, authorizer, rbac, components }),
    documents: (url) => issuerDiscovery({ issuer, keysUrl: `${url}/openid/v1/jwks`, keys: tokens.verificationKeys }),
    async follow(informers) {
      const sources = {
        clusterRoles: informers.of(clusterRoleResource),
        clusterRoleBindings: informers.of(clusterRoleBindingResource),
        roles: informers.of(roleResource),
        roleBindings: informers.of(roleBindingResource),
      };
      const pods = informers.of(podResource);
      feedRbac(rbac, sources);
      feedNodeAuthorizer(nodes, pods);
      const all = [...Object.values(sources), pods].map(({ synced }) => synced);
      await Promise.all([...all, webhooks.follow(informers, registry().scheme)]);
    },
  };
}

function boundObjects(registry: () => Registry): BoundObjects {
  const resources: Record<BoundKind, { group: string; plural: string }> = {
    ServiceAccount: serviceAccountResource,
    Pod: podResource,
    Secret: secretResource,
    Node: nodeResource,
  };
  return {
    async get(kind, key) {
      try {
        return await registry().of(resources[kind]).get(key);
      } catch (error) {
        if (isReason(error, 'NotFound')) return undefined;
        throw error;
      }
    },
  };
}
