/** Cases of networking and storage. */
import type { Cases } from './test-case.js';

const networking: Cases = {
  'ingresses.networking.k8s.io': {
    least: { spec: { defaultBackend: { service: { name: 'web', port: { number: 80 } } } } },
    created: [
      { spec: { defaultBackend: null } },
      { spec: { defaultBackend: { service: { name: 'A_', port: { name: 'x', number: 1 } } }, ingressClassName: '_' } },
      {
        spec: {
          rules: [
            { host: '1.1.1.1', http: { paths: [{ path: 'a', pathType: 'Exact', backend: {} }, { path: '/a//b' }] } },
          ],
        },
      },
      { spec: { rules: [{ host: 'A.com', http: { paths: [] } }], tls: [{ hosts: ['*.*.com'], secretName: '_' }] } },
      { metadata: { annotations: { 'kubernetes.io/ingress.class': 'a' } }, spec: { ingressClassName: 'b' } },
      { metadata: { annotations: { 'kubernetes.io/ingress.class': 'a' } } },
    ],
    status: [{ status: { loadBalancer: { ingress: [{ ip: 'x' }, { hostname: '1.1.1.1' }] } } }],
    shown: [
      {
        spec: {
          ingressClassName: 'nginx',
          rules: ['a.com', 'b.com', 'c.com', 'd.com'].map((host) => ({ host })),
          tls: [{}],
        },
        status: { loadBalancer: { ingress: [{ ip: '1.1.1.1' }, { hostname: 'lb' }] } },
      },
      {},
    ],
  },
  'ingressclasses.networking.k8s.io': {
    least: { spec: { controller: 'example.com/ingress' } },
    created: [
      { spec: { controller: 'x' } },
      { spec: { controller: '', parameters: { kind: '', name: '', scope: 'Namespace' } } },
      { spec: { parameters: { kind: 'A', name: 'b', scope: 'Cluster', namespace: 'x' } } },
    ],
    changed: [{ spec: { controller: 'example.com/other' } }],
    shown: [
      {
        metadata: { annotations: { 'ingressclass.kubernetes.io/is-default-class': 'true' } },
        spec: { parameters: { apiGroup: 'example.com', kind: 'P', name: 'p' } },
      },
    ],
  },
  'networkpolicies.networking.k8s.io': {
    least: { spec: {} },
    created: [
      { spec: { policyTypes: ['Sideways', 'Ingress', 'Egress'] } },
      {
        spec: {
          ingress: [
            {
              ports: [
                { protocol: 'HTTP', port: 0 },
                { port: 'A_', endPort: 5 },
                { port: 9, endPort: 5 },
              ],
            },
          ],
        },
      },
      {
        spec: {
          egress: [
            {
              to: [
                {},
                { podSelector: {}, ipBlock: { cidr: 'x' } },
                { ipBlock: { cidr: '10.0.0.0/8', except: ['11.0.0.0/8'] } },
              ],
            },
          ],
        },
      },
    ],
    shown: [{ spec: { podSelector: { matchLabels: { a: 'b' } } } }, {}],
  },
  'ipaddresses.networking.k8s.io': {
    name: '10.0.0.1',
    least: { spec: { parentRef: { resource: 'services', name: 'a', namespace: 'b' } } },
    created: [
      { metadata: { name: '10.0.0.01' } },
      { spec: { parentRef: null } },
      { spec: { parentRef: { resource: '', name: '', group: '!' } } },
    ],
    changed: [{ spec: { parentRef: { name: 'other' } } }],
    shown: [{}],
  },
  'servicecidrs.networking.k8s.io': {
    least: { spec: { cidrs: ['10.0.0.0/24'] } },
    created: [{ spec: { cidrs: [] } }, { spec: { cidrs: ['10.0.0.1/24', '10.1.0.0/24', 'x'] } }],
    changed: [{ spec: { cidrs: ['10.1.0.0/24'] } }],
    status: [{ status: { conditions: [{ type: '' }] } }],
    shown: [{ spec: { cidrs: ['10.0.0.0/24', 'fd00::/112'] } }],
  },
  'endpointslices.discovery.k8s.io': {
    least: { addressType: 'IPv4', endpoints: [] },
    created: [
      { addressType: 'IP', endpoints: [{ addresses: [] }] },
      { endpoints: [{ addresses: ['x', 'fd00::1', '127.0.0.1'], hostname: 'A', nodeName: '_' }] },
      { ports: [{ port: 1 }, { port: 2, protocol: 'HTTP', appProtocol: '!' }] },
      { addressType: 'FQDN', endpoints: [{ addresses: ['a'], hints: { forZones: [{ name: '!' }, { name: '!' }] } }] },
    ],
    changed: [{ addressType: 'IPv6' }],
    shown: [
      {
        endpoints: [{ addresses: ['1.1.1.1', '1.1.1.2'] }, { addresses: ['1.1.1.3'] }, { addresses: ['1.1.1.4'] }],
        ports: [{ port: 80 }, { name: 'a' }],
      },
      {},
    ],
  },
};

