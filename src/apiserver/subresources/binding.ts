/**
 * Binding: the scheduler's word that a pod belongs on a node, said once.
 * https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/binding-v1/
 */
import bindingResource from '#api/core/binding.js';
import podResource from '#api/core/pod/index.js';
import { validateBinding } from '#api/core/pod/subresources.js';
import type { Binding, Pod } from '#api/gen/core-v1.js';
import { badRequest, conflict, describeAll, type Status, StatusError } from '#apimachinery/errors.js';
import { formatTime, type KubeObject } from '#apimachinery/object.js';
import type { Clock } from '#base/clock.js';
import type { SubresourceCall, SubresourceHandler } from './subresource.js';

/** `pods/binding`, and the older `bindings`, which names the pod by its own name. */
export function bindingHandlers({ clock }: { clock: Clock }): SubresourceHandler[] {
  const create = (call: SubresourceCall, body: KubeObject) => bindPod(call, body as Binding, clock);
  return [
    { resource: podResource, name: 'binding', create },
    { resource: bindingResource, name: '', create },
  ];
}

async function bindPod(call: SubresourceCall, binding: Binding, clock: Clock): Promise<Status> {
  const { name = '' } = binding.metadata;
  if (call.key.name && name !== call.key.name) throw badRequest('name in URL does not match name in Binding object');
  const errors = validateBinding(binding);
  // Upstream has no reason for it.
  if (errors.length > 0) throw new StatusError({ message: describeAll(errors), code: 500 });
  if (!name) throw badRequest('Name parameter required.');
  const { uid, resourceVersion } = binding.metadata;
  const store = call.registry.of<Pod>(podResource);
  const assign = (pod: Pod) => {
    const problem = whyNotAssignable(pod);
    if (problem) throw conflict({ group: '', resource: 'pods/binding', name }, problem);
    return assigned(pod, binding, clock);
  };
  const rules = { keepsGeneration: true };
  // A binding is no write of the pod's fields by anyone: metadata.managedFields stay as they are.
  const write = {
    ...call.write,
    subresource: 'binding',
    preconditions: { uid, resourceVersion },
    rules,
    fieldsTracked: true,
  };
  await store.update({ namespace: call.key.namespace, name }, assign, write);
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };
}

function whyNotAssignable({ metadata, spec }: Pod): string | undefined {
  if (metadata.deletionTimestamp) return `pod ${metadata.name} is being deleted, cannot be assigned to a host`;
  if (spec.nodeName) return `pod ${metadata.name} is already assigned to node ${JSON.stringify(spec.nodeName)}`;
  if (spec.schedulingGates?.length) return `pod ${metadata.name} has non-empty .spec.schedulingGates`;
  return undefined;
}

function assigned(pod: Pod, { metadata, target }: Binding, clock: Clock): Pod {
  pod.spec.nodeName = target.name ?? '';
  if (metadata.annotations) pod.metadata.annotations = { ...pod.metadata.annotations, ...metadata.annotations };
  if (metadata.labels) pod.metadata.labels = { ...pod.metadata.labels, ...metadata.labels };
  const conditions = pod.status?.conditions ?? [];
  const scheduled = { type: 'PodScheduled', status: 'True', lastTransitionTime: formatTime(clock.now()) };
  const others = conditions.filter(({ type }) => type !== scheduled.type);
  const before = conditions.find(({ type }) => type === scheduled.type);
  if (before?.status === 'True' && before.lastTransitionTime) scheduled.lastTransitionTime = before.lastTransitionTime;
  // What it was promised is settled.
  const { nominatedNodeName: _, ...status } = pod.status ?? {};
  pod.status = { ...status, conditions: [...others, scheduled] };
  return pod;
}
