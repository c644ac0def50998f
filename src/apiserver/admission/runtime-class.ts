/**
 * A pod of a runtime class costs what the class says, and goes to the nodes that have the runtime.
 * https://kubernetes.io/docs/concepts/containers/runtime-class/#scheduling
 */
import podResource from '#api/core/pod/index.js';
import type { Pod } from '#api/gen/core-v1.js';
import type { RuntimeClass } from '#api/gen/node-v1.js';
import { Quantity } from '#apimachinery/quantity.js';
import { copy } from '#base/json.js';
import type { Registry } from '../registry/registry.js';
import type { AdmissionPlugin, AdmissionRequest } from './admission.js';
import { find } from './look.js';
import { isOn, refuse } from './refuse.js';
import { mergeTolerations } from './toleration-sets.js';

const runtimeClasses = { group: 'node.k8s.io', plural: 'runtimeclasses' };

export function runtimeClass({ registry }: { registry: () => Registry }): AdmissionPlugin {
  async function classOf(request: AdmissionRequest): Promise<RuntimeClass | undefined> {
    const name = (request.object as Pod).spec?.runtimeClassName;
    if (name === undefined) return undefined;
    const found = await find<RuntimeClass>(registry(), runtimeClasses, { namespace: '', name });
    if (!found) throw refuse(request, `pod rejected: RuntimeClass ${JSON.stringify(name)} not found`);
    return found;
  }

  return {
    name: 'RuntimeClass',
    handles: (request) => request.operation === 'CREATE' && isOn(request, podResource),
    async mutate(request) {
      const found = await classOf(request);
      if (found?.overhead) setOverhead(request, found.overhead);
      if (found?.scheduling) setScheduling(request, found.scheduling);
    },
    async validate(request) {
      const { spec } = request.object as Pod;
      const found = await classOf(request);
      if (found?.overhead) requireSame(request, found.overhead.podFixed);
      else if (spec?.overhead)
        throw refuse(request, 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead');
    },
  };
}

function setOverhead(request: AdmissionRequest, { podFixed }: NonNullable<RuntimeClass['overhead']>): void {
  const { spec } = request.object as Pod;
  if (spec.overhead) requireSame(request, podFixed);
  if (podFixed) spec.overhead = copy(podFixed);
}

function requireSame(request: AdmissionRequest, podFixed: Record<string, string> = {}): void {
  const { overhead = {} } = (request.object as Pod).spec ?? {};
  const names = Object.keys(overhead);
  const isSame =
    names.length === Object.keys(podFixed).length &&
    names.every((name) => {
      const [own, wanted] = [Quantity.tryParse(overhead[name]), Quantity.tryParse(podFixed[name])];
      return own && wanted && own.equals(wanted);
    });
  if (!isSame) throw refuse(request, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
}

function setScheduling(
  request: AdmissionRequest,
  { nodeSelector = {}, tolerations = [] }: NonNullable<RuntimeClass['scheduling']>,
): void {
  const { spec } = request.object as Pod;
  for (const [key, value] of Object.entries(nodeSelector)) {
    const own = spec.nodeSelector?.[key];
    if (own === undefined || own === value) continue;
    const [ofClass, ofPod] = [`runtimeClass.scheduling.nodeSelector[${key}]`, `pod.spec.nodeSelector[${key}]`];
    throw refuse(request, `conflict: ${ofClass} = ${value}; ${ofPod} = ${own}`);
  }
  if (Object.keys(nodeSelector).length > 0) spec.nodeSelector = { ...spec.nodeSelector, ...nodeSelector };
  const merged = mergeTolerations([...(spec.tolerations ?? []), ...copy(tolerations)]);
  if (merged.length > 0) spec.tolerations = merged;
}
