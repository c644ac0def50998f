/** The control plane in one process: store, API server, controllers, scheduler; each a client of the one before. */
import type { AddressInfo } from 'node:net';
import builtins from '#api/index.gen.js';
import { builtinSchemas } from '#api/schema-table.js';
import { Scheme } from '#api/scheme.js';
import { FeatureGates } from '#apimachinery/features/gates.js';
import { Aggregation } from '#apiserver/aggregation/aggregation.js';
import type { UserInfo } from '#apiserver/authentication/authenticator.js';
import { componentUsers, programOf } from '#apiserver/authentication/component-users.js';
import { defaultFrontProxy, type FrontProxyOptions } from '#apiserver/authentication/front-proxy.js';
import { webhookConverters } from '#apiserver/custom-resources/conversion.js';
import { CustomResources } from '#apiserver/custom-resources/custom-resources.js';
import { dumpFlowControl } from '#apiserver/flow-control/dump.js';
import { FlowControl } from '#apiserver/flow-control/flow-control.js';
import { followFlowControl } from '#apiserver/flow-control/follow.js';
import type { HealthCheck } from '#apiserver/health.js';
import { collectIdentityLeases, keepIdentityLease } from '#apiserver/identity-lease.js';
import { addAllocatorMetrics } from '#apiserver/metrics/allocator-metrics.js';
import { ServerMetrics } from '#apiserver/metrics/server-metrics.js';
import { addStoreSize } from '#apiserver/metrics/store-metrics.js';
import type { PathHandler } from '#apiserver/path-handler.js';
import { createPolicy, type Policy, type PolicyOptions } from '#apiserver/policy.js';
import { profilingPaths } from '#apiserver/profiling/paths.js';
import { ObjectRegistry } from '#apiserver/registry/store.js';
import { type ApiServer, createApiServer } from '#apiserver/server.js';
import { keepServiceIps } from '#apiserver/service-ips.js';
import { startChecks, startStages } from '#apiserver/start-checks.js';
import { streamingSubresources } from '#apiserver/subresources/streaming/index.js';
import type { SubresourceHandler } from '#apiserver/subresources/subresource.js';
import { ensureSystemObjects } from '#apiserver/system-objects.js';
import { type ResolveService, WebhookClient } from '#apiserver/webhook/client.js';
import { clusterAddresses, endpointAddresses } from '#apiserver/webhook/services.js';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import type { Prng } from '#base/prng.js';
import { Client } from '#client/client.js';
import { InformerFactory } from '#client/informer.js';
import type { Transport } from '#client/transport.js';
import controllers from '#controllers/index.gen.js';
import type { Controller } from '#controllers/runtime.js';
import type { ControllerSettings } from '#controllers/settings.js';
import { addressOf, prefixLength, subnetOf } from '#network/cidr.js';
import type { SchedulerConfiguration } from '#scheduler/configuration.js';
import type { Store } from '#storage/store.js';
import type { ApiServerFiles } from './api-server/files.js';
import { type Components, type ComponentsCopy, type ComponentsOptions, componentsOf } from './components.js';
import type { Election } from './controller-manager/election.js';
import { pathHandlers } from './path-handlers.js';
import type { KeyPair, Pki } from './pki.js';
import { versionInfo } from './version.js';

