/**
 * An object as upstream's internal type writes itself: the fields have Go's names, and none is left out. Messages that
 * show the whole of a value, or what differs in it, show it so (kubernetes/kubernetes pkg/apis/core/types.go).
 */
import { type FieldPlan, planOf, type TypePlan } from '#apimachinery/codec/plan.js';
import type { Scalar } from '#apimachinery/schema.js';
import type { PodSpec } from '../gen/core-v1.js';
import { builtinSchemas } from '../schema-table.js';

type Fields = Record<string, unknown>;

/** `typeName` is the OpenAPI name, `io.k8s.api.core.v1.PodSpec`; of a list, that of its elements. */
export function goDump(typeName: string, value: unknown): unknown {
  const plan = planOf(builtinSchemas, typeName);
  if (!plan) throw new TypeError(`there is no type ${typeName}`);
  return Array.isArray(value) ? value.map((one) => dump(plan, one)) : dump(plan, value);
}

function dump(plan: TypePlan, value: unknown): unknown {
  // These have tags, and so are shown as everywhere.
  if (plan.codec || plan.schema.name.startsWith('io.k8s.apimachinery.')) return value ?? null;
  const given = (plan.goName === 'PodSpec' ? withInnerContext(value as PodSpec) : (value ?? {})) as Fields;
  const out: Fields = {};
  for (const [name, field] of fieldsOf(plan)) {
    // Metadata of a template stands among its other fields.
    if (plan.goName === 'PersistentVolumeClaimTemplate' && field.name === 'metadata')
      Object.assign(out, given[field.name]);
    else out[name] = dumpField(field, given[field.name]);
  }
  return plan.goName === 'PodSecurityContext' ? { ...contextOf(given), ...out } : out;
}

function dumpField(field: FieldPlan, value: unknown): unknown {
  const { shape, pointer } = field.schema;
  const one = (element: unknown) => (field.scalar ? element : dump(field.type, element));
  if (value === undefined || value === null) {
    if (shape !== 'single' || pointer) return null;
    return field.scalar ? zeros[field.scalar] : one({});
  }
  if (shape === 'list') return (value as unknown[]).map(one);
  if (shape === 'map') return field.scalar ? value : mapValues(value as Fields, one);
  return one(value);
}

function mapValues(map: Fields, each: (value: unknown) => unknown): Fields {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, each(value)]));
}

const zeros: Readonly<Record<Scalar, unknown>> = {
  string: '',
  bytes: null,
  bool: false,
  int32: 0,
  int64: 0,
  double: 0,
  any: null,
};

/** Of a pod, what is the host's stands in the security context. */
const hostFields = ['hostNetwork', 'hostPID', 'hostIPC', 'shareProcessNamespace', 'hostUsers'] as const;

function withInnerContext(spec: PodSpec | undefined): Fields {
  const host = Object.fromEntries(hostFields.map((name) => [name, spec?.[name]]));
  return { ...spec, securityContext: { ...spec?.securityContext, ...host } };
}

function contextOf({ hostNetwork, hostPID, hostIPC, shareProcessNamespace, hostUsers }: Fields): Fields {
  return {
    HostNetwork: hostNetwork ?? false,
    HostPID: hostPID ?? false,
    HostIPC: hostIPC ?? false,
    ShareProcessNamespace: shareProcessNamespace ?? null,
    HostUsers: hostUsers ?? null,
  };
}

type NamedField = readonly [goName: string, field: FieldPlan];

const fieldsByPlan = new WeakMap<TypePlan, readonly NamedField[]>();

/** In the order of the internal type, where it is not that of the served one. */
function fieldsOf(plan: TypePlan): readonly NamedField[] {
  let fields = fieldsByPlan.get(plan);
  if (!fields) {
    const order = orders[plan.goName]?.split(' ');
    const ordered = order ? order.flatMap((name) => plan.byName.get(name) ?? []) : plan.fields;
    fieldsByPlan.set(plan, (fields = ordered.map((field) => [goFieldName(plan.goName, field.name), field])));
  }
  return fields;
}

