/** Cases of pods and of what makes pods. */
import type { Cases, Patch } from './test-case.js';

const containers = [{ name: 'a', image: 'busybox' }];
const labels = { app: 'one' };
const template = { metadata: { labels }, spec: { containers } };
const selected = { selector: { matchLabels: labels }, template };
const withContainer = (more: Patch): Patch => ({ spec: { containers: [{ ...containers[0], ...more }] } });
const templateWith = (spec: Patch): Patch => ({ spec: { template: { spec } } });

/** What is wrong with any template, and with any count. */
const wrongTemplates: Patch[] = [
  { spec: { replicas: -1, minReadySeconds: -1, revisionHistoryLimit: -1 } },
  { spec: { selector: null } },
  { spec: { selector: { matchLabels: null } } },
  { spec: { selector: { matchLabels: { app: 'other' } } } },
  {
    spec: {
      selector: {
        matchExpressions: [
          { key: 'a', operator: 'In' },
          { key: 'b', operator: 'Exists', values: ['x'] },
        ],
      },
    },
  },
  templateWith({ restartPolicy: 'Never', activeDeadlineSeconds: 5 }),
  templateWith({ containers: [] }),
];

const failedMain = {
  phase: 'Running',
  conditions: [{ type: 'Initialized', status: 'True' }],
  containerStatuses: [
    {
      name: 'a',
      restartCount: 3,
      state: { waiting: { reason: 'CrashLoopBackOff' } },
      lastState: { terminated: { exitCode: 1, finishedAt: '2026-01-01T00:55:00Z' } },
    },
  ],
};

/** A container with huge pages, in a pod with amounts of its own. */
const withPages = (resources: Patch): Patch => ({
  spec: { resources, containers: [{ ...containers[0], resources: { limits: { 'hugepages-2Mi': '4Mi', cpu: '1' } } }] },
});

