/**
 * Which requests a webhook or an admission policy is concerned with: rules, selectors, and equal resources in other
 * versions. https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#matching-requests-rules
 */
import namespaceResource from '#api/core/namespace.js';
import type { Namespace } from '#api/gen/core-v1.js';
import type { AnyResource } from '#api/resource.js';
import { internalError, StatusError } from '#apimachinery/errors.js';
import type { KubeObject } from '#apimachinery/object.js';
import { ParseError } from '#apimachinery/parse-error.js';
import { type LabelSelector, type LabelSelectorObject, labelSelectorFrom } from '#apimachinery/selectors.js';
import type { Registry } from '../registry/registry.js';
import type { AdmissionRequest } from './admission.js';

export interface Rule {
  operations?: string[];
  apiGroups?: string[];
  apiVersions?: string[];
  resources?: string[];
  scope?: string;
  resourceNames?: string[];
}

export interface ResourceId {
  group: string;
  version: string;
  resource: string;
}

export function resourceIdOf({ resource, version }: AdmissionRequest): ResourceId {
  return { group: resource.group, version, resource: resource.plural };
}

/** Requests for a namespace count as being in it. */
export function namespaceOf({ resource, namespace, name, object }: AdmissionRequest): string {
  return isNamespace(resource) ? name || (object?.metadata.name ?? '') : namespace;
}

function isNamespace({ group, plural }: AnyResource): boolean {
  return group === '' && plural === 'namespaces';
}

function matchesRule(rule: Rule, request: AdmissionRequest, { group, version, resource }: ResourceId): boolean {
  const { operation, subresource } = request;
  return (
    matchesScope(rule.scope, request) &&
    has(rule.operations, operation) &&
    has(rule.apiGroups, group) &&
    has(rule.apiVersions, version) &&
    (rule.resources ?? []).some((named) => {
      const [wanted = '', wantedSubresource = ''] = splitOnce(named);
      return has([wanted], resource) && has([wantedSubresource], subresource);
    })
  );
}

function splitOnce(named: string): [string, string] {
  const slash = named.indexOf('/');
  return slash < 0 ? [named, ''] : [named.slice(0, slash), named.slice(slash + 1)];
}

function has(allowed: readonly string[] | undefined, wanted: string): boolean {
  return allowed?.some((one) => one === '*' || one === wanted) ?? false;
}

function matchesScope(scope: string | undefined, request: AdmissionRequest): boolean {
  if (scope === undefined || scope === '*') return true;
  const isClustered = isNamespace(request.resource) || request.namespace === '';
  return scope === 'Cluster' ? isClustered : scope === 'Namespaced' && !isClustered;
}

/** The resource as the first matching rule names it; with `Equivalent`, also in a version the request did not come in. */
function matchRules(
  rules: readonly Rule[],
  request: AdmissionRequest,
  { matchPolicy, matches = matchesRule }: { matchPolicy: string | undefined; matches?: typeof matchesRule },
): ResourceId | undefined {
  const asked = resourceIdOf(request);
  if (rules.some((rule) => matches(rule, request, asked))) return asked;
  if (matchPolicy !== 'Equivalent') return undefined;
  const others = equivalentsOf(request);
  for (const rule of rules) {
    const found = others.find((other) => matches(rule, request, other));
    if (found) return found;
  }
  return undefined;
}

function equivalentsOf({ resource, version }: AdmissionRequest): ResourceId[] {
  return resource.versions
    .filter((other) => other !== version)
    .map((other) => ({ group: resource.group, version: other, resource: resource.plural }));
}

export interface Criteria {
  rules?: readonly Rule[];
  excludeRules?: readonly Rule[];
  matchPolicy?: string;
  namespaceSelector?: LabelSelectorObject;
  objectSelector?: LabelSelectorObject;
}

