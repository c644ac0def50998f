/**
 * A pod learns the zone and region of the node that it is bound to, as labels that its containers can read.
 * https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#podtopologylabels
 */
import bindingResource from '#api/core/binding.js';
import nodeResource from '#api/core/node.js';
import podResource from '#api/core/pod/index.js';
import type { Binding, Node, Pod } from '#api/gen/core-v1.js';
import { isReason } from '#apimachinery/errors.js';
import type { KubeObject } from '#apimachinery/object.js';
import type { Registry } from '../registry/registry.js';
import type { AdmissionPlugin } from './admission.js';
import { isOn } from './refuse.js';

const topologyLabels = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region'];

export function podTopologyLabels({ registry }: { registry: () => Registry }): AdmissionPlugin {
  async function labelsOf(name: string): Promise<Record<string, string>> {
    try {
      const { metadata } = await registry().of<Node>(nodeResource).get({ namespace: '', name });
      return Object.fromEntries(Object.entries(metadata.labels ?? {}).filter(([key]) => topologyLabels.includes(key)));
    } catch (error) {
      // Whether a pod may be bound to a node that is not there is not ours to say.
      if (isReason(error, 'NotFound')) return {};
      throw error;
    }
  }

  return {
    name: 'PodTopologyLabels',
    handles: (request) =>
      request.operation === 'CREATE' &&
      (isOn(request, podResource) || isOn(request, podResource, 'binding') || isOn(request, bindingResource)),
    async mutate(request) {
      const object = request.object as KubeObject;
      const nodeName = isOn(request, podResource) ? (object as Pod).spec?.nodeName : (object as Binding).target?.name;
      const labels = nodeName ? await labelsOf(nodeName) : {};
      if (Object.keys(labels).length > 0) object.metadata.labels = { ...object.metadata.labels, ...labels };
    },
  };
}
