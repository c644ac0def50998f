/** NodeName: a pod that names its node goes there or nowhere. */
import { definePlugin } from '../framework.js';

export default definePlugin({
  name: 'NodeName',
  readsNodeAlone: true,
  filter: ({ pod }, { name }) =>
    pod.spec.nodeName && pod.spec.nodeName !== name
      ? { reasons: ["node(s) didn't match the requested node name"], unresolvable: true }
      : undefined,
  requeueOn: ['node added'],
});
