/**
 * The health checks of a starting API server, under the names of upstream's hooks after its start: monitoring excludes and
 * asks for them by name. https://kubernetes.io/docs/reference/using-api/health-checks/
 */
import type { HealthCheck, HealthEndpoint } from './health.js';

/** What a start goes through, in order: the port is open, the cluster's first objects are there, policy is known. */
export const startStages = ['serving', 'objects', 'policy'] as const;

export type StartStage = (typeof startStages)[number];

/** In the order in which `?verbose` lists them, each with the stage that must be behind the server. */
const hooks: readonly [name: string, stage: StartStage][] = [
  ['poststarthook/start-apiserver-admission-initializer', 'serving'],
  ['poststarthook/generic-apiserver-start-informers', 'policy'],
  ['poststarthook/priority-and-fairness-config-consumer', 'policy'],
  ['poststarthook/priority-and-fairness-filter', 'serving'],
  ['poststarthook/storage-object-count-tracker-hook', 'serving'],
  ['poststarthook/start-apiextensions-informers', 'policy'],
  ['poststarthook/start-apiextensions-controllers', 'policy'],
  ['poststarthook/crd-informer-synced', 'policy'],
  ['poststarthook/start-system-namespaces-controller', 'objects'],
  ['poststarthook/start-cluster-authentication-info-controller', 'objects'],
  ['poststarthook/start-kube-apiserver-identity-lease-controller', 'policy'],
  ['poststarthook/start-kube-apiserver-identity-lease-garbage-collector', 'policy'],
  ['poststarthook/storage-readiness', 'policy'],
  ['poststarthook/start-legacy-token-tracking-controller', 'objects'],
  ['poststarthook/start-service-ip-repair-controllers', 'policy'],
  ['poststarthook/rbac/bootstrap-roles', 'objects'],
  ['poststarthook/scheduling/bootstrap-system-priority-classes', 'objects'],
  ['poststarthook/priority-and-fairness-config-producer', 'objects'],
  ['poststarthook/bootstrap-controller', 'objects'],
  ['poststarthook/start-kubernetes-service-cidr-controller', 'objects'],
  ['poststarthook/aggregator-reload-proxy-client-cert', 'serving'],
  ['poststarthook/start-kube-aggregator-informers', 'policy'],
  ['poststarthook/apiservice-status-local-available-controller', 'policy'],
  ['poststarthook/apiservice-status-remote-available-controller', 'policy'],
  ['poststarthook/apiservice-registration-controller', 'policy'],
  ['poststarthook/apiservice-wait-for-first-sync', 'policy'],
  ['poststarthook/apiservice-discovery-controller', 'policy'],
  ['poststarthook/kube-apiserver-autoregistration', 'policy'],
  ['autoregister-completion', 'policy'],
  ['poststarthook/apiservice-openapi-controller', 'policy'],
  ['poststarthook/apiservice-openapiv3-controller', 'policy'],
];

const readyOnly: readonly HealthEndpoint[] = ['readyz'];

export interface StartChecksOptions {
  /** Throws when the store cannot be read. */
  store: () => Promise<void>;
  /** Throws when a plugin that encrypts is not well. Left out: there is none. */
  encryption?: (() => Promise<void>) | undefined;
  isBehind: (stage: StartStage) => boolean;
  isStopping: () => boolean;
}

/** `ping` comes before them, from the server itself. */
export function startChecks({ store, encryption, isBehind, isStopping }: StartChecksOptions): HealthCheck[] {
  const assertBehind = (stage: StartStage) => {
    if (!isBehind(stage)) throw new Error('not finished');
  };
  return [
    { name: 'log', check: () => {} },
    ...(encryption ? [{ name: 'kms-providers', check: encryption }] : []),
    { name: 'etcd', check: store },
    { name: 'etcd-readiness', endpoints: readyOnly, check: store },
    { name: 'informer-sync', endpoints: readyOnly, check: () => assertBehind('policy') },
    ...hooks.map(([name, stage]) => ({ name, check: () => assertBehind(stage) })),
    {
      name: 'shutdown',
      endpoints: readyOnly,
      check: () => {
        if (isStopping()) throw new Error('process is shutting down');
      },
    },
  ];
}
