/**
 * Attribute-based access control: a file of policies, one a line, each of which allows something. What no policy allows is
 * for the next authorizer. https://kubernetes.io/docs/reference/access-authn-authz/abac/
 */
import type { UserInfo } from '../authentication/authenticator.js';
import { ConfigurationError, readConfigurationFile } from '../configuration-file.js';
import type { Attributes, Authorizer, Decision } from './authorizer.js';

interface PolicySpec {
  user: string;
  group: string;
  readonly: boolean;
  apiGroup: string;
  resource: string;
  namespace: string;
  nonResourcePath: string;
}

const allAuthenticated = 'system:authenticated';
const versions = ['abac.authorization.kubernetes.io/v1beta1'];
const texts = ['user', 'group', 'apiGroup', 'resource', 'namespace', 'nonResourcePath'] as const;
const readVerbs = new Set(['get', 'list', 'watch']);

const allowed: Decision = { decision: 'allow', reason: '' };
const noOpinion: Decision = { decision: 'no opinion', reason: 'No policy matched.' };

/** Throws ConfigurationError. */
export async function openAbac(path: string): Promise<Authorizer> {
  return abacAuthorizer(parsePolicies(Buffer.from(await readConfigurationFile(path)).toString('utf8'), path));
}

export function abacAuthorizer(policies: readonly PolicySpec[]): Authorizer {
  const cannotTell = 'ABAC authorizer does not support user rule resolution';
  return {
    cannotTell,
    authorize: (attributes) => (policies.some((one) => matches(one, attributes)) ? allowed : noOpinion),
  };
}

/** Empty lines and those that begin with # say nothing. Throws ConfigurationError. */
export function parsePolicies(text: string, path: string): PolicySpec[] {
  return text.split('\n').flatMap((line, index) => {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) return [];
    try {
      return [policyOf(JSON.parse(trimmed))];
    } catch (error) {
      const why = (error as Error).message;
      throw new ConfigurationError(`error reading policy file ${path}, line ${index + 1}: ${trimmed}: ${why}`);
    }
  });
}

/** Throws Error. */
function policyOf(value: unknown): PolicySpec {
  if (!isMap(value)) throw new Error('a policy is an object');
  if (value['apiVersion'] === undefined && value['kind'] === undefined) return olderPolicy(specOf(value));
  if (!versions.includes(String(value['apiVersion'])) || value['kind'] !== 'Policy')
    throw new Error(`no Policy of ${versions.join(', ')}`);
  const spec = specOf(value['spec'] ?? {});
  return spec.user === '*' || spec.group === '*' ? { ...spec, user: '', group: allAuthenticated } : spec;
}

/** Of a line that names no version: what it leaves out is all there is. */
function olderPolicy(spec: PolicySpec): PolicySpec {
  const isForAll = spec.user === '*' || spec.group === '*' || (spec.user === '' && spec.group === '');
  return {
    ...spec,
    user: isForAll ? '' : spec.user,
    group: isForAll ? allAuthenticated : spec.group,
    namespace: spec.namespace || '*',
    resource: spec.resource || '*',
    apiGroup: '*',
    nonResourcePath: spec.namespace || spec.resource ? '' : '*',
  };
}

function specOf(value: unknown): PolicySpec {
  if (!isMap(value)) throw new Error('spec is an object');
  const spec = { readonly: value['readonly'] ?? false } as PolicySpec;
  if (typeof spec.readonly !== 'boolean') throw new Error('readonly is true or false');
  for (const name of texts) {
    const given = value[name] ?? '';
    if (typeof given !== 'string') throw new Error(`${name} is a string`);
    spec[name] = given;
  }
  return spec;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function matches(policy: PolicySpec, { user, verb, resource, path }: Attributes): boolean {
  if (!isOf(policy, user) || (policy.readonly && !readVerbs.has(verb))) return false;
  if (!resource) return isPath(policy.nonResourcePath, path ?? '');
  const is = (wanted: string, found: string) => wanted === '*' || wanted === found;
  return (
    is(policy.namespace, resource.namespace) &&
    is(policy.resource, resource.resource) &&
    is(policy.apiGroup, resource.group)
  );
}

/** A policy that names neither is nobody's. */
function isOf({ user, group }: PolicySpec, { name, groups }: UserInfo): boolean {
  if (user === '' && group === '') return false;
  return (user === '' || user === name) && (group === '' || (groups ?? []).includes(group));
}

function isPath(wanted: string, path: string): boolean {
  if (wanted === '*' || wanted === path) return true;
  return wanted.endsWith('*') && path.startsWith(wanted.replace(/\*+$/, ''));
}
