/**
 * The nodes that pods of a namespace go to: an annotation of the namespace, or what holds for the cluster, is added to
 * the pod's own selector; a list in the configuration bounds what that may say.
 * https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#podnodeselector
 */
import namespaceResource from '#api/core/namespace.js';
import type { Namespace, Pod } from '#api/gen/core-v1.js';
import { StatusError } from '#apimachinery/errors.js';
import type { AdmissionPlugin, AdmissionRequest } from '../admission.js';
import type { PluginConfiguration } from '../plugin-configuration.js';
import type { OptionalDependencies } from '../plugins.js';
import { isPodWrite, refusePod } from './pods.js';

type Labels = Readonly<Record<string, string>>;

const annotation = 'scheduler.alpha.kubernetes.io/node-selector';
const clusterDefault = 'clusterDefaultNodeSelector';

export function podNodeSelector(
  given: PluginConfiguration | undefined,
): (dependencies: OptionalDependencies) => AdmissionPlugin {
  const said = (given?.untyped()['podNodeSelectorPluginConfig'] ?? {}) as Record<string, string>;
  const configured = (name: string) => parseLabels(Object.hasOwn(said, name) ? String(said[name]) : '');
  return ({ registry }) => {
    const ofNamespace = async ({ namespace }: AdmissionRequest): Promise<Labels> => {
      const found = await registry().of<Namespace>(namespaceResource).get({ namespace: '', name: namespace });
      const own = found.metadata.annotations?.[annotation];
      return own === undefined ? configured(clusterDefault) : parseLabels(own);
    };
    const without = (request: AdmissionRequest, wanted: Labels) => {
      const { nodeSelector = {} } = (request.object as Pod).spec;
      if (
        Object.entries(wanted).some(([key, value]) => Object.hasOwn(nodeSelector, key) && nodeSelector[key] !== value)
      )
        throw refusePod(request, 'pod node label selector conflicts with its namespace node label selector');
      return nodeSelector;
    };
    return {
      name: 'PodNodeSelector',
      handles: (request) => request.operation === 'CREATE' && isPodWrite(request),
      async mutate(request) {
        const wanted = await ofNamespace(request);
        const merged = { ...wanted, ...without(request, wanted) };
        if (Object.keys(merged).length > 0) (request.object as Pod).spec.nodeSelector = merged;
      },
      async validate(request) {
        const nodeSelector = without(request, await ofNamespace(request));
        const allowed = configured(request.namespace);
        if (Object.keys(allowed).length === 0) return;
        if (Object.entries(nodeSelector).some(([key, value]) => allowed[key] !== value))
          throw refusePod(request, 'pod node label selector labels conflict with its namespace whitelist');
      },
    };
  };
}

/** `a=1,b=2`. Throws StatusError. */
function parseLabels(text: string): Labels {
  const labels: Record<string, string> = {};
  for (const part of text === '' ? [] : text.split(',')) {
    const pair = part.split('=');
    if (pair.length !== 2) throw new StatusError({ message: `invalid selector: ${part}` });
    labels[pair[0]!.trim()] = pair[1]!.trim();
  }
  return labels;
}
