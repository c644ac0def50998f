/** Objects of about a megabyte, each large in another way: what hostile requests are made of. */
import { cluster, core, group, type LargeObject } from './large-object.js';
import { registrations } from './registrations.js';
import { many, object } from './text.js';

const pod = (spec: object, container: object = {}) =>
  core('Pod', 'pods', { spec: { containers: [{ name: 'c', image: 'i', ...container }], ...spec } });
const template = (spec: object, labels: object = { a: 'b' }) => ({
  selector: { matchLabels: labels },
  template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }], ...spec } },
});
const deployment = (fields: object) => group('apps/v1', 'Deployment', 'deployments', { spec: fields });
const port = (index: number) => ({ name: `p${index}`, port: 1 + (index % 65_000), protocol: 'TCP' });
const address = (index: number) => `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`;
const requirement = (index: number) => ({ key: `k${index}`, operator: 'In', values: ['a', 'b'] });

const metadataShapes: Record<string, () => object> = {
  labels: () => ({ labels: object(25_000, (i) => [`k${i}`, 'v']) }),
  'labels with domains': () => ({ labels: object(15_000, (i) => [`domain-${i % 9}.example.com/k${i}`, `value-${i}`]) }),
  'bad labels': () => ({ labels: object(25_000, (i) => [`-${i}`, '-']) }),
  annotations: () => ({ annotations: object(25_000, (i) => [`k${i}`, 'v']) }),
  finalizers: () => ({ finalizers: many(40_000, (i) => `example.com/f${i}`) }),
  'owner references': () => ({
    ownerReferences: many(9000, (i) => ({ apiVersion: 'v1', kind: 'K', name: `n${i}`, uid: `u${i}` })),
  }),
  'repeated owner references': () => ({
    ownerReferences: many(9000, () => ({ apiVersion: 'v1', kind: 'K', name: 'n', uid: 'u' })),
  }),
  'managed fields of one manager': () => ({
    managedFields: [
      manager(
        0,
        object(60_000, (i) => [`f:k${i}`, {}]),
      ),
    ],
  }),
  'managed fields of many managers': () => ({
    managedFields: many(5000, (i) => manager(i, { 'f:data': { 'f:a': {} } })),
  }),
  'managed fields in keys': () => ({
    managedFields: [manager(0, { 'f:spec': object(20_000, (i) => [`k:{"name":"c${i}","x":1}`, { '.': {} }]) })],
  }),
};

function manager(index: number, fieldsV1: object): object {
  return {
    manager: `m${index}`,
    operation: 'Update',
    apiVersion: 'v1',
    time: '2020-01-01T00:00:00Z',
    fieldsType: 'FieldsV1',
    fieldsV1,
  };
}

