/** pods/exec, pods/attach and pods/portforward: tunnels to the kubelet of the pod's node. */
import podResource from '#api/core/pod/index.js';
import { badRequest } from '#apimachinery/errors.js';
import type { ConnectCall, SubresourceHandler } from '../subresource.js';
import { kubeletOf } from './backend.js';
import type { StreamingOptions } from './options.js';
import { containerOf, flag, nodeNameOf, path, podOf } from './pod-container.js';
import { tunnel } from './tunnel.js';

export function podStreamHandlers(options: StreamingOptions): SubresourceHandler[] {
  const command = (action: 'exec' | 'attach'): SubresourceHandler => ({
    resource: podResource,
    name: action,
    async connect(call) {
      const { query } = call.info;
      const pod = await podOf(call);
      const container = containerOf(pod, query.get('container') ?? '');
      const nodeName = nodeNameOf(pod);
      const target = `${path(action, call.key.namespace, call.key.name, container)}?${commandQuery(query)}`;
      await connect(call, { nodeName, target }, options);
    },
  });
  const portForward: SubresourceHandler = {
    resource: podResource,
    name: 'portforward',
    async connect(call) {
      const nodeName = nodeNameOf(await podOf(call));
      const ports = call.info.query.getAll('ports').flatMap((text) => text.split(','));
      for (const port of ports) if (!/^\d+$/.test(port)) throw badRequest(`invalid port ${JSON.stringify(port)}`);
      const query = ports.length > 0 ? `?port=${ports.join('%2C')}` : '';
      await connect(
        call,
        { nodeName, target: path('portForward', call.key.namespace, call.key.name) + query },
        options,
      );
    },
  };
  return [command('exec'), command('attach'), portForward];
}

async function connect(
  call: ConnectCall,
  { nodeName, target }: { nodeName: string; target: string },
  { kubeletClient, clock }: StreamingOptions,
): Promise<void> {
  const backend = await kubeletOf(nodeName, { registry: call.registry, client: kubeletClient });
  await tunnel(call, { backend, target, clock });
}

/** The kubelet's names for what the API calls stdin, stdout, stderr. */
export function commandQuery(query: URLSearchParams): string {
  const asked = new URLSearchParams();
  const names = { stdin: 'input', stdout: 'output', stderr: 'error', tty: 'tty' };
  for (const [name, kubeletName] of Object.entries(names)) if (flag(query, name)) asked.set(kubeletName, '1');
  for (const word of query.getAll('command')) asked.append('command', word);
  return asked.toString();
}
