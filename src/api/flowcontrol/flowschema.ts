/** FlowSchema: which requests are of which priority level, and which of them are one flow. */

import type {
  FlowSchema,
  FlowSchemaSpec,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  Subject,
} from '#api/gen/flowcontrol-v1.js';
import { type FieldError, forbiddenField, invalidValue, notSupported, required } from '#apimachinery/field-error.js';
import { labelProblems } from '#apimachinery/names.js';
import { equal } from '#base/json.js';
import { checkLabel, checkSubdomain, each, type FieldErrors } from '../meta/check.js';
import { ageColumn, nameColumn } from '../meta/columns.js';
import { fieldText } from '../meta/field-text.js';
import { goStruct } from '../meta/go-fields.js';
import { defineResource } from '../resource.js';
import { mandatoryFlows } from './bootstrap.js';
import { checkConditions } from './conditions.js';

const precedenceDefault = 1000;
const precedenceMax = 10_000;

export default defineResource<FlowSchema>({
  group: 'flowcontrol.apiserver.k8s.io',
  versions: ['v1'],
  kind: 'FlowSchema',
  namespaced: false,
  metadataRepeats: { update: ['whole'] },
  subresources: { status: true },
  statusKeeps: 'metadata',
  storageVersionHash: 'GJVAJZSZBIw=',
  bumpsGeneration: ['spec'],
  default(schema) {
    schema.spec ??= {} as FlowSchemaSpec;
    schema.spec.matchingPrecedence ||= precedenceDefault;
  },
  validate: (schema) => [
    ...checkSpec(schema.spec ?? ({} as FlowSchemaSpec), schema.metadata.name ?? ''),
    ...checkMandatory(schema),
    ...checkConditions(schema.status?.conditions),
  ],
  validateStatusUpdate: ({ status }) => checkConditions(status?.conditions),
  rowOrder: byPrecedence,
  columns: [
    nameColumn,
    {
      name: 'PriorityLevel',
      type: 'string',
      description: fieldText('flowcontrol.v1.PriorityLevelConfigurationReference.name'),
      cell: ({ spec }) => spec?.priorityLevelConfiguration?.name ?? '',
    },
    {
      name: 'MatchingPrecedence',
      type: 'string',
      description: fieldText('flowcontrol.v1.FlowSchemaSpec.matchingPrecedence'),
      cell: ({ spec }) => spec?.matchingPrecedence ?? 0,
    },
    {
      name: 'DistinguisherMethod',
      type: 'string',
      description: fieldText('flowcontrol.v1.FlowSchemaSpec.distinguisherMethod'),
      cell: ({ spec }) => spec?.distinguisherMethod?.type ?? '<none>',
    },
    ageColumn,
    {
      name: 'MissingPL',
      type: 'string',
      description: 'references a broken or non-existent PriorityLevelConfiguration',
      cell: danglingCell,
    },
  ],
});

/** In the order in which requests try them. */
export function byPrecedence(one: FlowSchema, other: FlowSchema): number {
  const precedence = ({ spec }: FlowSchema) => spec.matchingPrecedence ?? precedenceDefault;
  return precedence(one) - precedence(other) || (one.metadata.name! < other.metadata.name! ? -1 : 1);
}

function danglingCell({ status }: FlowSchema): string {
  return status?.conditions?.find(({ type }) => type === 'Dangling')?.status ?? '?';
}

function checkMandatory({ metadata, spec }: FlowSchema): FieldError[] {
  const fixed = mandatoryFlows.find((one) => one.metadata.name === metadata.name);
  if (!fixed || equal(spec, fixed.spec)) return [];
  return [invalidValue('spec', spec, `spec of '${metadata.name}' must equal the fixed value`)];
}

function* checkSpec(spec: FlowSchemaSpec, name: string): FieldErrors {
  const { matchingPrecedence: precedence = 0, distinguisherMethod, priorityLevelConfiguration, rules } = spec;
  const path = 'spec.matchingPrecedence';
  if (precedence <= 0) yield invalidValue(path, precedence, 'must be a positive value');
  if (precedence > precedenceMax) yield invalidValue(path, precedence, `must not be greater than ${precedenceMax}`);
  if (precedence === 1 && name !== 'exempt')
    yield invalidValue(path, precedence, "only the schema named 'exempt' may have matchingPrecedence 1");
  const methods = ['ByNamespace', 'ByUser'];
  if (distinguisherMethod && !methods.includes(distinguisherMethod.type))
    yield notSupported('spec.distinguisherMethod.type', goStruct({ Type: '' }, distinguisherMethod), methods);
  const at = 'spec.priorityLevelConfiguration.name';
  if (!priorityLevelConfiguration?.name) yield required(at, 'must reference a priority level');
  else yield* checkSubdomain(at, priorityLevelConfiguration.name);
  for (const rule of each('spec.rules', rules)) yield* checkRules(rule.path, rule.value);
}

