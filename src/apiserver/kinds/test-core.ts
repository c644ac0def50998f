/** Cases of the core group, but pods. */
import type { Cases, Patch } from './test-case.js';

const claim: Patch = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
const address = { ip: '10.0.0.1' };

export const core: Cases = {
  configmaps: {
    least: {},
    created: [
      { data: { 'a/b': '1' } },
      { data: { a: '1' }, binaryData: { a: 'MQ==' } },
      { metadata: { labels: { a: '!' }, annotations: { 'a/b/c': '' } } },
    ],
    changed: [
      [
        { immutable: true, data: { a: '1' } },
        { immutable: true, data: { a: '2' } },
      ],
      [{ immutable: true }, {}],
    ],
    shown: [{ data: { a: '1' }, binaryData: { b: 'MQ==' } }],
  },
  secrets: {
    least: {},
    created: [
      { data: { 'a/b': 'MQ==' } },
      { type: 'kubernetes.io/tls' },
      { type: 'kubernetes.io/tls', data: { 'tls.crt': 'MQ==', 'tls.key': 'MQ==' } },
      { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': 'MQ==' } },
      { type: 'kubernetes.io/dockercfg' },
      { type: 'kubernetes.io/basic-auth' },
      { type: 'kubernetes.io/ssh-auth' },
      { type: 'kubernetes.io/service-account-token' },
    ],
    changed: [{ type: 'other' }, [{ immutable: true }, { immutable: true, stringData: { a: '1' } }]],
    shown: [{ data: { a: 'MQ==' } }],
  },
  services: {
    least: { spec: { ports: [{ port: 80 }] } },
    created: [
      { metadata: { name: 'a.b' }, spec: { ports: null } },
      { spec: { ports: [{ port: 0, protocol: 'HTTP', targetPort: 'A_' }, { port: 80 }] } },
      {
        spec: {
          ports: [
            { name: 'a', port: 80, nodePort: 30000 },
            { name: 'b', port: 80 },
          ],
        },
      },
      { spec: { type: 'Odd', sessionAffinity: 'Cookie' } },
      { spec: { type: 'ExternalName', externalName: '' } },
      { spec: { type: 'NodePort', clusterIP: 'None', clusterIPs: ['None'] } },
      { spec: { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 0 } } } },
      { spec: { externalIPs: ['127.0.0.1', 'x'], externalTrafficPolicy: 'Some', internalTrafficPolicy: 'None' } },
      { spec: { loadBalancerSourceRanges: ['x'], loadBalancerClass: 'a', allocateLoadBalancerNodePorts: true } },
      { spec: { trafficDistribution: 'Near', healthCheckNodePort: 5, externalTrafficPolicy: 'Local' } },
      { spec: { externalIPs: ['10.0.0.1'], trafficDistribution: 'PreferClose' } },
    ],
    changed: [
      [
        { spec: { clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1'] } },
        { spec: { clusterIP: '10.0.0.2', clusterIPs: ['10.0.0.2'] } },
      ],
      [
        { spec: { type: 'LoadBalancer', loadBalancerClass: 'example.com/a' } },
        { spec: { type: 'LoadBalancer', loadBalancerClass: 'example.com/b' } },
      ],
    ],
    status: [{ status: { loadBalancer: { ingress: [address] } } }],
    shown: [
      { spec: { type: 'LoadBalancer', ports: [{ port: 80, nodePort: 30080 }] } },
      {
        spec: { type: 'LoadBalancer', externalIPs: ['2.2.2.2'] },
        status: { loadBalancer: { ingress: [{ ip: '1.1.1.1' }] } },
      },
      { spec: { type: 'ExternalName', externalName: 'example.com', ports: null } },
      { spec: { clusterIPs: ['10.0.0.1'], selector: { a: 'b' } } },
    ],
  },
  endpoints: {
    least: {},
    created: [
      { subsets: [{}] },
      { subsets: [{ addresses: [{ ip: 'x' }, { ip: '127.0.0.1' }], ports: [{ port: 0 }, { port: 1 }] }] },
      { subsets: [{ addresses: [address], ports: [{ port: 80, protocol: 'HTTP', appProtocol: '!' }] }] },
    ],
    shown: [
      { subsets: [{ addresses: [address, { ip: '10.0.0.2' }], ports: [{ port: 80 }, { port: 81, name: 'b' }] }] },
      { subsets: [{ notReadyAddresses: [address] }] },
    ],
  },
  events: {
    least: { involvedObject: { namespace: 'default' } },
    created: [
      { involvedObject: { namespace: 'other' } },
      { eventTime: '2026-01-01T00:00:00.000000Z', reportingComponent: '!' },
    ],
    shown: [
      {
        type: 'Warning',
        reason: 'Failed',
        message: ' no \n',
        involvedObject: { kind: 'Pod', name: 'web' },
        count: 3,
        firstTimestamp: '2026-01-01T00:00:00Z',
        lastTimestamp: '2026-01-01T00:59:00Z',
        source: { component: 'kubelet', host: 'n' },
      },
      {
        involvedObject: { kind: 'Pod', name: 'web' },
        eventTime: '2026-01-01T00:30:00.000000Z',
        reportingComponent: 'x',
        reportingInstance: 'y',
      },
    ],
  },
  'events.events.k8s.io': {
    least: {
      regarding: { namespace: 'default' },
      eventTime: '2026-01-01T00:00:00.000000Z',
      reportingController: 'example.com/c',
      reportingInstance: 'i',
      action: 'Do',
      reason: 'Why',
      type: 'Normal',
    },
    created: [
      { eventTime: null, type: 'Odd', series: { count: 1 } },
      { reportingController: '', reportingInstance: 'x'.repeat(129), action: '', reason: '', note: 'x'.repeat(1025) },
      { deprecatedCount: 1, deprecatedSource: { component: 'x' } },
    ],
    changed: [{ reason: 'Other' }, { series: { count: 1, lastObservedTime: null } }],
    shown: [{ regarding: { kind: 'Node', name: 'n' }, note: 'text' }],
  },
  limitranges: {
    least: { spec: { limits: [] } },
    created: [
      { spec: { limits: [{ type: 'Pod', max: { cpu: '1' }, min: { cpu: '2' }, default: { cpu: '1' } }] } },
      {
        spec: {
          limits: [{ type: 'Container', max: { cpu: '1' }, defaultRequest: { cpu: '2' } }, { type: 'Container' }],
        },
      },
      { spec: { limits: [{ type: 'PersistentVolumeClaim' }, { type: '!' }] } },
    ],
  },
  namespaces: {
    least: {},
    created: [{ metadata: { name: 'A.b' } }, { spec: { finalizers: ['mine'] } }],
    status: [{ status: { phase: 'Terminating' } }],
    shown: [{}],
  },
  nodes: {
    least: {},
    created: [
      {
        spec: {
          taints: [
            { key: '!', effect: 'Never' },
            { key: 'a', effect: 'NoSchedule' },
            { key: 'a', effect: 'NoSchedule', value: '!' },
          ],
        },
      },
      { spec: { podCIDRs: ['x', '10.0.0.0/24', '10.0.1.0/24'], externalID: 'x' } },
      { status: { capacity: { cpu: '-1' }, declaredFeatures: ['b', 'A', 'A'] } },
    ],
    changed: [
      [{ spec: { podCIDR: '10.0.0.0/24' } }, { spec: { podCIDR: '10.0.1.0/24' } }],
      [{ spec: { providerID: 'a' } }, { spec: { providerID: 'b' } }],
    ],
    status: [
      {
        status: {
          addresses: [
            { type: 'InternalIP', address: 'a' },
            { type: 'InternalIP', address: 'a' },
          ],
        },
      },
    ],
    shown: [
      {
        metadata: { labels: { 'node-role.kubernetes.io/b': '', 'node-role.kubernetes.io/a': '' } },
        spec: { unschedulable: true },
      },
      {
        status: {
          conditions: [{ type: 'Ready', status: 'True' }],
          addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
          nodeInfo: {
            kubeletVersion: 'v1.36.0',
            kernelVersion: '6.1',
            architecture: 'amd64',
            osImage: 'Debian',
            containerRuntimeVersion: 'containerd://2',
          },
        },
      },
    ],
  },
  persistentvolumeclaims: {
    least: { spec: claim },
    created: [
      { spec: { accessModes: null, resources: null } },
      {
        spec: {
          accessModes: ['Often', 'ReadWriteOncePod', 'ReadWriteOnce'],
          resources: { requests: { storage: '0' } },
        },
      },
      {
        spec: {
          storageClassName: '_',
          volumeMode: 'Tape',
          selector: { matchExpressions: [{ key: 'a', operator: 'Near' }] },
        },
      },
      {
        spec: {
          dataSource: { kind: 'PersistentVolumeClaim', name: 'a' },
          dataSourceRef: { kind: 'PersistentVolumeClaim', name: 'b' },
        },
      },
      {
        spec: { resources: { requests: { storage: '1500m' } } },
        metadata: { annotations: { 'volume.beta.kubernetes.io/storage-class': 'x' } },
      },
    ],
    changed: [
      { spec: { accessModes: ['ReadOnlyMany'] } },
      { spec: { volumeMode: 'Block' } },
      { spec: { volumeName: 'v' } },
      { spec: { volumeAttributesClassName: 'gold' } },
      { spec: { resources: { requests: { storage: '500Mi' } } } },
    ],
    status: [
      {
        status: {
          capacity: { storage: '-1' },
          allocatedResourceStatuses: { storage: 'Odd', cpu: 'NodeResizePending' },
        },
      },
    ],
    shown: [
      {
        status: { phase: 'Bound', capacity: { storage: '2Gi' }, accessModes: ['ReadWriteOnce', 'ReadOnlyMany'] },
        spec: { volumeName: 'v', storageClassName: 'fast' },
      },
      { metadata: { deletionTimestamp: '2026-01-01T00:59:00Z' } },
    ],
  },
  persistentvolumes: {
    least: { spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/data' } } },
    created: [
      { spec: { capacity: null, accessModes: null, hostPath: null } },
      {
        spec: {
          capacity: { storage: '-1', cpu: '1' },
          accessModes: ['Often'],
          persistentVolumeReclaimPolicy: 'Forget',
        },
      },
      { spec: { hostPath: { path: '/' }, persistentVolumeReclaimPolicy: 'Recycle' } },
      {
        spec: { hostPath: { path: '../a' }, nfs: { server: '', path: 'x' }, storageClassName: '_', volumeMode: 'Tape' },
      },
      { spec: { hostPath: null, csi: { driver: '', volumeHandle: '' }, volumeAttributesClassName: '' } },
      { spec: { nodeAffinity: {} } },
      { spec: { hostPath: null, cephfs: { monitors: [] } } },
    ],
    changed: [
      { spec: { hostPath: { path: '/other' } } },
      { spec: { volumeMode: 'Block' } },
      { spec: { persistentVolumeReclaimPolicy: 'Delete' } },
    ],
    shown: [
      { spec: { claimRef: { namespace: 'a', name: 'b' }, storageClassName: 'fast' }, status: { phase: 'Bound' } },
    ],
  },
  resourcequotas: {
    least: { spec: {} },
    created: [
      { spec: { hard: { '!': '1', fuel: '1', pods: '1.5', cpu: '-1' } } },
      { spec: { scopes: ['Odd', 'BestEffort', 'NotBestEffort', 'BestEffort'], hard: { cpu: '1' } } },
      {
        spec: {
          scopeSelector: {
            matchExpressions: [
              { scopeName: 'Terminating', operator: 'In' },
              { scopeName: 'PriorityClass', operator: 'Near' },
            ],
          },
        },
      },
      { spec: { hard: { cpu: '2', 'limits.cpu': '1', 'requests.storage': '2Gi', 'limits.storage': '1Gi' } } },
    ],
    changed: [[{ spec: { scopes: ['BestEffort'] } }, { spec: { scopes: ['Terminating'] } }]],
    status: [{ status: { hard: { pods: '-1' }, used: { cpu: 'x' } } }],
    shown: [{ status: { hard: { pods: '4', 'limits.cpu': '2', 'requests.cpu': '1' }, used: { pods: '1' } } }],
  },
  serviceaccounts: {
    least: {},
    created: [
      { metadata: { name: 'A' } },
      { metadata: { annotations: { 'kubernetes.io/enforce-mountable-secrets': 'true' } } },
    ],
    shown: [{}],
  },
};