const workloads: Record<string, () => LargeObject> = {
  'a pod of quantities': () =>
    pod({}, { resources: { limits: object(30_000, (i) => [`example.com/r${i}`, `${i}m`]) } }),
  'a pod of odd quantities': () =>
    pod({}, { resources: { limits: object(30_000, (i) => [`example.com/r${i}`, `0${i}.50Ki`]) } }),
  'a pod of containers': () => pod({ containers: many(12_000, (i) => ({ name: `c${i}`, image: 'i' })) }),
  'a pod of empty containers': () => pod({ containers: many(60_000, () => ({})) }),
  'a pod of variables': () => pod({}, { env: many(30_000, (i) => ({ name: `V${i}`, value: 'x' })) }),
  'a pod of one variable': () => pod({}, { env: many(30_000, () => ({ name: 'V', value: 'x' })) }),
  'a pod of variables from elsewhere': () =>
    pod(
      {},
      {
        env: many(9000, (i) => ({ name: `V${i}`, valueFrom: { configMapKeyRef: { name: 'm', key: `k${i}` } } })),
      },
    ),
  'a pod of ports': () => pod({}, { ports: many(25_000, (i) => ({ containerPort: 1 + i })) }),
  'a pod of host ports': () => pod({}, { ports: many(15_000, (i) => ({ containerPort: 1 + i, hostPort: 1 + i })) }),
  'a pod of volumes': () => pod({ volumes: many(20_000, (i) => ({ name: `v${i}`, emptyDir: {} })) }),
  'a pod of mounts': () =>
    pod(
      { volumes: many(6000, (i) => ({ name: `v${i}`, emptyDir: {} })) },
      { volumeMounts: many(9000, (i) => ({ name: `v${i % 6000}`, mountPath: `/m${i}` })) },
    ),
  'a pod of projections': () =>
    pod({
      volumes: [
        {
          name: 'v',
          projected: {
            sources: many(9000, (i) => ({ configMap: { name: `m${i}`, items: [{ key: 'k', path: `p${i}` }] } })),
          },
        },
      ],
    }),
  'a pod of tolerations': () => pod({ tolerations: many(15_000, (i) => ({ key: `k${i}`, operator: 'Exists' })) }),
  'a pod of node selectors': () => pod({ nodeSelector: object(40_000, (i) => [`k${i}`, 'v']) }),
  'a pod of affinity terms': () =>
    pod({
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: many(9000, (i) => ({ matchExpressions: [requirement(i)] })),
          },
        },
        podAntiAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: many(4000, (i) => ({
            labelSelector: { matchExpressions: [requirement(i)] },
            topologyKey: 'k',
          })),
        },
      },
    }),
  'a pod of spread constraints': () =>
    pod({
      topologySpreadConstraints: many(7000, (i) => ({
        maxSkew: 1,
        topologyKey: `k${i}`,
        whenUnsatisfiable: 'DoNotSchedule',
        labelSelector: { matchLabels: { a: 'b' } },
      })),
    }),
  'a pod of host aliases': () => pod({ hostAliases: many(15_000, (i) => ({ ip: address(i), hostnames: [`h${i}`] })) }),
  'a pod of gates': () => pod({ schedulingGates: many(30_000, (i) => ({ name: `g${i}` })) }),
  'a pod of init containers': () => pod({ initContainers: many(12_000, (i) => ({ name: `i${i}`, image: 'i' })) }),
  'a pod of resource claims': () =>
    pod({ resourceClaims: many(12_000, (i) => ({ name: `r${i}`, resourceClaimName: 'c' })) }),
  'a pod of pull secrets': () => pod({ imagePullSecrets: many(40_000, (i) => ({ name: `s${i}` })) }),
  'a pod of arguments': () => pod({}, { args: many(100_000, (i) => `a${i}`) }),
  'a pod of sysctls': () =>
    pod({ securityContext: { sysctls: many(20_000, (i) => ({ name: `net.s${i}`, value: '1' })) } }),
  'a deployment of containers': () =>
    deployment(template({ containers: many(12_000, (i) => ({ name: `c${i}`, image: 'i' })) })),
  'a deployment of labels': () =>
    deployment(
      template(
        {},
        object(15_000, (i) => [`k${i}`, 'v']),
      ),
    ),
  'a deployment of expressions': () =>
    deployment({
      ...template({}),
      selector: {
        matchLabels: { a: 'b' },
        matchExpressions: many(12_000, (i) => ({ key: `k${i}`, operator: 'DoesNotExist' })),
      },
    }),
  'a deployment of one long expression': () =>
    deployment({
      ...template({}),
      selector: {
        matchLabels: { a: 'b' },
        matchExpressions: [{ key: 'a', operator: 'In', values: many(90_000, (i) => `b${i}`) }],
      },
    }),
  'a job of failure rules': () =>
    group('batch/v1', 'Job', 'jobs', {
      spec: {
        template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } },
        podFailurePolicy: {
          rules: many(7000, () => ({ action: 'Ignore', onExitCodes: { operator: 'In', values: [1, 2, 3] } })),
        },
      },
    }),
};

