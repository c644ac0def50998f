/**
 * What may be used only where a quota covers it, as a ResourceQuotaConfiguration says.
 * https://kubernetes.io/docs/concepts/policy/resource-quotas/#limit-priority-class-consumption-by-default
 */
import { type Evaluator, inScopes, type Scope } from '#api/core/quota/evaluator.js';
import type { LimitedResource, ResourceQuotaConfiguration } from '#api/gen/apiserver-v1.js';
import type { Amounts } from '#apimachinery/amounts.js';
import { StatusError } from '#apimachinery/errors.js';
import { required } from '#apimachinery/field-error.js';
import type { KubeObject } from '#apimachinery/object.js';
import { requireValidFile } from '../../configuration-file.js';
import type { AdmissionRequest } from '../admission.js';
import type { PluginConfiguration } from '../plugin-configuration.js';
import { refuse } from '../refuse.js';

const kind = { group: 'apiserver.config.k8s.io', kind: 'ResourceQuotaConfiguration', versions: ['v1'] } as const;

/** Throws ConfigurationError. */
export function readLimitedResources(given: PluginConfiguration | undefined): readonly LimitedResource[] | undefined {
  if (!given) return undefined;
  const { limitedResources = [] } = given.typed<ResourceQuotaConfiguration>(kind);
  const nameless = limitedResources.flatMap(({ resource }, index) =>
    resource ? [] : [required(`limitedResources[${index}].resource`)],
  );
  requireValidFile(given.path, nameless);
  return limitedResources;
}

/** What the quotas of a namespace cover of one write: what they count, and the names of scopes that the object is in. */
export interface Covered {
  names: ReadonlySet<string>;
  scopes: readonly string[];
}

/** Throws StatusError when the write uses what is limited and no quota covers. */
export function requireCovered(
  request: AdmissionRequest,
  covered: Covered,
  { limited, usage, evaluator }: { limited: readonly LimitedResource[]; usage: Amounts; evaluator: Evaluator },
): void {
  const { group, plural } = request.resource;
  const object = request.object as KubeObject;
  const texts = limited
    .filter(({ apiGroup = '', resource }) => apiGroup === group && resource === plural)
    .flatMap(({ matchContains = [] }) => matchContains);
  const uncovered = [...usage].filter(
    ([name, quantity]) => quantity.sign > 0 && texts.some((text) => name.includes(text)) && !covered.names.has(name),
  );
  if (uncovered.length > 0) {
    const names = uncovered.map(([name]) => name).sort();
    throw refuse(request, `insufficient quota to consume: ${names.join(',')}`);
  }
  // Of all limits, as upstream: a kind without scopes is in none.
  const open = limited
    .flatMap(({ matchScopes = [] }) => matchScopes)
    .filter((scope) => inScopes(evaluator, object, [scope]) && !covered.scopes.includes(scope.scopeName));
  if (open.length > 0)
    throw new StatusError({ message: `insufficient quota to match these scopes: [${open.map(format).join(' ')}]` });
}

/** As Go prints the struct. */
function format({ scopeName, operator, values = [] }: Scope): string {
  return `{${scopeName} ${operator} [${values.join(' ')}]}`;
}