export interface ControlPlaneOptions {
  store: Store;
  pki: Pki;
  serviceCidr: string;
  clusterDomain: string;
  /** Names the Lease of this API server. Default: it has none. */
  hostname?: string;
  /** Where pods reach the API server. */
  advertiseAddress: string;
  /** The port that discovery and the issuer's documents name. Default: 443. */
  advertisePort?: number;
  clock: Clock;
  prng: Prng;
  log: Log;
  /** More handlers of subresources: those that need nodes. */
  subresources?: readonly SubresourceHandler[];
  /** With which the API server speaks to kubelets. */
  kubeletClient?: KeyPair;
  /** Whether profiles of this process are to be had. Default: they are not. */
  profiling?: boolean;
  /** Webhooks and aggregated servers are reached at endpoints of their services. Default: at the cluster IPs of these. */
  aggregatorRouting?: boolean;
  /** How much the log tells, as Kubernetes counts. Default: it cannot be changed. */
  setVerbosity?: ((level: number) => void) | undefined;
  /** What the files of the store take. Default: it is in memory. */
  storeBytes?: () => number | undefined;
  /** All settings as texts, by the names of their flags, for `/flagz`. Default: there is no such page. */
  flags?: Readonly<Record<string, string>>;
  /** What the API server's settings named in files. */
  files?: ApiServerFiles;
  /** Default: all that there are. */
  controllers?: readonly Controller[];
  controllerSettings: ControllerSettings;
  scheduler?: boolean;
  /** Controllers and scheduler work only while they lead. Default: they are alone. */
  election?: Election;
  /** Default: one profile. */
  schedulerConfiguration?: SchedulerConfiguration;
  /** Several copies of them in this process, each on a clock and behind a transport of its own; one leads. */
  copies?: readonly ComponentsCopy[];
  /** Stands between controllers and scheduler, each known by its user's name, and the API server. Default: nothing. */
  between?: (component: string, transport: Transport) => Transport;
}

export class ControlPlane {
  readonly server: ApiServer;
  readonly registry: ObjectRegistry;
  readonly policy: Policy;
  readonly flow: FlowControl;
  readonly aggregation: Aggregation;
  readonly metrics: ServerMetrics;
  readonly #options: ControlPlaneOptions;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>[] = [];
  /** More than one where there are copies. */
  #components: readonly Components[] = [];
  /** How many of the start's stages are behind it. */
  #stages = 0;

  constructor(options: ControlPlaneOptions) {
    this.#options = options;
    const { store, pki, clock, prng, log, serviceCidr, clusterDomain } = options;
    const scheme = new Scheme(builtins);
    const shared = { clock, prng, log };
    this.metrics = new ServerMetrics({
      clock,
      flow: () => this.flow,
      registry: () => this.registry,
      gates: this.#gates,
      audit: () => options.files?.audit?.counts,
      build: { ...versionInfo },
    });
    this.policy = createPolicy({
      ...shared,
      registry: () => this.registry,
      schemas: builtinSchemas,
      clientAuthorities: pki.ca,
      serviceAccountKey: pki.serviceAccountKey,
      ...this.#observers(),
      resolveService: this.#resolveService,
      serviceRange: serviceCidr,
      issuer: `https://kubernetes.default.svc.${clusterDomain}`,
      frontProxy: this.#frontProxy,
      ...options.files?.authentication,
      authorizers: options.files?.authorizers,
      admissionChoice: options.files?.admission,
      gates: this.#gates,
    });
    this.registry = new ObjectRegistry({
      ...shared,
      scheme,
      schemas: builtinSchemas,
      store,
      encryption: options.files?.encryption,
      admission: this.policy.admission,
      admissionObserver: this.metrics.admission,
      observeStore: (resource) => this.metrics.storage.of(resource),
      gates: this.#gates,
    });
    this.flow = new FlowControl({ clock, loadOf: (one) => this.registry.loadOf(one), metrics: this.metrics.flow });
    this.aggregation = new Aggregation({
      ...shared,
      scheme,
      onUnavailable: (name, reason) => this.metrics.unavailable(name, reason),
      resolve: this.#resolveService,
      identity: async () => {
        const { certificate: cert, key } = await pki.frontProxyClientCertificate();
        return { cert, key };
      },
    });
    this.#addMetrics(scheme);
    const healthChecks = this.#healthChecks();
    this.server = createApiServer({
      ...shared,
      aggregator: this.aggregation.aggregator,
      flow: this.flow,
      metrics: this.metrics.requests,
      onHealthCheck: (...told) => this.metrics.checked(...told),
      registry: this.registry,
      schemas: builtinSchemas,
      authenticator: this.policy.authenticator,
      authorizer: this.policy.authorizer,
      audit: options.files?.audit,
      subresources: [
        ...this.policy.handlers(this.#componentChecks()),
        ...streamingHandlers(options),
        ...(options.subresources ?? []),
      ],
      paths: this.#paths(scheme, healthChecks),
      tls: {
        cert: pki.server.certificate,
        key: pki.server.key,
        clientCa: `${pki.ca}\n${this.#frontProxy.authorities}`,
      },
      healthChecks,
      browsers: options.files?.browsers,
    });
  }

  #paths(scheme: Scheme, healthChecks: readonly HealthCheck[]): PathHandler[] {
    const { policy, aggregation } = this;
    const { profiling, setVerbosity, clock } = this.#options;
    return [
      this.metrics.answer,
      (_, info) => dumpFlowControl(info, { levels: this.flow.levels.all, clock }),
      ...(profiling ? [profilingPaths({ clock, setVerbosity })] : []),
      ...pathHandlers({ ...this.#options, gates: this.#gates, scheme, policy, aggregation, healthChecks }),
    ];
  }

  #healthChecks(): HealthCheck[] {
    const encryption = this.#options.files?.encryption;
    return startChecks({
      store: () => this.registry.check(),
      encryption: encryption?.hasPlugins ? () => encryption.check() : undefined,
      isBehind: (stage) => startStages.indexOf(stage) < this.#stages,
      isStopping: () => this.#stop.signal.aborted,
    });
  }

  #observers(): Pick<
    PolicyOptions,
    'observeCertificate' | 'observeToken' | 'observeWebhook' | 'observePolicy' | 'observePodSecurity'
  > {
    return {
      observeCertificate: (secondsLeft) => this.metrics.requests.access.certificate(secondsLeft),
      observeWebhook: (call) => this.metrics.admissionCalls.webhook(call),
      observePolicy: (evaluation) => this.metrics.admissionCalls.policy(evaluation),
      observeToken: this.metrics.tokens,
      observePodSecurity: (evaluation) => this.metrics.podSecurity.evaluated(evaluation),
    };
  }

  #addMetrics(scheme: Scheme): void {
    const { storeBytes, serviceCidr: serviceRange } = this.#options;
    addAllocatorMetrics(this.metrics.registry, { objects: () => this.registry, serviceRange });
    if (storeBytes) addStoreSize(this.metrics.registry, storeBytes);
    this.metrics.watchAggregation(
      () => this.aggregation.aggregator.remotes.values(),
      () => new Set([...scheme.resources()].flatMap(({ group, versions }) => versions.map((one) => `${one}.${group}`))),
    );
  }