const pods: Cases['pods'] = {
  least: { spec: { containers } },
  created: [
    { metadata: { name: 'One' }, spec: { containers: null } },
    { metadata: { finalizers: ['mine'] }, spec: { containers: [{}] } },
    withContainer({ name: 'A', image: ' b ', imagePullPolicy: 'Now', terminationMessagePolicy: 'Never' }),
    withContainer({ ports: [{ containerPort: 0 }, { name: 'http_', containerPort: 70000, protocol: 'HTTP' }] }),
    withContainer({ env: [{ name: '' }, { name: 'a', value: '1', valueFrom: {} }, { name: 'a', value: '2' }] }),
    withContainer({ env: [{ name: 'a', valueFrom: { fieldRef: { fieldPath: 'spec.replicas' } } }] }),
    withContainer({ env: [{ name: 'a', valueFrom: { fileKeyRef: { volumeName: 'v', path: 'env', key: 'A' } } }] }),
    withContainer({ resources: { requests: { cpu: '2', fuel: '1' }, limits: { cpu: '1' } } }),
    withContainer({
      livenessProbe: { successThreshold: 2, periodSeconds: -1 },
      readinessProbe: { httpGet: { port: 0 } },
    }),
    withContainer({
      volumeMounts: [
        { name: 'none', mountPath: '' },
        { name: 'none', mountPath: '/a:b' },
      ],
    }),
    withContainer({ securityContext: { runAsUser: -1, privileged: true, allowPrivilegeEscalation: false } }),
    withContainer({ restartPolicyRules: [{ action: 'Stop', exitCodes: { operator: 'Equals', values: [1] } }, {}] }),
    withContainer({ lifecycle: { stopSignal: 'SIGTERM' } }),
    { spec: { restartPolicy: 'Sometimes', dnsPolicy: 'Ours', nodeName: 'A', serviceAccountName: '_' } },
    { spec: { volumes: [{ name: 'v' }, { name: 'v', emptyDir: {}, hostPath: { path: '/' } }] } },
    { spec: { hostUsers: false, hostPID: true, hostIPC: true, hostNetwork: true } },
    { spec: { hostnameOverride: 'Not.Ours', setHostnameAsFQDN: true, schedulingGates: [{ name: '' }] } },
    {
      spec: {
        tolerations: [
          { operator: 'Exists', value: 'x' },
          { key: 'k', operator: 'Lt', value: '1' },
        ],
      },
    },
    { spec: { topologySpreadConstraints: [{ maxSkew: 0, topologyKey: '', whenUnsatisfiable: 'Maybe' }] } },
    { spec: { initContainers: [{ name: 'a', image: 'b', livenessProbe: { exec: { command: ['x'] } } }] } },
    { spec: { ephemeralContainers: [{ name: 'e', image: 'b' }], activeDeadlineSeconds: 0, priority: 5 } },
    { spec: { resources: { claims: [{ name: 'c' }], requests: { cpu: '1' }, limits: { cpu: '500m' } } } },
    { spec: { securityContext: { sysctls: [{ name: '!' }], fsGroup: -5, seccompProfile: { type: 'Localhost' } } } },
    { metadata: { annotations: { 'seccomp.security.alpha.kubernetes.io/pod': 'odd' } } },
    {
      spec: {
        nodeSelector: { 'beta.kubernetes.io/os': 'linux' },
        hostAliases: [{ ip: '1.1.1.01' }, { ip: '1.1.1.1' }],
      },
    },
    {
      spec: {
        containers: [
          { ...containers[0], ports: [{ name: 'http', containerPort: 80 }] },
          { name: 'b', image: 'b', ports: [{ name: 'http', containerPort: 80 }] },
        ],
        volumes: [{ name: 'g', gitRepo: { repository: 'x' } }],
      },
    },
  ],
  stored: [
    withPages({ limits: { cpu: '2' } }),
    withPages({ requests: { cpu: '1' } }),
    { spec: { hostNetwork: true, containers: [{ ...containers[0], ports: [{ containerPort: 80 }] }] } },
    { spec: { serviceAccount: 'sa', volumes: [{ name: 'v' }, { name: 'c', configMap: { name: 'c' } }] } },
    withContainer({ livenessProbe: { httpGet: { port: 80 } }, lifecycle: { stopSignal: 'SIGTERM' }, image: 'a:1' }),
  ],
  changed: [
    { spec: { containers: [{ name: 'a', image: '' }] } },
    { spec: { containers: [...containers, { name: 'b', image: 'b' }] } },
    { spec: { nodeSelector: { a: 'b' } } },
    { spec: { activeDeadlineSeconds: 5 } },
    [{ spec: { activeDeadlineSeconds: 5 } }, { spec: { activeDeadlineSeconds: 6 } }],
    [{ spec: { activeDeadlineSeconds: 5 } }, {}],
    [{ spec: { tolerations: [{ key: 'a', operator: 'Exists' }] } }, {}],
    { spec: { schedulingGates: [{ name: 'example.com/gate' }] } },
    { metadata: { annotations: { 'kubernetes.io/config.mirror': 'x' } }, spec: { nodeName: 'n' } },
    withContainer({ image: 'other' }),
  ],
  status: [
    { status: { conditions: [{ type: 'Not ours!', status: 'True', observedGeneration: -1 }], nominatedNodeName: '_' } },
    { status: { qosClass: 'Guaranteed', podIPs: [{ ip: 'x' }, { ip: '10.0.0.1' }] } },
    { status: { hostIP: '10.0.0.1', hostIPs: [{ ip: '10.0.0.2' }] } },
    { status: { resourceClaimStatuses: [{ name: 'none', resourceClaimName: '_' }] } },
  ],
  shown: [
    { status: { phase: 'Pending' } },
    { metadata: { deletionTimestamp: '2026-01-01T00:59:00Z' }, status: { phase: 'Running' } },
    { status: failedMain, spec: { nodeName: 'n' } },
    {
      spec: { initContainers: [{ name: 'i', image: 'b' }] },
      status: { phase: 'Pending', initContainerStatuses: [{ name: 'i', state: { running: {} } }] },
    },
    {
      status: { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }] },
    },
    { status: { phase: 'Failed', reason: 'Evicted' } },
    {
      status: {
        phase: 'Succeeded',
        containerStatuses: [{ name: 'a', state: { terminated: { exitCode: 0, reason: 'Completed' } } }],
      },
    },
  ],
};

const job: Patch = { template: { spec: { containers, restartPolicy: 'Never' } } };

