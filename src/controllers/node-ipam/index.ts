/**
 * Gives each node its own range of pod addresses, in `spec.podCIDRs`, which the node's network then uses.
 * https://kubernetes.io/docs/reference/command-line-tools-reference/kube-controller-manager/ (--allocate-node-cidrs)
 */
import nodes from '#api/core/node.js';
import type { Node } from '#api/gen/core-v1.js';
import { parseRange } from '#apimachinery/addresses.js';
import { isReason, StatusError } from '#apimachinery/errors.js';
import { type ControllerContext, defineController, watch } from '../runtime.js';
import { CidrSet } from './cidr-set.js';

interface State {
  set: CidrSet;
  /** By node name, what it has, or is about to have: a write whose answer was lost may have been done. */
  held: Map<string, readonly string[]>;
}

type Context = ControllerContext<State>;

export default defineController<Node, State>({
  name: 'node-ipam-controller',
  account: 'node-controller',
  eventSource: 'cidrAllocator',
  for: nodes,
  concerns: (node, old) => !old || cidrsOf(node).length === 0,
  state: ({ settings }) => ({ set: emptySet(settings), held: new Map() }),
  watches: ({ informers, state, log }) => [
    watch(nodes, (node, { type }) => {
      const name = node.metadata.name!;
      if (type !== 'deleted') {
        if (cidrsOf(node).length > 0 && !hold(name, cidrsOf(node), state))
          log.warn('the range of a node is not one of the cluster', { node: name, podCIDRs: cidrsOf(node) });
        return [];
      }
      letGo(name, state);
      // Those that got none may have it now.
      return informers
        .of(nodes)
        .list()
        .filter((one) => cidrsOf(one).length === 0)
        .map(({ metadata }) => metadata.name!);
    }),
  ],
  async reconcile({ name }, context) {
    const node = context.informers.of(nodes).get(name);
    if (!context.settings.allocateNodeCidrs || !node || cidrsOf(node).length > 0) return;
    const podCIDRs = reserve(name, context);
    if (podCIDRs) await assign(node, podCIDRs, context);
    else tell(node, 'CIDRNotAvailable', context);
  },
});

function emptySet({ clusterCidr, nodeCidrMaskSize, serviceCidr, nodeCidrs }: Context['settings']): CidrSet {
  const set = new CidrSet(parseRange(clusterCidr)!, nodeCidrMaskSize);
  for (const taken of [serviceCidr, ...nodeCidrs.values()]) set.occupy(taken);
  return set;
}

function cidrsOf({ spec }: Node): readonly string[] {
  return spec?.podCIDRs ?? [];
}

/** What the node is to have; undefined when there is none left. */
function reserve(name: string, { state, settings }: Context): readonly string[] | undefined {
  const known = state.held.get(name);
  if (known) return known;
  const own = settings.nodeCidrs.get(name);
  const taken = own ?? state.set.takeNext();
  if (taken === undefined) return undefined;
  if (own) state.set.occupy(own);
  state.held.set(name, [taken]);
  return [taken];
}

/** Gives false for a node whose ranges are none of ours. */
function hold(name: string, cidrs: readonly string[], state: State): boolean {
  if (state.held.get(name)?.join() === cidrs.join()) return true;
  letGo(name, state);
  state.held.set(name, cidrs);
  return cidrs.map((cidr) => state.set.occupy(cidr)).some(Boolean);
}

function letGo(name: string, { set, held }: State): void {
  for (const cidr of held.get(name) ?? []) set.release(cidr);
  held.delete(name);
}

async function assign(node: Node, podCIDRs: readonly string[], context: Context): Promise<void> {
  const { name = '', uid } = node.metadata;
  const patch = { metadata: { uid }, spec: { podCIDR: podCIDRs[0], podCIDRs: [...podCIDRs] } };
  try {
    await context.client.of(nodes).patch(name, patch, { type: 'strategic' });
  } catch (error) {
    if (isReason(error, 'NotFound', 'Conflict')) {
      // It is gone, or another by now, which asks anew.
      if (!context.informers.of(nodes).get(name)) letGo(name, context.state);
      throw error;
    }
    tell(node, 'CIDRAssignmentFailed', context);
    if (error instanceof StatusError && error.code < 500) letGo(name, context.state);
    throw error;
  }
}

function tell(node: Node, reason: string, { recorder }: Context): void {
  const message = `Node ${node.metadata.name} status is now: ${reason}`;
  recorder.event(node, { type: 'Normal', reason, message });
}