const storage: Cases = {
  'storageclasses.storage.k8s.io': {
    least: { provisioner: 'example.com/p' },
    created: [
      { provisioner: '', parameters: { '': 'x' }, reclaimPolicy: 'Recycle', volumeBindingMode: 'Later' },
      {
        allowedTopologies: [
          {
            matchLabelExpressions: [
              { key: '!', values: [] },
              { key: 'a', values: ['x', 'x'] },
            ],
          },
        ],
      },
    ],
    changed: [
      { provisioner: 'other' },
      { parameters: { a: 'b' } },
      { reclaimPolicy: 'Retain' },
      { volumeBindingMode: 'WaitForFirstConsumer' },
    ],
    shown: [
      {
        metadata: { annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
        allowVolumeExpansion: true,
      },
    ],
  },
  'csidrivers.storage.k8s.io': {
    least: { spec: {} },
    created: [
      { metadata: { name: 'A_' }, spec: { fsGroupPolicy: 'Some', volumeLifecycleModes: ['Often'] } },
      {
        spec: {
          tokenRequests: [{ audience: 'a', expirationSeconds: 5 }, { audience: 'a' }],
          nodeAllocatableUpdatePeriodSeconds: 5,
        },
      },
      { spec: { serviceAccountTokenInSecrets: true } },
    ],
    changed: [{ spec: { attachRequired: false } }, { spec: { podInfoOnMount: true } }],
    shown: [
      {
        spec: {
          tokenRequests: [{ audience: 'a' }, { audience: 'b' }],
          volumeLifecycleModes: ['Persistent', 'Ephemeral'],
        },
      },
    ],
  },
  'csinodes.storage.k8s.io': {
    least: { spec: { drivers: [] } },
    created: [
      {
        spec: {
          drivers: [
            { name: '', nodeID: '' },
            { name: 'a', nodeID: 'x', topologyKeys: ['!', '!'] },
            { name: 'a', nodeID: 'y', allocatable: { count: -1 } },
          ],
        },
      },
    ],
    changed: [
      [{ spec: { drivers: [{ name: 'a', nodeID: 'x' }] } }, { spec: { drivers: [{ name: 'a', nodeID: 'y' }] } }],
    ],
    shown: [{ spec: { drivers: [{ name: 'a', nodeID: 'x' }] } }],
  },
  'csistoragecapacities.storage.k8s.io': {
    least: { storageClassName: 'fast' },
    created: [
      { storageClassName: '', capacity: '-1', nodeTopology: { matchExpressions: [{ key: 'a', operator: 'Near' }] } },
    ],
    changed: [{ storageClassName: 'slow' }, { nodeTopology: {} }, { capacity: '5Gi' }],
    shown: [{ capacity: '1Gi' }, {}],
  },
  'volumeattachments.storage.k8s.io': {
    least: { spec: { attacher: 'example.com', nodeName: 'n', source: { persistentVolumeName: 'v' } } },
    created: [
      { spec: { attacher: '', nodeName: '', source: { persistentVolumeName: null } } },
      { spec: { source: { persistentVolumeName: 'v', inlineVolumeSpec: {} } } },
      {
        spec: { source: { persistentVolumeName: null, inlineVolumeSpec: { storageClassName: 'x', accessModes: [] } } },
      },
    ],
    changed: [{ spec: { nodeName: 'm' } }],
    status: [{ status: { attached: true, attachError: { message: 'x'.repeat(1025) } } }],
    shown: [{ status: { attached: true } }],
  },
  'volumeattributesclasses.storage.k8s.io': {
    least: { driverName: 'example.com', parameters: { a: 'b' } },
    created: [{ driverName: '', parameters: {} }],
    changed: [{ driverName: 'other' }, { parameters: { a: 'c' } }],
    shown: [{}],
  },
};

export const infrastructure: Cases = { ...networking, ...storage };
