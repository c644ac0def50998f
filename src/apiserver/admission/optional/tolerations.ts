/**
 * What pods of a namespace tolerate by default, and what they may tolerate at all: by annotations of the namespace, else
 * by what holds for the cluster.
 * https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#podtolerationrestriction
 */
import namespaceResource from '#api/core/namespace.js';
import { qosClassOf } from '#api/core/pod/resources.js';
import type { Namespace, Pod, Toleration } from '#api/gen/core-v1.js';
import type { Configuration } from '#api/gen/podtolerationrestriction-v1alpha1.js';
import { StatusError } from '#apimachinery/errors.js';
import type { AdmissionPlugin, AdmissionRequest } from '../admission.js';
import type { PluginConfiguration } from '../plugin-configuration.js';
import type { OptionalDependencies } from '../plugins.js';
import { covers, mergeTolerations } from '../toleration-sets.js';
import { isPodWrite } from './pods.js';

const kind = {
  group: 'podtolerationrestriction.admission.k8s.io',
  kind: 'Configuration',
  versions: ['v1alpha1'],
} as const;
const annotations = {
  default: 'scheduler.alpha.kubernetes.io/defaultTolerations',
  whitelist: 'scheduler.alpha.kubernetes.io/tolerationsWhitelist',
};
const memoryPressure: Toleration = {
  key: 'node.kubernetes.io/memory-pressure',
  operator: 'Exists',
  effect: 'NoSchedule',
};

/** Throws ConfigurationError. */
export function podTolerationRestriction(
  given: PluginConfiguration | undefined,
): (dependencies: OptionalDependencies) => AdmissionPlugin {
  const cluster: Partial<Configuration> = given?.typed<Configuration>(kind) ?? {};
  return ({ registry }) => {
    const said = async ({ namespace }: AdmissionRequest, what: keyof typeof annotations) => {
      const found = await registry().of<Namespace>(namespaceResource).get({ namespace: '', name: namespace });
      return readTolerations(found.metadata.annotations?.[annotations[what]]);
    };
    return {
      name: 'PodTolerationRestriction',
      handles: isPodWrite,
      async mutate(request) {
        const { spec } = request.object as Pod;
        let wanted = spec.tolerations ?? [];
        if (request.operation === 'CREATE')
          wanted = mergeTolerations([...((await said(request, 'default')) ?? cluster.default ?? []), ...wanted]);
        if (qosClassOf(spec) !== 'BestEffort') wanted = mergeTolerations([...wanted, memoryPressure]);
        if (wanted.length > 0) spec.tolerations = wanted;
      },
      async validate(request) {
        const { tolerations = [] } = (request.object as Pod).spec;
        if (tolerations.length === 0) return;
        const own = await said(request, 'whitelist');
        const allowed = own ?? cluster.whitelist ?? [];
        if (allowed.length === 0) return;
        if (tolerations.every((one) => allowed.some((other) => covers(other, one)))) return;
        const pod = 'pod tolerations (possibly merged with namespace default tolerations)';
        throw new StatusError({ message: `${pod} conflict with its ${own ? 'namespace' : 'cluster'} whitelist` });
      },
    };
  };
}

/** Undefined where the namespace says nothing; an empty text says that there are none. */
function readTolerations(text: string | undefined): Toleration[] | undefined {
  if (text === undefined) return undefined;
  if (text === '') return [];
  try {
    return JSON.parse(text) as Toleration[];
  } catch (error) {
    throw new StatusError({ message: (error as Error).message }, { cause: error });
  }
}
