/**
 * Turns a pod's priorityClassName into numbers, and keeps the classes to one default.
 * https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/
 */
import podResource from '#api/core/pod/index.js';
import type { Pod } from '#api/gen/core-v1.js';
import type { PriorityClass } from '#api/gen/scheduling-v1.js';
import priorityClassResource from '#api/scheduling/priorityclass.js';
import { isReason } from '#apimachinery/errors.js';
import type { Registry } from '../registry/registry.js';
import type { AdmissionPlugin, AdmissionRequest } from './admission.js';
import { isOn, refuse } from './refuse.js';

interface Priority {
  className: string;
  value: number;
  preemptionPolicy: string;
}

export function priority({ registry }: { registry: () => Registry }): AdmissionPlugin {
  const classes = () => registry().of<PriorityClass>(priorityClassResource);

  async function ofClass(request: AdmissionRequest, className: string): Promise<Priority> {
    try {
      return fromClass(await classes().get({ namespace: '', name: className }));
    } catch (error) {
      if (isReason(error, 'NotFound')) throw refuse(request, `no PriorityClass with name ${className} was found`);
      throw error;
    }
  }

  async function defaultClass(): Promise<PriorityClass | undefined> {
    const { items } = await classes().list();
    // Two defaults can only be there through a race; the lower one grants less.
    return items.filter(({ globalDefault }) => globalDefault).sort((a, b) => (a.value ?? 0) - (b.value ?? 0))[0];
  }

  return {
    name: 'Priority',
    handles: (request) =>
      (request.operation === 'CREATE' || request.operation === 'UPDATE') &&
      (isOn(request, podResource) || isOn(request, priorityClassResource)),
    async mutate(request) {
      if (!isOn(request, podResource)) return;
      const pod = request.object as Pod;
      if (!pod.spec) return;
      if (request.operation === 'UPDATE') {
        const old = (request.old as Pod).spec;
        pod.spec.priority ??= old?.priority;
        pod.spec.preemptionPolicy ??= old?.preemptionPolicy;
        return;
      }
      const { priorityClassName } = pod.spec;
      if (priorityClassName) return assign(request, await ofClass(request, priorityClassName));
      const found = await defaultClass();
      assign(request, found ? fromClass(found) : { className: '', value: 0, preemptionPolicy: 'PreemptLowerPriority' });
    },
    async validate(request) {
      if (!isOn(request, priorityClassResource)) return;
      const { globalDefault, metadata } = request.object as PriorityClass;
      if (!globalDefault) return;
      const other = await defaultClass();
      if (!other || other.metadata.name === metadata.name) return;
      throw refuse(
        request,
        `PriorityClass ${other.metadata.name} is already marked as default. Only one default can exist`,
      );
    },
  };
}

function fromClass({ metadata, value = 0, preemptionPolicy }: PriorityClass): Priority {
  return { className: metadata.name ?? '', value, preemptionPolicy: preemptionPolicy ?? 'PreemptLowerPriority' };
}

/** Numbers that the creator wrote must be those of the class: they are not a way around it. */
function assign(request: AdmissionRequest, { className, value, preemptionPolicy }: Priority): void {
  const spec = (request.object as Pod).spec!;
  const explain = 'must not be provided in pod spec; priority admission controller computed';
  if (spec.priority !== undefined && spec.priority !== value)
    throw refuse(
      request,
      `the integer value of priority (${spec.priority}) ${explain} ${value} from the given PriorityClass name`,
    );
  if (spec.preemptionPolicy && spec.preemptionPolicy !== preemptionPolicy)
    throw refuse(
      request,
      `the string value of PreemptionPolicy (${spec.preemptionPolicy}) ${explain} ${preemptionPolicy} from the given PriorityClass name`,
    );
  if (className) spec.priorityClassName = className;
  spec.priority = value;
  spec.preemptionPolicy = preemptionPolicy;
}
