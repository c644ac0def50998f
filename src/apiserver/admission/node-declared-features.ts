/** A pod that runs is changed only in ways that its node says it can follow (KEP-5328). */
import nodeResource from '#api/core/node.js';
import { featuresToChange } from '#api/core/pod/declared-features.js';
import podResource from '#api/core/pod/index.js';
import type { Node, Pod } from '#api/gen/core-v1.js';
import type { Registry } from '../registry/registry.js';
import type { AdmissionPlugin } from './admission.js';
import { find } from './look.js';
import { isOn, refuse } from './refuse.js';

export function nodeDeclaredFeatures({ registry }: { registry: () => Registry }): AdmissionPlugin {
  return {
    name: 'NodeDeclaredFeatureValidator',
    handles: (request) =>
      request.operation === 'UPDATE' && (isOn(request, podResource) || isOn(request, podResource, 'resize')),
    async validate(request) {
      const pod = request.object as Pod;
      const old = request.old as Pod;
      const { nodeName = '' } = pod.spec ?? {};
      // The generation counts changes of the spec.
      if (nodeName === '' || pod.metadata.generation === old.metadata.generation) return;
      const needed = featuresToChange(pod, old);
      if (needed.length === 0) return;
      const node = await find<Node>(registry(), nodeResource, { namespace: '', name: nodeName });
      const quoted = JSON.stringify(nodeName);
      if (!node) throw refuse(request, `node ${quoted} not found`);
      const missing = needed.filter((feature) => !node.status?.declaredFeatures?.includes(feature));
      if (missing.length === 0) return;
      const which = missing.join(', ');
      throw refuse(request, `pod update requires features ${which} which are not available on node ${quoted}`);
    },
  };
}
