/** Ends a pod as a kubelet reports it: its containers have ended, and with them the pod. */
import pods from '#api/core/pod/index.js';
import type { Pod } from '#api/gen/core-v1.js';
import { formatTime } from '#apimachinery/object.js';
import type { TestCluster } from './test-cluster.js';

export async function finishPod(
  { client, clock }: TestCluster,
  { metadata: { name = '', namespace }, spec }: Pod,
  exitCode: number,
): Promise<void> {
  const finishedAt = formatTime(clock.now());
  const containerStatuses = spec.containers.map((container) => ({
    name: container.name,
    image: container.image ?? '',
    imageID: '',
    ready: false,
    restartCount: 0,
    state: { terminated: { exitCode, finishedAt } },
  }));
  const conditions = [{ type: 'Ready', status: 'False', lastTransitionTime: finishedAt }];
  const body = { status: { phase: exitCode === 0 ? 'Succeeded' : 'Failed', containerStatuses, conditions } };
  await client.of(pods).patch(name, body, { type: 'strategic', namespace, subresource: 'status' });
}
