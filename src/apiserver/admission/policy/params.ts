/**
 * The objects that parametrize a policy, as a binding names or selects them.
 * https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/#parameter-resources
 */
import type { ParamKind, ParamRef } from '#api/gen/admissionregistration-v1.js';
import { convertAll } from '#api/versions.js';
import { type KubeObject, parseApiVersion } from '#apimachinery/object.js';
import { labelSelectorFrom } from '#apimachinery/selectors.js';
import type { Registry } from '../../registry/registry.js';
import { find, listAll } from '../look.js';

/** The policy or binding is not set up in a way that it could be evaluated. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

/** Throws ConfigurationError for a kind that is not served. */
export function paramResource(registry: Registry, { apiVersion = '', kind = '' }: ParamKind) {
  const { group, version } = parseApiVersion(apiVersion);
  const resource = registry.scheme.byKind({ group, version, kind });
  if (resource) return { resource, version };
  const shown = `${group}/${version}, Kind=${kind}`;
  throw new ConfigurationError(`failed to find resource referenced by paramKind: '${shown}'`);
}

/** One evaluation each; null where there is none to give. Throws ConfigurationError. */
export async function collectParams(
  registry: Registry,
  { paramKind, paramRef, namespace }: { paramKind?: ParamKind; paramRef?: ParamRef; namespace: string },
): Promise<(KubeObject | null)[]> {
  if (!paramKind || !paramRef) return [null];
  const { resource, version } = paramResource(registry, paramKind);
  const where = placeOf(resource, paramRef, namespace);
  const { name, selector } = paramRef;
  let found: readonly KubeObject[];
  if (name) {
    if (selector) throw new ConfigurationError('paramRef.name and paramRef.selector are mutually exclusive');
    const one = await find<KubeObject>(registry, resource, { namespace: where, name });
    found = one ? [one] : [];
  } else if (selector) {
    const wanted = labelSelectorFrom(selector);
    const all = await listAll<KubeObject>(registry, resource, where);
    found = all.filter(({ metadata }) => wanted.matches(metadata.labels));
  } else throw new ConfigurationError('one of name or selector must be provided');
  if (found.length === 0 && paramRef.parameterNotFoundAction === 'Deny')
    throw new ConfigurationError('no params found for policy binding with `Deny` parameterNotFoundAction');
  return [...(await convertAll(resource, found, version))];
}

function placeOf(resource: { namespaced: boolean }, { namespace: named }: ParamRef, namespace: string): string {
  if (!resource.namespaced) {
    if (named) throw new ConfigurationError('paramRef.namespace must not be provided for a cluster-scoped `paramKind`');
    return '';
  }
  if (named || namespace) return named || namespace;
  throw new ConfigurationError(
    'cannot use namespaced paramRef in policy binding that matches cluster-scoped resources',
  );
}