/** Names of objects narrow a rule, where it gives some. */
function matchesNamedRule(rule: Rule, request: AdmissionRequest, id: ResourceId): boolean {
  if (!matchesRule(rule, request, id)) return false;
  return !rule.resourceNames?.length || rule.resourceNames.includes(request.name);
}

/** Of one webhook, policy or binding. */
export class RequestMatcher {
  readonly #criteria: Criteria;
  readonly #namespaces: Selector;
  readonly #objects: Selector;

  constructor(criteria: Criteria) {
    this.#criteria = criteria;
    this.#namespaces = new Selector(criteria.namespaceSelector);
    this.#objects = new Selector(criteria.objectSelector);
  }

  /** The resource as it was asked for; undefined for a request of no concern. Throws StatusError. */
  async match(request: AdmissionRequest, registry: () => Registry): Promise<ResourceId | undefined> {
    const { rules, excludeRules = [], matchPolicy } = this.#criteria;
    const options = { matchPolicy, matches: matchesNamedRule };
    const found = rules ? matchRules(rules, request, options) : resourceIdOf(request);
    if (!found) return undefined;
    let problem: unknown;
    const matches = await this.#namespaces.matchesNamespace(request, registry).catch((error) => {
      problem = error;
      return true;
    });
    if (!matches || !this.#objects.matchesObjects(request)) return undefined;
    if (matchRules(excludeRules, request, options)) return undefined;
    if (problem) throw problem instanceof StatusError ? problem : internalError(String(problem), { cause: problem });
    return found;
  }
}

/** Parsed once. An invalid one is an error of each request that it decides about. */
class Selector {
  readonly #selector: LabelSelector | undefined;
  readonly #problem: string | undefined;

  constructor(object: LabelSelectorObject | undefined) {
    try {
      this.#selector = labelSelectorFrom(object ?? {});
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      this.#problem = error.message;
    }
  }

  /** Throws StatusError. */
  get parsed(): LabelSelector {
    if (!this.#selector) throw internalError(this.#problem ?? '');
    return this.#selector;
  }

  matchesObjects({ object, old }: Pick<AdmissionRequest, 'object' | 'old'>): boolean {
    const selector = this.parsed;
    if (selector.isEverything) return true;
    const matches = (one: KubeObject | undefined) => Boolean(one?.metadata && selector.matches(one.metadata.labels));
    return matches(object) || matches(old);
  }

  /** By the labels of the namespace that the request is in; what is in none is never left out. */
  async matchesNamespace(request: AdmissionRequest, registry: () => Registry): Promise<boolean> {
    if (namespaceOf(request) === '' && !isNamespace(request.resource)) return true;
    const selector = this.parsed;
    if (selector.isEverything) return true;
    return selector.matches(await namespaceLabels(request, registry));
  }
}

/** A namespace that is being written has the labels that it is about to have. */
async function namespaceLabels(
  request: AdmissionRequest,
  registry: () => Registry,
): Promise<Record<string, string> | undefined> {
  const { resource, subresource, operation, object } = request;
  if (isNamespace(resource) && subresource === '' && (operation === 'CREATE' || operation === 'UPDATE'))
    return object?.metadata.labels;
  const key = { namespace: '', name: namespaceOf(request) };
  return (await registry().of<Namespace>(namespaceResource).get(key)).metadata.labels;
}

const configurationKinds = [
  'ValidatingWebhookConfiguration',
  'MutatingWebhookConfiguration',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
  'MutatingAdmissionPolicy',
  'MutatingAdmissionPolicyBinding',
];

/** What decides about requests must not be able to lock itself in. */
export function isExempt({ group, kind }: AnyResource): boolean {
  return group === 'admissionregistration.k8s.io' && configurationKinds.includes(kind);
}

const reviewGroups = ['authentication.k8s.io', 'authorization.k8s.io'];

/** Reviews are asked by the server's own parts; a policy about them could lock everybody out. */
export function isReview({ group }: AnyResource): boolean {
  return reviewGroups.includes(group);
}