  /** A client in this process, as this user. */
  client(user: UserInfo): Client {
    return new Client(this.server.transport(user, { program: programOf(user) }));
  }

  get #resolveService(): ResolveService {
    const { prng, aggregatorRouting } = this.#options;
    const where = { prng, registry: () => this.registry };
    return aggregatorRouting ? endpointAddresses(where) : clusterAddresses(where);
  }

  get #gates(): FeatureGates {
    return this.#options.files?.gates ?? FeatureGates.standard;
  }

  get #frontProxy(): FrontProxyOptions {
    const { files, pki } = this.#options;
    const { frontProxyCa: authorities } = pki;
    return files?.authentication.frontProxy ?? { authorities, ...defaultFrontProxy };
  }

  get scheme(): Scheme {
    return this.registry.scheme;
  }

  /** Serves, and makes what every cluster has. Resolves when `/readyz` says ok. Throws the system's error for the port. */
  async start({ host, port }: { host: string; port: number }): Promise<AddressInfo> {
    const address = await this.server.listen({ host, port });
    await this.startWithoutPort(address.port);
    return address;
  }

  /** The same for a control plane that is reached in this process only. */
  async startWithoutPort(advertisePort: number): Promise<void> {
    const { pki, serviceCidr, advertiseAddress, clock, prng, log } = this.#options;
    this.registry.start();
    this.#stages = 1;
    const client = this.client(componentUsers.apiServer);
    const informers = new InformerFactory({ client, clock, prng, log: log.child({ component: 'apiserver' }) });
    informers.start(this.#stop.signal);
    await ensureSystemObjects(client, {
      advertiseAddress,
      advertisePort,
      serviceAddress: addressOf(serviceCidr, 1),
      serviceRange: subnetOf(serviceCidr, { bits: prefixLength(serviceCidr), index: 0 }),
      clock,
      clientCa: pki.ca,
      frontProxy: this.#frontProxy,
      nowMs: clock.now(),
    });
    this.#stages = 2;
    const { signal } = this.#stop;
    const following = { flow: this.flow, client, informers, clock, log };
    const [{ run }] = await Promise.all([
      this.aggregation.start({ client, informers }, signal),
      this.policy.follow(informers),
      followFlowControl(following, signal),
      this.#followCustomResources(client, informers),
    ]);
    this.#stages = 3;
    const untilBug = (name: string, work: Promise<void>) =>
      work.catch((error: unknown) => log.error(`${name} ended by a bug`, { err: error }));
    const ips = keepServiceIps({ client, informers, clock, log, signal });
    this.#running.push(
      informers.stopped(),
      this.flow.run(signal),
      run,
      untilBug('the keeping of service addresses', ips),
      ...this.#identityWork(client, advertisePort).map((work) => untilBug('the keeping of identity Leases', work)),
    );
  }

  #identityWork(client: Client, port: number): Promise<void>[] {
    const { clock, prng, log, hostname, advertiseAddress } = this.#options;
    if (!hostname || !this.#gates.enabled('APIServerIdentity')) return [];
    const options = { client, clock, prng, log, hostname, address: `${advertiseAddress}:${port}` };
    const { signal } = this.#stop;
    return [keepIdentityLease(options, signal), collectIdentityLeases(options, signal)];
  }

  #followCustomResources(client: Client, informers: InformerFactory): Promise<void> {
    const { clock, prng, log } = this.#options;
    const { registry } = this;
    const webhooks = new WebhookClient({ clock, resolveService: this.#resolveService });
    this.#stop.signal.addEventListener('abort', () => webhooks.close(), { once: true });
    const converters = webhookConverters({ client: webhooks, prng });
    const options = { registry, schemas: builtinSchemas, client, converters, observer: this.metrics.rules, clock, log };
    return new CustomResources(options).follow(informers, this.#stop.signal);
  }

  /** Starts controllers and scheduler. */
  startComponents(): void {
    if (this.#components.length === 0) this.#components = componentsOf(this.#forComponents(), this.#options.copies);
    for (const components of this.#components) components.start();
  }

  /** Controllers and scheduler end, and begin anew with what the API tells them. */
  async restartComponents(): Promise<void> {
    await this.#stopComponents();
    this.startComponents();
  }

  async #stopComponents(): Promise<void> {
    await Promise.all(this.#components.map((one) => one.stop()));
  }

  #forComponents(): ComponentsOptions {
    const { clock, prng, log, pki, scheduler = true, ...options } = this.#options;
    return {
      clock,
      prng,
      log,
      clientFor: (user) => {
        const { transport } = this.client(user);
        return new Client(options.between?.(user.name, transport) ?? transport);
      },
      controllers: options.controllers ?? controllers,
      scheduler,
      election: options.election,
      schedulerConfiguration: options.schedulerConfiguration,
      metrics: this.metrics.registry,
      given: () => ({
        rootCa: pki.ca,
        issuer: pki.issuer,
        serviceAccountKey: this.policy.tokens.signingKey,
        settings: options.controllerSettings,
      }),
    };
  }

  /** Stops components, then the server. The store is its owner's to close. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#stopComponents();
    await Promise.allSettled(this.#running);
    await this.server.close();
    this.registry.close();
    await this.#options.files?.audit?.close();
  }

  #componentChecks() {
    const tell = (name: 'controllers' | 'scheduler') => async () =>
      this.#components.some(({ healthy }) => healthy[name])
        ? { healthy: true, message: 'ok' }
        : { healthy: false, message: `${name} do not run` };
    return [
      { name: 'controller-manager', check: tell('controllers') },
      { name: 'scheduler', check: tell('scheduler') },
      {
        name: 'etcd-0',
        check: async () => {
          await this.registry.check();
          return { healthy: true, message: 'ok' };
        },
      },
    ];
  }
}

/** Without an identity to show to kubelets there is nothing that reaches into nodes. */
function streamingHandlers({ kubeletClient, pki, clock, prng }: ControlPlaneOptions): SubresourceHandler[] {
  if (!kubeletClient) return [];
  const { certificate: cert, key } = kubeletClient;
  return streamingSubresources({ kubeletClient: { cert, key, ca: pki.ca }, clock, prng });
}
