/** Node: a machine that runs pods. */

import type { Node, NodeSpec, Taint } from '#api/gen/core-v1.js';
import { duplicate, FieldError, forbiddenField, invalidValue, required } from '#apimachinery/field-error.js';
import { labelValueProblems, subdomainLengthMax } from '#apimachinery/names.js';
import { equal } from '#base/json.js';
import { checkCidr, checkEnum, checkQualifiedName, each, type FieldErrors, isDualStack } from '../meta/check.js';
import { ageColumn, nameColumn } from '../meta/columns.js';
import { fieldText } from '../meta/field-text.js';
import { type Column, defineResource } from '../resource.js';
import { roundUpToMilli } from './pod/defaults.js';
import { checkQuantity } from './pod/validate-resources.js';
import { taintEffects } from './pod/validate-scheduling.js';

const rolePrefix = 'node-role.kubernetes.io/';
const roleLabel = 'kubernetes.io/role';

export default defineResource<Node>({
  group: '',
  versions: ['v1'],
  kind: 'Node',
  shortNames: ['no'],
  namespaced: false,
  metadataRepeats: { update: ['whole', 'change'] },
  subresources: {
    status: true,
    others: [{ name: 'proxy', kind: 'NodeProxyOptions', verbs: ['create', 'delete', 'get', 'patch', 'update'] }],
  },
  storageVersionHash: 'XwShjMxG9Fs=',
  storagePrefix: 'minions',
  selectableFields: { 'spec.unschedulable': (node) => String(node.spec?.unschedulable ?? false) },
  keepsStatusOnCreate: true,
  // Kubelets were once configured by it; what says so is dropped.
  prepareForCreate(node) {
    delete node.spec.configSource;
    delete node.status?.config;
  },
  prepareForUpdate(node, old) {
    if (!old.spec.configSource) delete node.spec.configSource;
  },
  prepareForStatusUpdate(node, old) {
    if (!old.status?.config) delete node.status?.config;
  },
  warnings: ({ spec }) => [
    ...(spec?.configSource ? ['spec.configSource: the feature is removed'] : []),
    ...(spec?.externalID ? ['spec.externalID: this field is deprecated, and is unused by Kubernetes'] : []),
  ],
  default: setDefaults,
  *validate(node) {
    yield* checkTaints('metadata.taints', node.spec?.taints);
    yield* checkAmounts(node);
    yield* checkDeclaredFeatures(node);
    yield* checkCidrs(node.spec?.podCIDRs ?? []);
  },
  validateUpdate: (node, old) => checkUpdate(node, old),
  *validateStatusUpdate(node) {
    yield* checkAmounts(node);
    yield* checkDeclaredFeatures(node);
    yield* checkNodeAddresses(node);
  },
  columns: [
    nameColumn,
    { name: 'Status', type: 'string', description: 'The status of the node', cell: statusCell },
    { name: 'Roles', type: 'string', description: 'The roles of the node', cell: rolesCell },
    ageColumn,
    {
      name: 'Version',
      type: 'string',
      description: fieldText('core.v1.NodeSystemInfo.kubeletVersion'),
      cell: ({ status }) => status?.nodeInfo?.kubeletVersion ?? '',
    },
    addressColumn('Internal-IP', 'InternalIP'),
    addressColumn('External-IP', 'ExternalIP'),
    infoColumn('OS-Image', fieldText('core.v1.NodeSystemInfo.osImage'), (info) => info.osImage),
    infoColumn(
      'Kernel-Version',
      fieldText('core.v1.NodeSystemInfo.kernelVersion'),
      ({ kernelVersion, architecture }) =>
        kernelVersion && architecture ? `${kernelVersion} (${architecture})` : kernelVersion,
    ),
    infoColumn(
      'Container-Runtime',
      fieldText('core.v1.NodeSystemInfo.containerRuntimeVersion'),
      (info) => info.containerRuntimeVersion,
    ),
  ],
});

function setDefaults(node: Node): void {
  node.spec ??= {} as NodeSpec;
  // The singular is the older name of the first, and served beside the list.
  const { podCIDR, podCIDRs } = node.spec;
  if (podCIDR && podCIDR !== podCIDRs?.[0]) node.spec.podCIDRs = [podCIDR];
  if (node.spec.podCIDRs?.length) node.spec.podCIDR = node.spec.podCIDRs[0]!;
  for (const amounts of [node.status?.capacity, node.status?.allocatable]) if (amounts) roundUpToMilli(amounts);
  if (node.status?.capacity && !node.status.allocatable) node.status.allocatable = { ...node.status.capacity };
}

