/**
 * Identity and policy of one API server, wired together: who is asking, who may, what a write must satisfy, and the
 * handlers that answer questions about these.
 */
import type { KeyObject } from 'node:crypto';
import nodeResource from '#api/core/node.js';
import podResource from '#api/core/pod/index.js';
import secretResource from '#api/core/secret.js';
import serviceAccountResource from '#api/core/serviceaccount.js';
import type { Secret } from '#api/gen/core-v1.js';
import clusterRoleResource from '#api/rbac/clusterrole.js';
import clusterRoleBindingResource from '#api/rbac/clusterrolebinding.js';
import roleResource from '#api/rbac/role.js';
import roleBindingResource from '#api/rbac/rolebinding.js';
import { isReason } from '#apimachinery/errors.js';
import { FeatureGates, type Gate } from '#apimachinery/features/gates.js';
import { lastUsedLabel } from '#apimachinery/legacy-token.js';
import type { SchemaTable } from '#apimachinery/schema.js';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import type { Prng } from '#base/prng.js';
import type { InformerFactory } from '#client/informer.js';
import type { AdmissionPlugin } from './admission/admission.js';
import { type AdmissionDependencies, admissionPlugins } from './admission/order.js';
import type { PodSecurityObservation } from './admission/pod-security/observation.js';
import { admissionPolicies } from './admission/policy/index.js';
import type { PolicyObservation } from './admission/policy/observation.js';
import type { CallObservation } from './admission/webhook/call.js';
import { admissionWebhooks } from './admission/webhook/index.js';
import type { Authenticator } from './authentication/authenticator.js';
import { bootstrapTokens } from './authentication/bootstrap-token.js';
import { type FrontProxyOptions, frontProxy } from './authentication/front-proxy.js';
import { type DiscoveryDocument, issuerDiscovery } from './authentication/issuer-discovery.js';
import { legacyTokens } from './authentication/legacy-tokens.js';
import {
  type BoundKind,
  type BoundObjects,
  ServiceAccountTokens,
  type TokenOptions,
} from './authentication/service-account-tokens.js';
import { audienceAgnostic } from './authentication/tokens.js';
import { type Anonymous, UnionAuthenticator } from './authentication/union.js';
import { X509Authenticator } from './authentication/x509.js';
import type { Authorizer } from './authorization/authorizer.js';
import { NodeAuthorizer } from './authorization/node.js';
import { feedNodeAuthorizer } from './authorization/node-feed.js';
import { feedRbac } from './authorization/rbac/feed.js';
import { RbacAuthorizer } from './authorization/rbac/rbac.js';
import { AuthorizerRow, type RowSource } from './authorization/row.js';
import type { TokenUse } from './metrics/token-metrics.js';
import { ownWrite } from './registry/own-write.js';
import type { Registry } from './registry/registry.js';
import type { ComponentHealth } from './subresources/component-status.js';
import { policyHandlers } from './subresources/policy.js';
import type { SubresourceHandler } from './subresources/subresource.js';
import type { ResolveService } from './webhook/client.js';
import { clusterAddresses } from './webhook/services.js';

export interface PolicyOptions extends Pick<AdmissionDependencies, 'serviceRange' | 'nodePorts' | 'admissionChoice'> {
  /** Asked for at each request: the registry is made with the admission plugins, and so after them. */
  registry: () => Registry;
  /** PEM of the authorities that client certificates are signed by. */
  clientAuthorities: string;
  serviceAccountKey: KeyObject;
  /** Default: `https://kubernetes.default.svc.cluster.local`. */
  issuer?: string;
  schemas: SchemaTable;
  /** How tokens of service accounts are made and judged, where that is not by default. */
  tokenOptions?: Partial<Omit<TokenOptions, 'clock' | 'prng' | 'objects'>>;
  /** Proxies in front of the server; left out: none is believed. */
  frontProxy?: FrontProxyOptions;
  /** More who know whose a bearer token is, made for these audiences of the server's own. */
  tokenAuthenticators?: readonly Authenticator[];
  /** Whether tokens of bootstrap secrets are taken. Default: true. */
  bootstrapTokens?: boolean;
  /** Where others find the keys of our tokens. Default: on this server. */
  jwksUri?: string;
  /** Default: Node, then RBAC. */
  authorizers?: RowSource;
  /** Default: callers without credentials are let in as system:anonymous. */
  anonymous?: Anonymous;
  /** Where the services of webhooks are. Default: at their cluster IPs. */
  resolveService?: ResolveService;
  /** Told of every request with a certificate how long that is good. */
  observeCertificate?: (secondsLeft: number) => void;
  /** Told of every token of a service account that holds. */
  observeToken?: TokenUse;
  /** Told of every decision about the security of pods. */
  observePodSecurity?: (observation: PodSecurityObservation) => void;
  /** Told of every call of an admission webhook. */
  observeWebhook?: (observation: CallObservation) => void;
  /** Told of every expression of an admission policy. */
  observePolicy?: (observation: PolicyObservation) => void;
  /** Default: all at their default. */
  gates?: FeatureGates;
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
   * Follows roles, bindings, pods, admission webhooks and admission policies. The informers' client must be of
   * system:masters: until they are synced nobody else is allowed anything.
   */
  follow(informers: InformerFactory): Promise<void>;
}