const sources =
  'flocker downwardAPI fc azureFile configMap vsphereVolume azureDisk photonPersistentDisk projected portworxVolume';

const orders: Readonly<Record<string, string>> = {
  PodSpec:
    'volumes initContainers containers ephemeralContainers restartPolicy terminationGracePeriodSeconds activeDeadlineSeconds dnsPolicy nodeSelector serviceAccountName automountServiceAccountToken nodeName securityContext imagePullSecrets hostname subdomain setHostnameAsFQDN affinity schedulerName tolerations hostAliases priorityClassName priority preemptionPolicy dnsConfig readinessGates runtimeClassName overhead enableServiceLinks topologySpreadConstraints os schedulingGates resourceClaims resources hostnameOverride schedulingGroup',
  PodSecurityContext:
    'seLinuxOptions windowsOptions runAsUser runAsGroup runAsNonRoot supplementalGroups supplementalGroupsPolicy fsGroup fsGroupChangePolicy sysctls seccompProfile appArmorProfile seLinuxChangePolicy',
  Volume: `name hostPath emptyDir gcePersistentDisk awsElasticBlockStore gitRepo secret nfs iscsi glusterfs persistentVolumeClaim rbd quobyte flexVolume cinder cephfs ${sources} scaleIO storageos csi ephemeral image`,
  PersistentVolumeSource:
    'gcePersistentDisk awsElasticBlockStore hostPath glusterfs nfs rbd quobyte iscsi flexVolume cinder cephfs fc flocker azureFile vsphereVolume azureDisk photonPersistentDisk portworxVolume scaleIO local storageos csi',
};

/** `typeName` is Go's. */
export function goFieldName(typeName: string, name: string): string {
  return names[`${typeName}.${name}`] ?? names[name] ?? name[0]!.toUpperCase() + name.slice(1);
}

const names: Readonly<Record<string, string>> = {
  metadata: 'ObjectMeta',
  'PodSpec.serviceAccount': 'DeprecatedServiceAccount',
  tty: 'TTY',
  seLinuxOptions: 'SELinuxOptions',
  seLinuxChangePolicy: 'SELinuxChangePolicy',
  gmsaCredentialSpecName: 'GMSACredentialSpecName',
  gmsaCredentialSpec: 'GMSACredentialSpec',
  httpGet: 'HTTPGet',
  httpHeaders: 'HTTPHeaders',
  tcpSocket: 'TCPSocket',
  grpc: 'GRPC',
  apiVersion: 'APIVersion',
  apiGroup: 'APIGroup',
  gcePersistentDisk: 'GCEPersistentDisk',
  awsElasticBlockStore: 'AWSElasticBlockStore',
  nfs: 'NFS',
  rbd: 'RBD',
  iscsi: 'ISCSI',
  cephfs: 'CephFS',
  fc: 'FC',
  storageos: 'StorageOS',
  csi: 'CSI',
  fsType: 'FSType',
  fsGroup: 'FSGroup',
  fsGroupChangePolicy: 'FSGroupChangePolicy',
  uid: 'UID',
  sslEnabled: 'SSLEnabled',
  diskURI: 'DataDiskURI',
  wwids: 'WWIDs',
  iqn: 'IQN',
  iscsiInterface: 'ISCSIInterface',
  chapAuthDiscovery: 'DiscoveryCHAPAuth',
  chapAuthSession: 'SessionCHAPAuth',
  pdName: 'PDName',
  dnsPolicy: 'DNSPolicy',
  dnsConfig: 'DNSConfig',
  os: 'OS',
  ip: 'IP',
  endpoints: 'EndpointsName',
  ...rbdNames('RBDVolumeSource'),
  ...rbdNames('RBDPersistentVolumeSource'),
};

function rbdNames(type: string): Record<string, string> {
  return {
    [`${type}.monitors`]: 'CephMonitors',
    [`${type}.image`]: 'RBDImage',
    [`${type}.pool`]: 'RBDPool',
    [`${type}.user`]: 'RadosUser',
  };
}