export const workloads: Cases = {
  pods,
  podtemplates: {
    least: { template: { spec: { containers } } },
    created: [{ template: { spec: { containers: [] } } }, { template: { metadata: { labels: { a: '!' } } } }],
    changed: [{ template: { spec: { containers: null } } }],
    shown: [{ template: { metadata: { labels } } }],
  },
  replicationcontrollers: {
    least: { spec: { selector: labels, template } },
    created: [
      { spec: { replicas: -1, minReadySeconds: -1 } },
      { spec: { selector: null } },
      { spec: { selector: { app: 'x' } } },
      { spec: { template: null } },
      { metadata: { name: 'a.b' } },
      templateWith({ restartPolicy: 'Never' }),
    ],
    changed: [{ spec: { selector: { app: 'x' } } }, { spec: { replicas: 3 } }],
    status: [{ status: { replicas: -1, readyReplicas: 2, availableReplicas: 3 } }],
    shown: [{ spec: { replicas: 2 }, status: { replicas: 2, readyReplicas: 1 } }],
  },
  'deployments.apps': {
    least: { spec: selected },
    created: [
      ...wrongTemplates,
      { metadata: { name: 'a.b' } },
      { spec: { strategy: { type: 'Blue' } } },
      { spec: { strategy: { type: 'Recreate', rollingUpdate: { maxSurge: 1 } } } },
      { spec: { strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: '0%' } } } },
      { spec: { strategy: { rollingUpdate: { maxSurge: 'x', maxUnavailable: '101%' } } } },
      { spec: { progressDeadlineSeconds: 5, minReadySeconds: 5 } },
    ],
    changed: [{ spec: { selector: { matchLabels: { app: 'one', more: 'x' } } } }, { spec: { replicas: 5 } }],
    status: [
      { status: { replicas: 1, readyReplicas: 2, updatedReplicas: 3, availableReplicas: 4, terminatingReplicas: -1 } },
    ],
    shown: [
      { spec: { replicas: 3 }, status: { replicas: 3, readyReplicas: 2, updatedReplicas: 3, availableReplicas: 1 } },
    ],
  },
  'replicasets.apps': {
    least: { spec: selected },
    created: [...wrongTemplates, { metadata: { name: 'a.b' } }],
    changed: [{ spec: { selector: { matchLabels: { app: 'one', more: 'x' } } } }],
    status: [{ status: { replicas: 1, readyReplicas: 2, fullyLabeledReplicas: 3, availableReplicas: 4 } }],
    shown: [{ spec: { replicas: 3 }, status: { replicas: 3, readyReplicas: 2 } }],
  },
  'statefulsets.apps': {
    least: { spec: selected },
    created: [
      ...wrongTemplates,
      { metadata: { name: 'a.b' } },
      {
        spec: {
          podManagementPolicy: 'Random',
          updateStrategy: { type: 'Now' },
          serviceName: 'A',
          ordinals: { start: -1 },
        },
      },
      { spec: { updateStrategy: { type: 'OnDelete', rollingUpdate: { partition: 1 } } } },
      { spec: { updateStrategy: { rollingUpdate: { partition: -1, maxUnavailable: 2 } } } },
      { spec: { volumeClaimTemplates: [{ metadata: { name: 'v' }, spec: {} }], replicas: -1 } },
      { spec: { persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Keep' } } },
    ],
    changed: [
      { spec: { serviceName: 'other' } },
      { spec: { podManagementPolicy: 'Parallel' } },
      { spec: { replicas: 2, minReadySeconds: 1, revisionHistoryLimit: 1, ordinals: { start: 1 } } },
    ],
    status: [
      { status: { replicas: 1, readyReplicas: 2, currentReplicas: 3, updatedReplicas: 4, availableReplicas: 5 } },
    ],
    shown: [{ spec: { replicas: 3 }, status: { replicas: 3, readyReplicas: 2 } }],
  },
  'daemonsets.apps': {
    least: { spec: selected },
    created: [
      ...wrongTemplates,
      { spec: { updateStrategy: { type: 'Now' } } },
      { spec: { updateStrategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } } } },
      { spec: { updateStrategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } } },
    ],
    changed: [{ spec: { selector: { matchLabels: { app: 'one', more: 'x' } } } }],
    status: [{ status: { currentNumberScheduled: -1, numberReady: -1, collisionCount: -1 } }],
    shown: [
      {
        status: { desiredNumberScheduled: 3, currentNumberScheduled: 2, numberReady: 1 },
        spec: { template: { spec: { nodeSelector: { a: 'b' } } } },
      },
    ],
  },
  'controllerrevisions.apps': {
    least: { revision: 1, data: { a: 1 } },
    created: [{ data: null, revision: -1 }, { data: [1] }],
    changed: [{ data: { a: 2 } }, { revision: 2 }],
    shown: [
      {
        metadata: {
          ownerReferences: [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'web', uid: 'u', controller: true }],
        },
      },
    ],
  },
  'jobs.batch': {
    least: { spec: job },
    created: [
      {
        spec: {
          parallelism: -1,
          completions: -1,
          backoffLimit: -1,
          ttlSecondsAfterFinished: -1,
          activeDeadlineSeconds: -1,
        },
      },
      { spec: { template: { spec: { restartPolicy: 'Always' } } } },
      { spec: { selector: { matchLabels: { a: 'b' } } } },
      { spec: { completionMode: 'Indexed' } },
      { spec: { completionMode: 'Some', managedBy: 'us', podReplacementPolicy: 'Never' } },
      { spec: { backoffLimitPerIndex: 1, maxFailedIndexes: 1 } },
      {
        spec: {
          podFailurePolicy: {
            rules: [{ action: 'Ignore' }, { action: 'Odd', onExitCodes: { operator: 'In', values: [] } }],
          },
        },
      },
      { spec: { successPolicy: { rules: [] } } },
      { metadata: { name: 'a.b' } },
    ],
    changed: [
      { spec: { completions: 3 } },
      { spec: { completionMode: 'Indexed', completions: 1 } },
      { spec: { template: { spec: { nodeSelector: { a: 'b' } } } } },
      [{ spec: { suspend: true } }, { spec: { suspend: true, template: { spec: { nodeSelector: { a: 'b' } } } } }],
      [{ spec: { suspend: true } }, { spec: { suspend: true, template: { spec: { hostname: 'x' } } } }],
      { spec: { parallelism: 3 } },
    ],
    status: [
      {
        status: {
          active: -1,
          conditions: [
            { type: 'Complete', status: 'True' },
            { type: 'Failed', status: 'True' },
          ],
        },
      },
      { status: { ready: 2, active: 1, completionTime: '2026-01-01T00:00:00Z' } },
    ],
    shown: [
      { spec: { parallelism: 3 }, status: { succeeded: 1, startTime: '2026-01-01T00:30:00Z' } },
      { spec: { completions: 3 }, status: { conditions: [{ type: 'Suspended', status: 'True' }] } },
      {
        status: {
          startTime: '2026-01-01T00:30:00Z',
          completionTime: '2026-01-01T00:31:05Z',
          conditions: [{ type: 'Complete', status: 'True' }],
        },
      },
    ],
  },
  'cronjobs.batch': {
    least: { spec: { schedule: '* * * * *', jobTemplate: { spec: job } } },
    created: [
      { spec: { schedule: '' } },
      { spec: { schedule: '* * *', timeZone: 'Mars/Olympus', concurrencyPolicy: 'Both', startingDeadlineSeconds: -1 } },
      { spec: { schedule: 'TZ=UTC * * * * *', timeZone: '' } },
      { spec: { successfulJobsHistoryLimit: -1, failedJobsHistoryLimit: -1 } },
      { spec: { jobTemplate: { spec: { manualSelector: true, selector: { matchLabels: { a: 'b' } } } } } },
      { metadata: { name: 'x'.repeat(53) } },
    ],
    changed: [{ spec: { schedule: 'TZ=UTC * * * * *' } }, { spec: { suspend: true } }],
    shown: [
      {
        spec: { suspend: true, timeZone: 'Europe/Berlin' },
        status: { active: [{}], lastScheduleTime: '2026-01-01T00:58:00Z' },
      },
    ],
  },
  'horizontalpodautoscalers.autoscaling': {
    least: { spec: { maxReplicas: 3, scaleTargetRef: { kind: 'Deployment', name: 'web', apiVersion: 'apps/v1' } } },
    created: [
      { spec: { minReplicas: 0, maxReplicas: 0, scaleTargetRef: { kind: '', name: 'a/b' } } },
      { spec: { minReplicas: 5, maxReplicas: 3, scaleTargetRef: { apiVersion: 'a/b/c' } } },
      { spec: { metrics: [{ type: 'Resource' }, { type: 'Odd', pods: {} }] } },
      { spec: { metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization' } } }] } },
      {
        spec: {
          behavior: {
            scaleUp: {
              stabilizationWindowSeconds: -1,
              tolerance: '-1',
              policies: [{ type: 'All', value: 0, periodSeconds: 0 }],
            },
          },
        },
      },
    ],
    status: [{ status: { currentReplicas: -1, desiredReplicas: -1 } }],
    shown: [
      {
        spec: {
          metrics: ['cpu', 'memory', 'x'].map((name) => ({
            type: 'Resource',
            resource: { name, target: { type: 'Utilization', averageUtilization: 50 } },
          })),
        },
        status: {
          currentReplicas: 2,
          currentMetrics: [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 10 } } }],
        },
      },
    ],
  },
  'poddisruptionbudgets.policy': {
    least: { spec: { minAvailable: 1 } },
    created: [
      { spec: { maxUnavailable: 1 } },
      { spec: { minAvailable: '101%', unhealthyPodEvictionPolicy: 'Never' } },
      { spec: { minAvailable: -1, selector: { matchExpressions: [{ key: 'a', operator: 'Near' }] } } },
      { spec: { minAvailable: 'x' } },
    ],
    status: [
      {
        status: {
          disruptionsAllowed: -1,
          currentHealthy: -1,
          desiredHealthy: -1,
          expectedPods: -1,
          conditions: [{ type: 'a b' }],
        },
      },
    ],
    shown: [{ status: { disruptionsAllowed: 2 } }, { spec: { minAvailable: null, maxUnavailable: '50%' } }],
  },
};
