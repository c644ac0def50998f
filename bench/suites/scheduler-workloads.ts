/**
 * Upstream's scheduler_perf workloads, with the least that upstream's own CI accepts: test/integration/scheduler_perf in
 * kubernetes/kubernetes, in affinity, topology_spreading and misc of which the performance-config.yaml names templates,
 * counts and thresholds. The first is our own.
 */
import type { Affinity, Node, Pod, Service } from '#api/gen/core-v1.js';

export interface Workload {
  name: string;
  nodes: readonly {
    count: number;
    node?: NodeTemplate;
    zones?: readonly string[] /** Of any scale. */;
    once?: boolean;
  }[];
  /** There before the measurement begins, bound. */
  initial?: { count: number; pod: PodTemplate };
  /** There all the while, and never tried. */
  gated?: { count: number; pod: PodTemplate };
  /** Bound before the measurement begins, and deleted one by one while it runs. */
  deleted?: { count: number; pod: PodTemplate; perSecond: number };
  /** Goes on while the measurement runs: one of each is created, or, where they do not stay, deleted in turn. */
  churn?: { everyMs: number; stays: boolean; pod: PodTemplate; node?: NodeTemplate; service?: Service['spec'] };
  measured: { count: number; pod: PodTemplate };
  /** Pods a second. */
  upstreamMinimum?: number;
}

export type PodTemplate = Partial<Pod>;
export type NodeTemplate = Pick<Node, 'status'> & { name?: string };

export const zoneLabel = 'topology.kubernetes.io/zone';

const container = { name: 'pause', image: 'registry.k8s.io/pause:3.10' };
const requesting = (cpu: string, spec: Partial<Pod['spec']> = {}): PodTemplate => ({
  spec: { containers: [{ ...container, resources: { requests: { cpu, memory: '500Mi' } } }], ...spec },
});
const limitedTo = (cpu: string, spec: Partial<Pod['spec']> = {}): PodTemplate => {
  const amounts = { cpu, memory: '500Mi' };
  const resources = { requests: amounts, limits: amounts };
  return { spec: { containers: [{ ...container, ports: [{ containerPort: 80 }], resources }], ...spec } };
};
const small = requesting('100m');
const light: PodTemplate = { spec: { containers: [container], terminationGracePeriodSeconds: 0 } };
const low = limitedTo('900m', { terminationGracePeriodSeconds: 0 });
const high = limitedTo('3', { priority: 10 });
const tooLarge = requesting('9', { priority: 10 });

const withAffinity = (color: string, affinity: Affinity): PodTemplate => ({
  metadata: { labels: { color } },
  ...requesting('100m', { affinity }),
});
const termOf = (color: string, topologyKey: string) => ({ topologyKey, labelSelector: { matchLabels: { color } } });
const antiAffine = withAffinity('green', {
  podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [termOf('green', 'kubernetes.io/hostname')] },
});
const affine = withAffinity('blue', {
  podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [termOf('blue', zoneLabel)] },
});
const nodeAffine = withAffinity('none', {
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchExpressions: [{ key: zoneLabel, operator: 'In', values: ['zone1', 'zone2'] }] }],
    },
  },
});
const spread: PodTemplate = {
  metadata: { labels: { color: 'blue' } },
  ...requesting('100m', {
    topologySpreadConstraints: [
      {
        maxSkew: 5,
        topologyKey: zoneLabel,
        whenUnsatisfiable: 'DoNotSchedule',
        labelSelector: { matchLabels: { color: 'blue' } },
      },
    ],
  }),
};

const named = 'scheduler-perf-node';
const roomy: NodeTemplate = { name: named, status: { capacity: { pods: '90000', cpu: '4', memory: '32Gi' } } };
const ofDaemon: PodTemplate = {
  spec: {
    containers: [container],
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [named] }] }],
        },
      },
    },
  },
};

const oneZone = ['zone1'];

export const workloads: readonly Workload[] = [
  {
    // Not of scheduler_perf: five times what upstream 1.20 did on two cores.
    name: 'CreatedAndBound',
    nodes: [{ count: 1000 }],
    measured: { count: 2000, pod: small },
    upstreamMinimum: 5 * 286,
  },
  {
    name: 'SchedulingBasic',
    nodes: [{ count: 5000 }],
    initial: { count: 1000, pod: small },
    measured: { count: 10_000, pod: small },
    upstreamMinimum: 680,
  },
  {
    name: 'SchedulingDaemonset',
    nodes: [{ count: 1, node: roomy, once: true }, { count: 15_000 }],
    measured: { count: 30_000, pod: ofDaemon },
    upstreamMinimum: 1100,
  },
  {
    name: 'SchedulingPodAntiAffinity',
    nodes: [{ count: 5000 }],
    initial: { count: 1000, pod: antiAffine },
    measured: { count: 2000, pod: antiAffine },
    upstreamMinimum: 60,
  },
  {
    name: 'SchedulingPodAffinity',
    nodes: [{ count: 5000, zones: oneZone }],
    initial: { count: 5000, pod: affine },
    measured: { count: 5000, pod: affine },
    upstreamMinimum: 35,
  },
  {
    name: 'SchedulingNodeAffinity',
    nodes: [{ count: 5000, zones: oneZone }],
    initial: { count: 5000, pod: nodeAffine },
    measured: { count: 10_000, pod: nodeAffine },
    upstreamMinimum: 220,
  },
  {
    name: 'TopologySpreading',
    nodes: [{ count: 5000, zones: ['moon-1', 'moon-2', 'moon-3'] }],
    initial: { count: 5000, pod: small },
    measured: { count: 5000, pod: spread },
    upstreamMinimum: 460,
  },
  {
    name: 'PreemptionBasic',
    nodes: [{ count: 1000 }],
    initial: { count: 4000, pod: low },
    measured: { count: 1000, pod: high },
  },
  {
    name: 'PreemptionAsync',
    nodes: [{ count: 5000 }],
    initial: { count: 20_000, pod: low },
    churn: { everyMs: 200, stays: true, pod: high },
    measured: { count: 5000, pod: small },
    upstreamMinimum: 570,
  },
  {
    name: 'Unschedulable',
    nodes: [{ count: 5000 }],
    initial: { count: 100, pod: small },
    churn: { everyMs: 200, stays: true, pod: tooLarge },
    measured: { count: 10_000, pod: small },
    upstreamMinimum: 590,
  },
  {
    name: 'SchedulingWithMixedChurn',
    nodes: [{ count: 5000 }],
    churn: {
      everyMs: 1000,
      stays: false,
      pod: tooLarge,
      node: { status: { capacity: { pods: '0' } } },
      service: { selector: { app: 'foo' }, ports: [{ protocol: 'TCP', port: 8080, targetPort: 8080 }] },
    },
    measured: { count: 10_000, pod: small },
    upstreamMinimum: 710,
  },
  {
    name: 'SchedulingWhileGated',
    nodes: [{ count: 1, node: roomy, once: true }],
    gated: {
      count: 10_000,
      pod: { spec: { containers: [container], schedulingGates: [{ name: 'test.k8s.io/hold' }] } },
    },
    deleted: { count: 20_000, pod: light, perSecond: 50 },
    measured: { count: 20_000, pod: light },
    upstreamMinimum: 910,
  },
];