function* checkTaints(path: string, taints: readonly Taint[] | undefined): FieldErrors {
  const seen = new Set<string>();
  for (const { path: at, value: taint } of each(path, taints)) {
    yield* checkQualifiedName(`${at}.key`, taint.key ?? '');
    const problems = labelValueProblems(taint.value ?? '');
    if (problems.length > 0) yield invalidValue(`${at}.value`, taint.value, problems.join(';'));
    if (!taint.effect) yield required(`${at}.effect`);
    else yield* checkEnum(`${at}.effect`, taint.effect, taintEffects);
    const id = `${taint.key}:${taint.effect}`;
    if (seen.has(id)) {
      const { type, body } = duplicate(at, goTaint(taint));
      yield new FieldError({ type, path: at, body: `${body}: taints must be unique by key and effect pair` });
    }
    seen.add(id);
  }
}

/** As upstream's own type shows itself, whose fields have Go's names. */
function goTaint({ key = '', value = '', effect = '', timeAdded }: Taint) {
  return { Key: key, Value: value, Effect: effect, TimeAdded: timeAdded ?? null };
}

function* checkAmounts({ status }: Node): FieldErrors {
  for (const list of ['capacity', 'allocatable'] as const)
    for (const [name, amount] of Object.entries(status?.[list] ?? {}))
      yield* checkQuantity(`status.${list}.${name}`, amount, name);
}

function* checkCidrs(cidrs: readonly string[]): FieldErrors {
  const path = 'spec.podCIDRs';
  for (const cidr of each(path, cidrs)) yield* checkCidr(cidr.path, cidr.value);
  if (cidrs.length > 1 && !isDualStack(cidrs))
    yield invalidValue(path, cidrs, 'may specify no more than one CIDR for each IP family');
}

const featurePattern = /^[A-Z][a-zA-Z0-9]*(\/[a-zA-Z][a-zA-Z0-9]*)*$/;

/** What a kubelet can do, sorted, so that schedulers compare lists quickly. */
function* checkDeclaredFeatures({ status }: Node): FieldErrors {
  const path = 'status.declaredFeatures';
  const features = status?.declaredFeatures ?? [];
  for (const [index, feature] of features.entries()) {
    const problem = featureProblem(feature);
    if (problem)
      yield invalidValue(`${path}[${index}]`, feature, `invalid feature name ${JSON.stringify(feature)}: ${problem}`);
    const next = features[index + 1];
    const at = `${path}[${index + 1}]`;
    if (next === feature) yield duplicate(at, next);
    else if (next !== undefined && next < feature) yield invalidValue(at, next, 'list must be sorted alphabetically');
  }
}

function featureProblem(feature: string): string | undefined {
  if (feature.length > subdomainLengthMax) return `must be no more than ${subdomainLengthMax} characters`;
  if (featurePattern.test(feature)) return undefined;
  return "must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes";
}

/** Upstream looks at what is in both lists of rules twice. */
function* checkUpdate(node: Node, old: Node): FieldErrors {
  yield* checkAmounts(node);
  yield* checkDeclaredFeatures(node);
  yield* checkNodeAddresses(node);
  const why = (field: string) => `node updates may not change ${field} except from "" to valid`;
  const before = old.spec.podCIDRs ?? [];
  if (before.length > 0 && !equal(before, node.spec.podCIDRs ?? []))
    yield forbiddenField('spec.podCIDRs', why('podCIDR'));
  if (old.spec.providerID && old.spec.providerID !== node.spec.providerID)
    yield forbiddenField('spec.providerID', why('providerID'));
  yield* checkTaints('metadata.taints', node.spec.taints);
  if ((old.spec.externalID ?? '') !== (node.spec.externalID ?? ''))
    yield forbiddenField('spec.externalID', 'may not be updated');
}

function* checkNodeAddresses({ status }: Node): FieldErrors {
  const seen = new Set<string>();
  for (const { path, value } of each('status.addresses', status?.addresses)) {
    const id = `${value.type}/${value.address}`;
    if (seen.has(id)) yield duplicate(path, { Type: value.type, Address: value.address });
    seen.add(id);
  }
}

function statusCell({ spec, status }: Node): string {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  const words = [ready ? (ready.status === 'True' ? 'Ready' : 'NotReady') : 'Unknown'];
  if (spec?.unschedulable) words.push('SchedulingDisabled');
  return words.join(',');
}

function rolesCell({ metadata }: Node): string {
  const roles = new Set<string>();
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    if (key.startsWith(rolePrefix)) roles.add(key.slice(rolePrefix.length));
    else if (key === roleLabel) roles.add(value);
  }
  roles.delete('');
  return [...roles].sort().join(',') || '<none>';
}

function addressColumn(name: string, type: string): Column<Node> {
  const cell = ({ status }: Node) => status?.addresses?.find((one) => one.type === type)?.address ?? '<none>';
  return { name, type: 'string', priority: 1, description: fieldText('core.v1.NodeStatus.addresses'), cell };
}

type NodeInfo = NonNullable<NonNullable<Node['status']>['nodeInfo']>;

function infoColumn(name: string, description: string, read: (info: NodeInfo) => string | undefined): Column<Node> {
  const cell = ({ status }: Node) => (status?.nodeInfo && read(status.nodeInfo)) || '<unknown>';
  return { name, type: 'string', priority: 1, description, cell };
}