/** Admission plugins that a feature gate turns off. */
const gatedPlugins: Readonly<Record<string, Gate>> = {
  MutatingAdmissionPolicy: 'MutatingAdmissionPolicy',
  PodTopologyLabels: 'PodTopologyLabelsAdmission',
};

export const defaultIssuer = 'https://kubernetes.default.svc.cluster.local';

export function createPolicy(options: PolicyOptions): Policy {
  const { clock, prng, registry, clientAuthorities, serviceAccountKey, issuer = defaultIssuer } = options;
  const { gates = FeatureGates.standard } = options;
  const objects = boundObjects(registry);
  const tokens = new ServiceAccountTokens({
    issuer,
    key: serviceAccountKey,
    ...options.tokenOptions,
    clock,
    prng,
    objects,
    observe: options.observeToken,
  });
  const authenticator = new UnionAuthenticator({
    authenticators: [
      ...(options.frontProxy ? [frontProxy(options.frontProxy, clock)] : []),
      new X509Authenticator({
        authorities: clientAuthorities,
        clock,
        observe: options.observeCertificate,
        takesUid: gates.enabled('AllowParsingUserUIDFromCertAuth'),
      }),
      tokens,
      ...storedTokens(options, { tokens, objects }),
      ...(options.tokenAuthenticators ?? []),
    ],
    anonymous: options.anonymous,
  });
  const rbac = new RbacAuthorizer();
  const nodes = new NodeAuthorizer();
  const row = new AuthorizerRow({ Node: nodes, RBAC: rbac }, options.authorizers);
  const authorizer = row.authorizer;
  const webhooks = admissionWebhooks({
    ...options,
    authorizer,
    observe: options.observeWebhook,
    webhookCredentials: options.admissionChoice?.webhookCredentials,
    resolveService: options.resolveService ?? clusterAddresses(options),
  });
  const policies = admissionPolicies({ ...options, authorizer, observe: options.observePolicy });
  return {
    tokens,
    authenticator,
    authorizer,
    rbac,
    admission: admissionPlugins({ ...options, authorizer, rbac, webhooks, policies }).filter(
      ({ name }) => !gatedPlugins[name] || gates.enabled(gatedPlugins[name]),
    ),
    handlers: (components) =>
      policyHandlers({
        clock,
        tokens,
        authenticator,
        authorizer,
        rbac,
        components,
        whoCannotTell: (user) => row.whoCannotTell(user),
      }),
    documents: (url) =>
      issuerDiscovery({
        issuer: tokens.issuer,
        keysUrl: options.jwksUri ?? `${url}/openid/v1/jwks`,
        keys: tokens.verificationKeys,
      }),
    async follow(informers) {
      const sources = {
        clusterRoles: informers.of(clusterRoleResource),
        clusterRoleBindings: informers.of(clusterRoleBindingResource),
        roles: informers.of(roleResource),
        roleBindings: informers.of(roleBindingResource),
      };
      const { scheme } = registry();
      feedRbac(rbac, sources);
      const all = Object.values(sources).map(({ synced }) => synced);
      const configured = { informers, scheme };
      const nodesKnown = feedNodeAuthorizer(nodes, configured);
      await Promise.all([...all, nodesKnown, webhooks.follow(configured), policies.follow(configured)]);
    },
  };
}

/** Those whose tokens stand in secrets; they say nothing of audiences, and so are good for the server's own. */
function storedTokens(
  { registry, clock, bootstrapTokens: takesBootstrap = true, observeToken: observe }: PolicyOptions,
  { tokens, objects }: { tokens: ServiceAccountTokens; objects: BoundObjects },
): Authenticator[] {
  const noteUse = async ({ metadata: { namespace = '', name = '' } }: Secret, day: string) => {
    const change = (secret: Secret) => {
      secret.metadata.labels = { ...secret.metadata.labels, [lastUsedLabel]: day };
      return secret;
    };
    await registry()
      .of<Secret>(secretResource)
      .update({ namespace, name }, change, ownWrite)
      .catch((error: unknown) => {
        if (!isReason(error, 'NotFound', 'Conflict', 'Invalid')) throw error;
      });
  };
  const secret = (name: string) =>
    objects.get('Secret', { namespace: 'kube-system', name }) as Promise<Secret | undefined>;
  return [
    legacyTokens({ keys: tokens.verificationKeys, objects, clock, noteUse, observe }),
    ...(takesBootstrap ? [bootstrapTokens({ clock, secret })] : []),
  ].map((one) => audienceAgnostic(one, tokens.audiences));
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
