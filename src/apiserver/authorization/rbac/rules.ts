/**
 * What a list of RBAC rules allows, and whether one list covers another, as pure functions.
 * https://kubernetes.io/docs/reference/access-authn-authz/rbac/
 */
import type { PolicyRule } from '#api/gen/rbac-v1.js';
import type { Attributes } from '../authorizer.js';

/** Whether this rule alone allows the request. */
export function ruleAllows(rule: PolicyRule, { verb, resource, path }: Attributes): boolean {
  if (!verbMatches(rule, verb)) return false;
  if (!resource) return path !== undefined && (rule.nonResourceURLs?.some((url) => urlMatches(url, path)) ?? false);
  return (
    hasOrAll(rule.apiGroups, resource.group) &&
    resourceMatches(rule.resources, resource) &&
    (!rule.resourceNames?.length || rule.resourceNames.includes(resource.name))
  );
}

function verbMatches(rule: PolicyRule, verb: string): boolean {
  return hasOrAll(rule.verbs, verb);
}

function hasOrAll(list: readonly string[] | undefined, value: string): boolean {
  return list !== undefined && (list.includes(value) || list.includes('*'));
}

/** `pods/log` is written so in a rule; a rule on `pods` says nothing of it, one on `*` and one on `*` `/log` do. */
function resourceMatches(
  resources: readonly string[] | undefined,
  { resource, subresource }: { resource: string; subresource: string },
): boolean {
  if (!resources) return false;
  if (!subresource) return hasOrAll(resources, resource);
  return hasOrAll(resources, `${resource}/${subresource}`) || resources.includes(`*/${subresource}`);
}

/** A trailing `*` stands for any rest. */
export function urlMatches(pattern: string, path: string): boolean {
  if (pattern === '*' || pattern === path) return true;
  return pattern.endsWith('*') && path.startsWith(pattern.replace(/\*+$/, ''));
}

/**
 * The parts of `wanted` that no single rule of `held` covers, compacted; empty when all is covered. As upstream, a
 * part is one verb on one resource of one group (under one name), and is covered by one rule or not at all.
 */
export function missingRules(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  const missing = wanted.flatMap(breakDown).filter((part) => !held.some((rule) => covers(rule, part)));
  return compact(missing);
}

function breakDown(rule: PolicyRule): PolicyRule[] {
  const parts: PolicyRule[] = [];
  const names: (string | undefined)[] = rule.resourceNames?.length ? rule.resourceNames : [undefined];
  for (const verb of rule.verbs) {
    for (const group of rule.apiGroups ?? [])
      for (const resource of rule.resources ?? [])
        for (const name of names)
          parts.push({
            verbs: [verb],
            apiGroups: [group],
            resources: [resource],
            ...(name === undefined ? {} : { resourceNames: [name] }),
          });
    for (const url of rule.nonResourceURLs ?? []) parts.push({ verbs: [verb], nonResourceURLs: [url] });
  }
  return parts;
}

/** `part` has at most one entry in each list. */
function covers(rule: PolicyRule, part: PolicyRule): boolean {
  if (!verbMatches(rule, part.verbs[0]!)) return false;
  const url = part.nonResourceURLs?.[0];
  if (url !== undefined) return rule.nonResourceURLs?.some((pattern) => urlMatches(pattern, url)) ?? false;
  const [resource = '', subresource = ''] = splitOnce(part.resources![0]!);
  if (!hasOrAll(rule.apiGroups, part.apiGroups![0]!)) return false;
  if (!resourceMatches(rule.resources, { resource, subresource })) return false;
  return !rule.resourceNames?.length || rule.resourceNames.includes(part.resourceNames?.[0] ?? '');
}

function splitOnce(resource: string): [string, string?] {
  const slash = resource.indexOf('/');
  return slash < 0 ? [resource] : [resource.slice(0, slash), resource.slice(slash + 1)];
}

/** Joins the verbs of parts that differ in nothing else, so that a message stays readable. */
function compact(parts: readonly PolicyRule[]): PolicyRule[] {
  const byTarget = new Map<string, PolicyRule>();
  for (const { verbs, ...target } of parts) {
    const key = JSON.stringify([target.apiGroups, target.resources, target.resourceNames, target.nonResourceURLs]);
    const known = byTarget.get(key);
    if (!known) byTarget.set(key, { ...target, verbs: [...verbs] });
    else if (!known.verbs.includes(verbs[0]!)) known.verbs.push(verbs[0]!);
  }
  return [...byTarget.values()];
}

/** Upstream's one-line form: `{APIGroups:["apps"], Resources:["deployments"], Verbs:["get" "list"]}`. */
export function describeRule(rule: PolicyRule): string {
  const parts: string[] = [];
  const add = (label: string, list: readonly string[] | undefined) => {
    if (list?.length) parts.push(`${label}:${quoteList(list)}`);
  };
  add('APIGroups', rule.apiGroups);
  add('Resources', rule.resources);
  add('NonResourceURLs', rule.nonResourceURLs);
  add('ResourceNames', rule.resourceNames);
  add('Verbs', rule.verbs);
  return `{${parts.join(', ')}}`;
}

/** Go's `%q` of a list of strings. */
export function quoteList(list: readonly string[]): string {
  return `[${list.map((item) => JSON.stringify(item)).join(' ')}]`;
}
