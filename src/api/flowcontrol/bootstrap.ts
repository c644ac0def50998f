/**
 * The priority levels and flow schemas that every cluster begins with, of which two each may not be changed
 * (https://kubernetes.io/docs/concepts/cluster-administration/flow-control/#defaults).
 */
import type {
  FlowSchema,
  LimitResponse,
  PriorityLevelConfiguration,
  PriorityLevelConfigurationSpec,
  PolicyRulesWithSubjects as Rules,
  Subject,
} from '#api/gen/flowcontrol-v1.js';

const apiVersion = 'flowcontrol.apiserver.k8s.io/v1';

/** `true`: the server keeps the spec as it wants it. */
export const autoUpdateAnnotation = 'apf.kubernetes.io/autoupdate-spec';

const level = (name: string, spec: PriorityLevelConfigurationSpec): PriorityLevelConfiguration => ({
  apiVersion,
  kind: 'PriorityLevelConfiguration',
  metadata: { name, annotations: { [autoUpdateAnnotation]: 'true' } },
  spec,
});

interface Shares {
  shares: number;
  lendable: number;
  /** Queues and hand size; without them what finds no seat is refused. */
  queues?: [queues: number, handSize: number];
}

const limited = (name: string, { shares, lendable, queues }: Shares): PriorityLevelConfiguration => {
  const limitResponse: LimitResponse = queues
    ? { type: 'Queue', queuing: { queues: queues[0], handSize: queues[1], queueLengthLimit: 50 } }
    : { type: 'Reject' };
  return level(name, {
    type: 'Limited',
    limited: { nominalConcurrencyShares: shares, limitResponse, lendablePercent: lendable },
  });
};

export const mandatoryLevels: readonly PriorityLevelConfiguration[] = [
  level('exempt', { type: 'Exempt', exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } }),
  limited('catch-all', { shares: 5, lendable: 0 }),
];

export const suggestedLevels: readonly PriorityLevelConfiguration[] = [
  limited('system', { shares: 30, lendable: 33, queues: [64, 6] }),
  limited('node-high', { shares: 40, lendable: 25, queues: [64, 6] }),
  limited('leader-election', { shares: 10, lendable: 0, queues: [16, 4] }),
  limited('workload-high', { shares: 40, lendable: 50, queues: [128, 6] }),
  limited('workload-low', { shares: 100, lendable: 90, queues: [128, 6] }),
  limited('global-default', { shares: 20, lendable: 50, queues: [128, 6] }),
];

const groups = (...names: string[]): Subject[] => names.map((name) => ({ kind: 'Group', group: { name } }));
const users = (...names: string[]): Subject[] => names.map((name) => ({ kind: 'User', user: { name } }));
const systemAccounts: Subject = { kind: 'ServiceAccount', serviceAccount: { name: '*', namespace: 'kube-system' } };
const everybody = groups('system:unauthenticated', 'system:authenticated');
const nodes = groups('system:nodes');

const everything: Omit<Rules, 'subjects'> = {
  resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] }],
  nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
};

const leases = { apiGroups: ['coordination.k8s.io'], resources: ['leases'], namespaces: ['*'] };

interface Flow {
  level: string;
  precedence: number;
  by?: 'ByUser' | 'ByNamespace';
}

const flow = (name: string, { level, precedence, by }: Flow, rules: Rules): FlowSchema => ({
  apiVersion,
  kind: 'FlowSchema',
  metadata: { name, annotations: { [autoUpdateAnnotation]: 'true' } },
  spec: {
    priorityLevelConfiguration: { name: level },
    matchingPrecedence: precedence,
    ...(by && { distinguisherMethod: { type: by } }),
    rules: [rules],
  },
});

export const mandatoryFlows: readonly FlowSchema[] = [
  flow('exempt', { level: 'exempt', precedence: 1 }, { subjects: groups('system:masters'), ...everything }),
  flow('catch-all', { level: 'catch-all', precedence: 10_000, by: 'ByUser' }, { subjects: everybody, ...everything }),
];

export const suggestedFlows: readonly FlowSchema[] = [
  flow('system-nodes', { level: 'system', precedence: 500, by: 'ByUser' }, { subjects: nodes, ...everything }),
  flow(
    'system-node-high',
    { level: 'node-high', precedence: 400, by: 'ByUser' },
    {
      subjects: nodes,
      resourceRules: [
        {
          verbs: ['*'],
          apiGroups: [''],
          resources: ['nodes', 'nodes/status'],
          clusterScope: true,
          namespaces: ['*'],
        },
        { verbs: ['*'], ...leases },
      ],
    },
  ),
  flow(
    'probes',
    { level: 'exempt', precedence: 2 },
    {
      subjects: everybody,
      nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }],
    },
  ),
  flow(
    'system-leader-election',
    { level: 'leader-election', precedence: 100, by: 'ByUser' },
    {
      subjects: [...users('system:kube-controller-manager', 'system:kube-scheduler'), systemAccounts],
      resourceRules: [{ verbs: ['get', 'create', 'update'], ...leases }],
    },
  ),
  ...['kube-controller-manager', 'kube-scheduler'].map((name) =>
    flow(
      name,
      { level: 'workload-high', precedence: 800, by: 'ByNamespace' },
      { subjects: users(`system:${name}`), ...everything },
    ),
  ),
  flow(
    'kube-system-service-accounts',
    { level: 'workload-high', precedence: 900, by: 'ByNamespace' },
    { subjects: [systemAccounts], ...everything },
  ),
  flow(
    'service-accounts',
    { level: 'workload-low', precedence: 9000, by: 'ByUser' },
    { subjects: groups('system:serviceaccounts'), ...everything },
  ),
  flow(
    'global-default',
    { level: 'global-default', precedence: 9900, by: 'ByUser' },
    { subjects: everybody, ...everything },
  ),
];
