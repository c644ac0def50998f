/** APIService: who serves a group and version: this server, or another one behind a Service. */
import type { APIService, APIServiceCondition, APIServiceSpec } from '#api/gen/apiregistration-v1.js';
import { invalidValue, notSupported, required } from '#apimachinery/field-error.js';
import { dns1035LabelProblems, pathSegmentProblems } from '#apimachinery/names.js';
import type { ObjectMeta } from '#apimachinery/object.js';
import { check, checkReference, each, type FieldErrors, portRange, rangeMessage } from '../meta/check.js';
import { ageColumn, nameColumn } from '../meta/columns.js';
import { defineResource } from '../resource.js';

const groupPriorityMax = 20_000;
const versionPriorityMax = 1000;
const portDefault = 443;

export default defineResource<APIService>({
  group: 'apiregistration.k8s.io',
  versions: ['v1'],
  kind: 'APIService',
  categories: ['api-extensions'],
  namespaced: false,
  metadataRepeats: { update: ['change', 'whole'] },
  freeFinalizers: true,
  subresources: { status: true },
  statusKeeps: 'settled',
  storageVersionHash: 'InPBPD7+PqM=',
  storagePrefix: 'apiregistration.k8s.io/apiservices',
  allowUnconditionalUpdate: false,
  validateName: pathSegmentProblems,
  default({ spec }) {
    if (spec?.service) spec.service.port ??= portDefault;
  },
  prepareForCreate(service) {
    if (!service.spec?.service) service.status = { conditions: [localCondition(service)] };
  },
  validate: ({ metadata, spec }) => [...checkNames(metadata, spec), ...checkSpec(spec)],
  validateStatusUpdate: (service) => checkStatus(service),
  columns: [
    nameColumn,
    {
      name: 'Service',
      type: 'string',
      description: 'The reference to the service that hosts this API endpoint.',
      cell: serviceCell,
    },
    { name: 'Available', type: 'string', description: 'Whether this service is available.', cell: availableCell },
    ageColumn,
  ],
});

/** What this server serves itself is there from the first moment. */
function localCondition({ metadata }: APIService): APIServiceCondition {
  return {
    type: 'Available',
    status: 'True',
    ...(metadata.creationTimestamp && { lastTransitionTime: metadata.creationTimestamp }),
    reason: 'Local',
    message: 'Local APIServices are always available',
  };
}

function* checkNames(
  { name = '', generateName }: ObjectMeta,
  { version = '', group = '' }: Partial<APIServiceSpec> = {},
): FieldErrors {
  const wanted = `${version}.${group}`;
  const why = `must be \`spec.version+"."+spec.group\`: ${JSON.stringify(wanted)}`;
  const isOther = (given: string) => given !== wanted && pathSegmentProblems(given).length === 0;
  if (generateName && isOther(generateName)) yield invalidValue('metadata.generateName', generateName, why);
  if (isOther(name)) yield invalidValue('metadata.name', name, why);
}

function* checkSpec(spec: Partial<APIServiceSpec> = {}): FieldErrors {
  const { group, version = '', groupPriorityMinimum = 0, versionPriority = 0, service } = spec;
  if (!group && version !== 'v1')
    yield required('spec.group', 'only v1 may have an empty group and it better be legacy kube');
  yield* checkReference('spec.group', group);
  yield* check('spec.version', version, dns1035LabelProblems);
  if (groupPriorityMinimum <= 0 || groupPriorityMinimum > groupPriorityMax) {
    const why = `must be positive and less than ${groupPriorityMax}`;
    yield invalidValue('spec.groupPriorityMinimum', groupPriorityMinimum, why);
  }
  if (versionPriority <= 0 || versionPriority > versionPriorityMax)
    yield invalidValue('spec.versionPriority', versionPriority, `must be positive and less than ${versionPriorityMax}`);
  const { caBundle, insecureSkipTLSVerify } = spec;
  if (!service) {
    if (caBundle) {
      const bytes = `${Buffer.from(caBundle, 'base64').length} bytes`;
      yield invalidValue('spec.caBundle', bytes, 'local APIServices may not have a caBundle');
    }
    if (insecureSkipTLSVerify)
      yield invalidValue('spec.insecureSkipTLSVerify', true, 'local APIServices may not have insecureSkipTLSVerify');
    return;
  }
  if (!service.namespace) yield required('spec.service.namespace');
  if (!service.name) yield required('spec.service.name');
  const { port = 0 } = service;
  if (port < portRange.min || port > portRange.max)
    yield invalidValue('spec.service.port', port, `port is not valid: ${rangeMessage(portRange)}`);
  if (insecureSkipTLSVerify && caBundle)
    yield invalidValue('spec.insecureSkipTLSVerify', true, 'may not be true if caBundle is present');
}

const conditionStatuses = ['True', 'False', 'Unknown'];

function* checkStatus({ status }: APIService): FieldErrors {
  for (const { path, value } of each('status.conditions', status?.conditions))
    if (!conditionStatuses.includes(value.status))
      yield notSupported(`${path}.status`, value.status ?? '', conditionStatuses);
}

function serviceCell({ spec }: APIService): string {
  return spec?.service ? `${spec.service.namespace}/${spec.service.name}` : 'Local';
}

function availableCell({ status }: APIService): string {
  const condition = status?.conditions?.find(({ type }) => type === 'Available');
  if (!condition) return 'Unknown';
  return condition.status === 'True' ? 'True' : `${condition.status} (${condition.reason ?? ''})`;
}
