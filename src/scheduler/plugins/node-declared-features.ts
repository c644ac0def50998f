/** NodeDeclaredFeatures: a pod that needs a feature of kubelets runs where the kubelet says that it has it (KEP-5328). */
import { featuresToRun } from '#api/core/pod/declared-features.js';
import { equal } from '#base/json.js';
import { definePlugin } from '../framework.js';

export default definePlugin<readonly string[]>({
  name: 'NodeDeclaredFeatures',
  preFilter: (pod) => {
    const needed = featuresToRun(pod);
    return needed.length > 0 ? { state: needed } : 'skip';
  },
  filter: ({ state }, { node }) => {
    const { declaredFeatures = [] } = node.status ?? {};
    if (state.every((feature) => declaredFeatures.includes(feature))) return undefined;
    return { reasons: ["node(s) didn't match Pod's required features"], unresolvable: true };
  },
  requeueOn: ['node added', 'node features'],
  hint: (_, { node, oldNode }) => !oldNode || !equal(node?.status?.declaredFeatures, oldNode.status?.declaredFeatures),
});
