/**
 * Events come no faster than configured: in all, from a namespace, from a user, or from one source about one object.
 * https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#eventratelimit
 */
import type { Event } from '#api/gen/core-v1.js';
import type { Configuration, Limit } from '#api/gen/eventratelimit-v1alpha1.js';
import { StatusError } from '#apimachinery/errors.js';
import { type FieldError, invalidValue, notSupported } from '#apimachinery/field-error.js';
import { TokenBuckets } from '#client/token-buckets.js';
import { ConfigurationError, requireValidFile } from '../../configuration-file.js';
import type { AdmissionPlugin, AdmissionRequest } from '../admission.js';
import type { PluginConfiguration } from '../plugin-configuration.js';
import type { OptionalDependencies } from '../plugins.js';

const kind = { group: 'eventratelimit.admission.k8s.io', kind: 'Configuration', versions: ['v1alpha1'] } as const;
const bucketsByDefault = 4096;

/** What a limit counts together. */
const keys: Readonly<Record<string, (request: AdmissionRequest) => string>> = {
  Server: () => '',
  Namespace: ({ namespace }) => namespace,
  User: ({ user }) => user.name,
  SourceAndObject: ({ object }) => {
    const { source, involvedObject: about } = object as Event;
    return [
      source?.component,
      source?.host,
      about?.kind,
      about?.namespace,
      about?.name,
      about?.uid,
      about?.apiVersion,
    ].join('');
  },
};

/** Throws ConfigurationError. */
export function eventRateLimit(
  given: PluginConfiguration | undefined,
): (dependencies: OptionalDependencies) => AdmissionPlugin {
  if (!given)
    throw new ConfigurationError(
      'EventRateLimit has no limits: name a file with --admission-control-config-file that configures it',
    );
  const { limits = [] } = given.typed<Configuration>(kind);
  requireValidFile(given.path, limitErrors(limits));
  return ({ clock }) => {
    const enforced = limits.map(({ type = '', qps = 1, burst = 1, cacheSize }) => {
      const keysMax = cacheSize || bucketsByDefault;
      const buckets = new TokenBuckets({ clock, tokenMs: 1000 / qps, burst, keysMax });
      return { type, keyOf: keys[type]!, buckets };
    });
    return {
      name: 'EventRateLimit',
      handles: ({ operation, resource, dryRun }) =>
        (operation === 'CREATE' || operation === 'UPDATE') &&
        resource.group === '' &&
        resource.kind === 'Event' &&
        !dryRun,
      validate(request) {
        // Each counts the event, though another may refuse it.
        const full = enforced.filter(({ keyOf, buckets }) => !buckets.take(keyOf(request))).at(-1);
        if (!full) return;
        const message = `Too many requests: limit reached on type ${full.type} for key ${full.keyOf(request)}`;
        throw new StatusError({ reason: 'TooManyRequests', message });
      },
    };
  };
}

function limitErrors(limits: readonly Limit[]): FieldError[] {
  if (limits.length === 0) return [invalidValue('limits', limits, 'must not be empty')];
  return limits.flatMap(({ type = '', burst = 0, qps = 0, cacheSize = 0 }, index) => {
    const path = `limits[${index}]`;
    return [
      ...(Object.hasOwn(keys, type) ? [] : [notSupported(`${path}.type`, type, Object.keys(keys).sort())]),
      ...(burst > 0 ? [] : [invalidValue(`${path}.burst`, burst, 'must be positive')]),
      ...(qps > 0 ? [] : [invalidValue(`${path}.qps`, qps, 'must be positive')]),
      ...(type === 'Server' || cacheSize >= 0
        ? []
        : [invalidValue(`${path}.cacheSize`, cacheSize, 'must not be negative')]),
    ];
  });
}
