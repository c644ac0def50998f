/**
 * VolumeBinding: a pod goes where its volumes can be reached, or made; claims that wait for their first consumer are
 * bound for the node that was chosen. https://kubernetes.io/docs/concepts/storage/storage-classes/#volume-binding-mode
 */
import type { Pod } from '#api/gen/core-v1.js';
import type { VolumeBindingArgs } from '#api/gen/kubescheduler-v1.js';
import { definePlugin, type PluginSpec } from '../framework.js';
import { planVolumes } from '../volume-match.js';
import { concerns, type PodClaims, podClaims, usesClaims } from '../volumes.js';

/** Pods of which a claim is yet to be bound for the node that they have. */
const binding = new WeakSet<Pod>();

export default definePlugin<PodClaims>({
  ...withArgs({}),
  configure: (args) => withArgs(args as VolumeBindingArgs),
});

function withArgs({ bindTimeoutSeconds = 600 }: Pick<VolumeBindingArgs, 'bindTimeoutSeconds'>): PluginSpec<PodClaims> {
  return {
    name: 'VolumeBinding',
    preFilter: (pod, { volumes }) => {
      if (!usesClaims(pod)) return 'skip';
      const claims = podClaims(pod, volumes);
      if (typeof claims === 'string') return { rejected: { reasons: [claims] } };
      if (claims.immediate.length > 0)
        return { rejected: { reasons: ['pod has unbound immediate PersistentVolumeClaims'] } };
      return { state: claims };
    },
    filter: ({ state, snapshot }, { node }) => {
      const plan = planVolumes(state, { view: snapshot.volumes, node });
      return Array.isArray(plan) ? { reasons: plan, unresolvable: true } : undefined;
    },
    reserve: ({ pod, snapshot }, { node }, { volumes }) => {
      if (!usesClaims(pod)) return undefined;
      const claims = podClaims(pod, snapshot.volumes);
      const plan = typeof claims === 'string' ? [] : planVolumes(claims, { view: snapshot.volumes, node });
      binding.delete(pod);
      if (!('bindings' in plan) || plan.bindings.length + plan.provisions.length === 0) return undefined;
      binding.add(pod);
      volumes.assume(pod, { plan, nodeName: node.metadata.name! });
      return () => volumes.forget(pod);
    },
    preBindPreFlight: (pod) => binding.has(pod),
    preBind: ({ pod }, { volumes }) => volumes.bind(pod, { timeoutMs: bindTimeoutSeconds * 1000 }),
    requeueOn: [
      'claim changed',
      'volume changed',
      'storage class changed',
      'storage driver changed',
      'storage capacity changed',
      'storage of node changed',
      'node added',
      'node labels',
    ],
    hint: concerns,
  };
}
