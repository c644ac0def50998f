/** ComponentStatus: the health of the parts of the control plane, asked of them when a client asks. */
import componentStatusResource from '#api/core/componentstatus.js';
import type { ComponentStatus } from '#api/gen/core-v1.js';
import { notFound } from '#apimachinery/errors.js';
import type { SubresourceHandler } from './subresource.js';

/** `ok` is the component's own word; otherwise what is wrong. */
export interface ComponentHealth {
  /** Upstream's names: `scheduler`, `controller-manager`, `etcd-0`. */
  name: string;
  check(): Promise<{ healthy: boolean; message?: string; error?: string }>;
}

export function componentStatusHandler(components: readonly ComponentHealth[]): SubresourceHandler {
  return {
    resource: componentStatusResource,
    name: '',
    async get({ key }) {
      const found = components.find(({ name }) => name === key.name);
      if (!found) throw notFound({ group: '', resource: 'componentstatus', name: key.name });
      return statusOf(found);
    },
    list: () => Promise.all(components.map(statusOf)),
  };
}

async function statusOf(component: ComponentHealth): Promise<ComponentStatus> {
  const { name } = component;
  const { healthy, message, error } = await component.check();
  return {
    apiVersion: 'v1',
    kind: 'ComponentStatus',
    metadata: { name },
    conditions: [
      {
        type: 'Healthy',
        status: healthy ? 'True' : 'False',
        ...(message ? { message } : {}),
        ...(error ? { error } : {}),
      },
    ],
  };
}
