/** What stories of many kinds need of pods. */
import pods from '#api/core/pod/index.js';
import type { Pod } from '#api/gen/core-v1.js';
import type { ResourceRef } from '#api/resource.js';
import type { KubeObject } from '#apimachinery/object.js';
import { below } from '#base/prng.js';
import type { Stage } from './storm.js';

export const labels = { app: 'a' };
export const selector = { matchLabels: labels };
export const template = (image = 'v1') => ({
  metadata: { labels },
  spec: { containers: [{ name: 'c', image }], terminationGracePeriodSeconds: 1 },
});

export const isReady = ({ status }: Pod) =>
  status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True');
export const isLive = ({ metadata, status }: Pod) =>
  !metadata.deletionTimestamp && !['Succeeded', 'Failed'].includes(status?.phase ?? '');
export const imageOf = ({ spec }: Pod) => spec.containers[0]?.image;

export async function livePods({ cluster, namespace }: Stage): Promise<Pod[]> {
  return (await cluster.list(pods, namespace)).filter(isLive);
}

export async function deleteSome(stage: Stage): Promise<void> {
  const all = await livePods(stage);
  const one = all[below(stage.prng, Math.max(all.length, 1))];
  const { namespace } = stage;
  if (one) await stage.cluster.client.of(pods).delete(one.metadata.name!, { namespace });
}

/** Of the object that the story is about. */
export function patchSpec<T extends KubeObject>(resource: ResourceRef<T>, { cluster, namespace }: Stage, spec: object) {
  return cluster.client.of(resource).patch('it', { spec }, { type: 'merge', namespace });
}
