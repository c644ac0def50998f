/**
 * Whoever writes an admission policy or a binding must be allowed to read the parameters that it makes use of, for what
 * it does with them may show them (https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/).
 */
import mutatingPolicyResource from '#api/admissionregistration/mutatingadmissionpolicy.js';
import mutatingBindingResource from '#api/admissionregistration/mutatingadmissionpolicybinding.js';
import validatingPolicyResource from '#api/admissionregistration/validatingadmissionpolicy.js';
import validatingBindingResource from '#api/admissionregistration/validatingadmissionpolicybinding.js';
import type { ParamKind, ParamRef } from '#api/gen/admissionregistration-v1.js';
import type { ResourceRef } from '#api/resource.js';
import { invalid, isReason } from '#apimachinery/errors.js';
import { forbiddenField } from '#apimachinery/field-error.js';
import { type KubeObject, parseApiVersion } from '#apimachinery/object.js';
import { equal } from '#base/json.js';
import type { UserInfo } from '../authentication/authenticator.js';
import type { Authorizer } from '../authorization/authorizer.js';
import { privilegedGroup } from '../authorization/union.js';
import type { Registry } from '../registry/registry.js';
import type { AdmissionPlugin, AdmissionRequest } from './admission.js';
import { isOn } from './refuse.js';

interface Dependencies {
  registry: () => Registry;
  authorizer: Authorizer;
}

interface Policy extends KubeObject {
  spec?: { paramKind?: ParamKind };
}

interface Binding extends KubeObject {
  spec?: { policyName?: string; paramRef?: ParamRef };
}

const policies = [validatingPolicyResource, mutatingPolicyResource] as readonly ResourceRef<Policy>[];
const policyOf = new Map<ResourceRef, ResourceRef<Policy>>([
  [validatingBindingResource as ResourceRef, validatingPolicyResource as ResourceRef<Policy>],
  [mutatingBindingResource as ResourceRef, mutatingPolicyResource as ResourceRef<Policy>],
]);

/** Upstream does this in the registries of the four kinds. */
export function policyParams(dependencies: Dependencies): AdmissionPlugin {
  return {
    name: 'PolicyParams',
    handles: (request) =>
      (request.operation === 'CREATE' || request.operation === 'UPDATE') &&
      [...policies, ...policyOf.keys()].some((resource) => isOn(request, resource)) &&
      !request.user.groups.includes(privilegedGroup),
    async validate(request) {
      if (policies.some((resource) => isOn(request, resource))) await judgePolicy(request, dependencies);
      else await judgeBinding(request, dependencies);
    },
  };
}

async function judgePolicy(request: AdmissionRequest, dependencies: Dependencies): Promise<void> {
  const paramKind = (request.object as Policy).spec?.paramKind;
  if (!paramKind || equal(paramKind, (request.old as Policy | undefined)?.spec?.paramKind)) return;
  const { user } = request;
  const resource = { ...resourceOf(paramKind, dependencies), name: '*', namespace: '*' };
  if (await mayDo(dependencies, { user, verb: 'get', resource })) return;
  const { kind, apiVersion } = paramKind;
  const what = `the referenced paramKind (kind=${kind}, apiVersion=${apiVersion})`;
  throw refusal(request, 'spec.paramKind', `user ${goText(user)} must have "get" permission on all objects of ${what}`);
}

async function judgeBinding(request: AdmissionRequest, dependencies: Dependencies): Promise<void> {
  const { paramRef, policyName = '' } = (request.object as Binding).spec ?? {};
  const old = (request.old as Binding | undefined)?.spec;
  if (!paramRef || (equal(paramRef, old?.paramRef) && policyName === old?.policyName)) return;
  const paramKind = await paramKindOf(request, policyName, dependencies);
  const { user } = request;
  const verb = paramRef.name ? 'get' : 'list';
  const { name = '', namespace = '' } = paramRef;
  const resource = { ...resourceOf(paramKind, dependencies), name, namespace };
  if (await mayDo(dependencies, { user, verb, resource })) return;
  // Upstream's message takes the user for the verb.
  const why = `user ${verb} does not have "${goText(user)}" permission on the object referenced by paramRef`;
  throw refusal(request, 'spec.paramRef', why);
}

async function paramKindOf(
  request: AdmissionRequest,
  name: string,
  { registry }: Dependencies,
): Promise<ParamKind | undefined> {
  for (const [binding, policy] of policyOf) {
    if (!isOn(request, binding)) continue;
    try {
      return (await registry().of(policy).get({ namespace: '', name })).spec?.paramKind;
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
  }
  return undefined;
}

interface AskedResource {
  group: string;
  version: string;
  resource: string;
  subresource: '';
}

/** Of a kind that is not served, or not known yet, everything could be meant. */
function resourceOf(paramKind: ParamKind | undefined, { registry }: Dependencies): AskedResource {
  if (!paramKind) return { group: '*', version: '*', resource: '*', subresource: '' };
  const { group, version } = parseApiVersion(paramKind.apiVersion ?? '');
  const found = registry().scheme.byKind({ group, version, kind: paramKind.kind ?? '' });
  return { group, version, resource: found?.plural ?? '*', subresource: '' };
}

async function mayDo(
  { authorizer }: Dependencies,
  attributes: { user: UserInfo; verb: string; resource: AskedResource & { name: string; namespace: string } },
): Promise<boolean> {
  return (await authorizer.authorize(attributes)).decision === 'allow';
}

function refusal({ resource: { group, kind }, name }: AdmissionRequest, path: string, why: string) {
  return invalid({ group, kind, name }, [forbiddenField(path, why)]);
}

/** As Go prints a user. */
function goText({ name, uid = '', groups, extra = {} }: UserInfo): string {
  const more = Object.entries(extra).map(([key, values]) => `${key}:[${values.join(' ')}]`);
  return `&{${name} ${uid} [${groups.join(' ')}] map[${more.sort().join(' ')}]}`;
}
