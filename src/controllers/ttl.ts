/**
 * Tells kubelets, in an annotation of their nodes, for how long they may use what they have read of Secrets and
 * ConfigMaps: the more nodes ask, the longer. https://kubernetes.io/docs/reference/labels-annotations-taints/#node-alpha-kubernetes-io-ttl
 */
import nodes from '#api/core/node.js';
import type { Node } from '#api/gen/core-v1.js';
import { defineController } from './runtime.js';

const annotation = 'node.alpha.kubernetes.io/ttl';

/** Neighbours overlap, so that a cluster on the border does not go to and fro. */
const steps = [
  { min: 0, max: 100, seconds: 0 },
  { min: 90, max: 500, seconds: 15 },
  { min: 450, max: 1000, seconds: 30 },
  { min: 900, max: 2000, seconds: 60 },
  { min: 1800, max: Number.POSITIVE_INFINITY, seconds: 300 },
];

interface State {
  step: number;
}

export default defineController<Node, State>({
  name: 'ttl-controller',
  for: nodes,
  state: () => ({ step: 0 }),
  async reconcile({ name }, { client, informers, state }) {
    const source = informers.of(nodes);
    state.step = stepFor(source.size, state.step);
    const node = source.get(name);
    const value = String(steps[state.step]!.seconds);
    if (!node || node.metadata.annotations?.[annotation] === value) return;
    const patch = { metadata: { uid: node.metadata.uid, annotations: { [annotation]: value } } };
    await client.of(nodes).patch(name, patch, { type: 'strategic' });
  },
});

/** From the step that the cluster was on. */
export function stepFor(size: number, from: number): number {
  let step = from;
  while (size > steps[step]!.max) step++;
  while (size < steps[step]!.min) step--;
  return step;
}