function* checkRules(path: string, rules: PolicyRulesWithSubjects): FieldErrors {
  const { subjects = [], resourceRules = [], nonResourceRules = [] } = rules;
  for (const subject of each(`${path}.subjects`, subjects)) yield* checkSubject(subject.path, subject.value);
  if (!subjects?.length) yield required(`${path}.subjects`, 'subjects must contain at least one value');
  if (resourceRules.length + nonResourceRules.length === 0)
    yield required(path, 'at least one of resourceRules and nonResourceRules has to be non-empty');
  for (const rule of each(`${path}.resourceRules`, resourceRules)) yield* checkResourceRule(rule.path, rule.value);
  for (const rule of each(`${path}.nonResourceRules`, nonResourceRules)) yield* checkUrlRule(rule.path, rule.value);
}

/** The field that each kind of subject has, in the order in which upstream complains of the others. */
const subjectFields = { ServiceAccount: 'serviceAccount', User: 'user', Group: 'group' } as const;

function* checkSubject(path: string, subject: Subject): FieldErrors {
  const { kind } = subject;
  if (!Object.hasOwn(subjectFields, kind)) {
    yield notSupported(`${path}.kind`, kind ?? '', ['Group', 'ServiceAccount', 'User']);
    return;
  }
  const own = subjectFields[kind as keyof typeof subjectFields];
  const at = `${path}.${own}`;
  const value = subject[own];
  if (!value) yield required(at, `${own} is required when subject kind is '${kind}'`);
  else if (!value.name) yield required(`${at}.name`);
  else if (kind === 'ServiceAccount' && value.name !== '*') yield* checkSubdomain(`${at}.name`, value.name);
  if (kind === 'ServiceAccount' && subject.serviceAccount) {
    const { namespace } = subject.serviceAccount;
    if (!namespace) yield required(`${at}.namespace`, 'must specify namespace for service account');
    else yield* checkLabel(`${at}.namespace`, namespace);
  }
  for (const [other, field] of Object.entries(subjectFields))
    if (field !== own && subject[field])
      yield forbiddenField(`${path}.${field}`, `${field} is forbidden when subject kind is not '${other}'`);
}

const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'proxy', 'update', 'watch'];

/** A list of which `*` stands for all. Whether its members have still to be looked at. */
function* checkList(
  path: string,
  list: readonly string[],
  { empty, others }: { empty: string; others: string },
): FieldErrors {
  if (list.length === 0) yield required(path, empty);
  else if (list.length > 1 && list.includes('*'))
    yield invalidValue(path, list, `if '*' is present, must not specify other ${others}`);
}

function* checkVerbs(path: string, list: readonly string[]): FieldErrors {
  yield* checkList(path, list, { empty: 'verbs must contain at least one value', others: 'verbs' });
  if (!list.includes('*') && list.some((verb) => !verbs.includes(verb))) yield notSupported(path, list, verbs);
}

function* checkResourceRule(path: string, rule: ResourcePolicyRule): FieldErrors {
  const { apiGroups = [], resources = [], namespaces = [], clusterScope } = rule;
  yield* checkVerbs(`${path}.verbs`, rule.verbs ?? []);
  yield* checkList(`${path}.apiGroups`, apiGroups ?? [], {
    empty: 'resource rules must supply at least one api group',
    others: 'api groups',
  });
  yield* checkList(`${path}.resources`, resources ?? [], {
    empty: 'resource rules must supply at least one resource',
    others: 'resources',
  });
  const at = `${path}.namespaces`;
  if (!clusterScope || namespaces?.length) {
    const empty = 'resource rules that are not cluster scoped must supply at least one namespace';
    yield* checkList(at, namespaces ?? [], { empty, others: 'namespaces' });
  }
  if (namespaces?.includes('*')) return;
  for (const one of each(at, namespaces))
    for (const problem of labelProblems(one.value))
      yield invalidValue(one.path, one.value, `each member of this list must be '*' or a DNS-1123 label; ${problem}`);
}

function* checkUrlRule(path: string, rule: NonResourcePolicyRule): FieldErrors {
  yield* checkVerbs(`${path}.verbs`, rule.verbs ?? []);
  const at = `${path}.nonResourceURLs`;
  const urls = rule.nonResourceURLs ?? [];
  const empty = 'nonResourceURLs must contain at least one value';
  yield* checkList(at, urls, { empty, others: 'non-resource URLs' });
  if (urls.includes('*')) return;
  for (const one of each(at, urls)) {
    const problem = urlProblem(one.value);
    if (problem) yield invalidValue(one.path, one.value, problem);
  }
}

function urlProblem(url: string): string | undefined {
  if (url === '') return 'must not be empty';
  if (url === '/') return undefined;
  if (!url.startsWith('/')) return 'must start with slash';
  if (url.includes(' ')) return 'must not contain white-space';
  if (url.includes('//')) return 'must not contain double slash';
  const star = url.indexOf('*');
  return star >= 0 && (star !== url.length - 1 || !url.endsWith('/*'))
    ? 'wildcard can only do suffix matching'
    : undefined;
}
