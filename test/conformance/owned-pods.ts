/** What the tests of StatefulSets and DaemonSets share. */
import pods from '#api/core/pod/index.js';
import type { Pod } from '#api/gen/core-v1.js';
import { controllerOf } from '#apimachinery/object.js';
import type { Scene } from './conformance.js';
import { image } from './objects.js';

export const newImage = 'registry.k8s.io/e2e-test-images/agnhost:2.47';

export const template = (labels: Record<string, string>) => ({
  metadata: { labels },
  spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'webserver', image }] },
});

export const podsOf = async ({ client, namespace }: Scene, name: string): Promise<Pod[]> => {
  const { items } = await client.of(pods).list({ namespace });
  return items.filter((pod) => controllerOf(pod)?.name === name);
};