const others: Record<string, () => LargeObject> = {
  'a config map of keys': () => core('ConfigMap', 'configmaps', { data: object(50_000, (i) => [`k${i}`, 'v']) }),
  'a config map of one value': () => core('ConfigMap', 'configmaps', { data: { k: 'x'.repeat(1_000_000) } }),
  'a config map of line ends': () => core('ConfigMap', 'configmaps', { data: { k: '\n'.repeat(500_000) } }),
  'a config map of wide characters': () =>
    core('ConfigMap', 'configmaps', { data: { k: '\u{1f600}'.repeat(200_000) } }),
  'a config map of bytes': () =>
    core('ConfigMap', 'configmaps', { binaryData: object(30_000, (i) => [`k${i}`, 'AAAA']) }),
  'a secret of keys': () => core('Secret', 'secrets', { data: object(40_000, (i) => [`k${i}`, 'AAAA']) }),
  'a secret of texts': () => core('Secret', 'secrets', { stringData: object(40_000, (i) => [`k${i}`, 'aaaa']) }),
  'a secret of one value': () => core('Secret', 'secrets', { data: { k: 'AAAA'.repeat(250_000) } }),
  'a service of ports': () => core('Service', 'services', { spec: { ports: many(15_000, port) } }),
  'a service of addresses': () =>
    core('Service', 'services', {
      spec: {
        ports: [port(1)],
        externalIPs: many(50_000, address),
        loadBalancerSourceRanges: many(20_000, (i) => `${address(i)}/32`),
      },
    }),
  'endpoints of addresses': () =>
    core('Endpoints', 'endpoints', {
      subsets: [{ addresses: many(40_000, (i) => ({ ip: address(i) })), ports: [port(1)] }],
    }),
  'endpoints of subsets': () =>
    core('Endpoints', 'endpoints', {
      subsets: many(12_000, (i) => ({ addresses: [{ ip: address(i) }], ports: [port(i)] })),
    }),
  'a slice of endpoints': () =>
    group('discovery.k8s.io/v1', 'EndpointSlice', 'endpointslices', {
      addressType: 'IPv4',
      endpoints: many(1000, (i) => ({ addresses: many(90, (j) => address(i * 90 + j)) })),
      ports: [port(1)],
    }),
  'a quota of resources': () =>
    core('ResourceQuota', 'resourcequotas', {
      spec: { hard: object(25_000, (i) => [`requests.example.com/r${i}`, `${i}`]) },
    }),
  'a range of limits': () =>
    core('LimitRange', 'limitranges', {
      spec: { limits: [{ type: 'Container', max: object(30_000, (i) => [`example.com/r${i}`, `${i}Gi`]) }] },
    }),
  'a network policy of ingress rules': () =>
    group('networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies', {
      spec: {
        podSelector: {},
        ingress: many(12_000, (i) => ({
          from: [{ ipBlock: { cidr: `${address(i)}/32`, except: [] } }],
          ports: [{ port: 1 }],
        })),
      },
    }),
  'an ingress of rules': () =>
    group('networking.k8s.io/v1', 'Ingress', 'ingresses', {
      spec: {
        rules: many(6000, (i) => ({
          host: `h${i}.example.com`,
          http: {
            paths: [{ path: `/p${i}`, pathType: 'Prefix', backend: { service: { name: 's', port: { number: 1 } } } }],
          },
        })),
      },
    }),
  'a role of rules': () =>
    group('rbac.authorization.k8s.io/v1', 'Role', 'roles', {
      rules: many(12_000, (i) => ({ apiGroups: [''], resources: [`r${i}`], verbs: ['get', 'list'] })),
    }),
  'a role of one rule': () =>
    group('rbac.authorization.k8s.io/v1', 'Role', 'roles', {
      rules: [
        {
          apiGroups: many(30_000, (i) => `g${i}`),
          resources: many(30_000, (i) => `r${i}`),
          verbs: many(30_000, (i) => `v${i}`),
        },
      ],
    }),
  'a binding of subjects': () =>
    group('rbac.authorization.k8s.io/v1', 'RoleBinding', 'rolebindings', {
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'x' },
      subjects: many(12_000, (i) => ({ kind: 'ServiceAccount', name: `s${i}`, namespace: 'default' })),
    }),
  'a disruption budget of expressions': () =>
    group('policy/v1', 'PodDisruptionBudget', 'poddisruptionbudgets', {
      spec: { minAvailable: 1, selector: { matchExpressions: many(15_000, requirement) } },
    }),
  'an autoscaler of metrics': () =>
    group('autoscaling/v2', 'HorizontalPodAutoscaler', 'horizontalpodautoscalers', {
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'x' },
        maxReplicas: 2,
        metrics: many(7000, () => ({
          type: 'Resource',
          resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 1 } },
        })),
      },
    }),
  'a node of images': () => ({
    ...core('Node', 'nodes', {
      status: {
        images: many(15_000, (i) => ({ names: [`example.com/i${i}`], sizeBytes: i })),
        capacity: object(15_000, (i) => [`e.com/r${i}`, `${i}`]),
      },
      spec: { taints: many(5000, (i) => ({ key: `k${i}`, effect: 'NoSchedule' })) },
    }),
    path: '/api/v1/nodes',
  }),
  'a service account of secrets': () =>
    core('ServiceAccount', 'serviceaccounts', {
      secrets: many(40_000, (i) => ({ name: `s${i}` })),
    }),
  'a claim template of requests': () =>
    group('resource.k8s.io/v1', 'ResourceClaimTemplate', 'resourceclaimtemplates', {
      spec: {
        spec: { devices: { requests: many(9000, (i) => ({ name: `r${i}`, exactly: { deviceClassName: 'c' } })) } },
      },
    }),
  'a slice of devices': () =>
    cluster('resource.k8s.io/v1', 'ResourceSlice', 'resourceslices', {
      spec: {
        driver: 'd.example.com',
        pool: { name: 'p', generation: 1, resourceSliceCount: 1 },
        nodeName: 'n',
        devices: many(128, (i) => ({ name: `d${i}`, capacity: object(200, (j) => [`c${j}`, { value: `${j}` }]) })),
      },
    }),
};

export const largeObjects: Readonly<Record<string, () => LargeObject>> = {
  ...others,
  ...Object.fromEntries(
    Object.entries(metadataShapes).map(([name, metadata]) => [
      `a config map of ${name}`,
      () => core('ConfigMap', 'configmaps', { data: { a: 'b' } }, metadata()),
    ]),
  ),
  ...workloads,
  ...registrations,
};
