/** DefaultBinder: binds the pod through the API. */
import { definePlugin } from '../framework.js';

export default definePlugin({
  name: 'DefaultBinder',
  bind: async ({ pod, nodeName }, { pods }) => {
    await pods.bind(pod, nodeName);
    return 'bound';
  },
});
