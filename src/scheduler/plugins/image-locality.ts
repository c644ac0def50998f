/** ImageLocality: prefers nodes that have the pod's images, the more so the larger and the wider spread they are. */
import type { Pod } from '#api/gen/core-v1.js';
import { definePlugin } from '../framework.js';
import type { NodeInfo } from '../node-info.js';

const mebibyte = 1024 * 1024;
const smallestBytes = 23 * mebibyte;
const largestBytesPerContainer = 1000 * mebibyte;

interface State {
  /** By image name, its size times the share of nodes that have it. */
  worth: Map<string, number>;
  containers: number;
}

export default definePlugin({
  name: 'ImageLocality',
  weight: 1,
  preScore: (pod, feasible, { nodes }) => {
    // Most clusters' nodes report few images; do not look at all of them for each pod when none does.
    if (!feasible.some(({ hasImages }) => hasImages)) return 'skip';
    const worth = new Map<string, number>();
    for (const image of imagesOf(pod)) {
      const having = nodes.filter((node) => sizeOn(node, image) > 0);
      if (having.length > 0) worth.set(image, (sizeOn(having[0]!, image) * having.length) / nodes.length);
    }
    return { state: { worth, containers: imagesOf(pod).length } satisfies State };
  },
  score: ({ pod, state }, node) => {
    const { worth, containers } = state as State;
    let sum = 0;
    for (const image of imagesOf(pod)) if (sizeOn(node, image) > 0) sum += worth.get(image) ?? 0;
    const largest = largestBytesPerContainer * containers;
    const bounded = Math.min(Math.max(sum, smallestBytes), largest);
    return Math.floor((100 * (bounded - smallestBytes)) / (largest - smallestBytes));
  },
});

function imagesOf({ spec }: Pod): string[] {
  return [...(spec.initContainers ?? []), ...spec.containers].map(({ image }) => normalizedName(image ?? ''));
}

/** A name without tag or digest means `:latest`. */
function normalizedName(image: string): string {
  return image.lastIndexOf(':') > image.lastIndexOf('/') || image.includes('@') ? image : `${image}:latest`;
}

function sizeOn({ node }: NodeInfo, image: string): number {
  return node.status?.images?.find(({ names }) => names?.includes(image))?.sizeBytes ?? 0;
}
