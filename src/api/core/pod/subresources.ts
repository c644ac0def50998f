/** Rules of the pod's subresources that change its spec: each lets one thing through and keeps the rest. */
import type { Binding, Container, Pod, ResourceRequirements } from '#api/gen/core-v1.js';
import { type FieldError, forbiddenField, invalidValue, notSupported, required } from '#apimachinery/field-error.js';
import { Quantity } from '#apimachinery/quantity.js';
import { equal } from '#base/json.js';
import type { FieldErrors } from '../../meta/check.js';
import { describeChanges } from '../../meta/diff.js';
import { isSidecar, qosClassOf } from './resources.js';
import { mirrorAnnotation, validatePod } from './validate.js';
import { checkFixedAnnotations } from './validate-update.js';

/** Of a Binding, before its node is written to the pod. */
export function validateBinding({ target }: Binding): FieldError[] {
  const errors: FieldError[] = [];
  if (target?.kind && target.kind !== 'Node')
    errors.push(notSupported('target.kind', target.kind, ['Node', '<empty>']));
  if (!target?.name) errors.push(required('target.name'));
  return errors;
}

export const ephemeralContainersRules = {
  /** Keeps all but the ephemeral containers. */
  prepare(pod: Pod, old: Pod): void {
    const { ephemeralContainers } = pod.spec;
    pod.spec = { ...old.spec, ephemeralContainers };
    pod.status = old.status;
  },
  validate(pod: Pod, old: Pod): FieldError[] {
    if (old.metadata.annotations?.[mirrorAnnotation] !== undefined)
      return [forbiddenField('[]', 'static pods do not support ephemeral containers')];
    return [...validatePod(pod), ...checkFixedAnnotations(pod, old), ...checkEphemeralUpdate(pod, old)];
  },
};

function* checkEphemeralUpdate(pod: Pod, old: Pod): FieldErrors {
  const path = 'spec.ephemeralContainers';
  for (const before of old.spec.ephemeralContainers ?? []) {
    const now = pod.spec.ephemeralContainers?.find(({ name }) => name === before.name);
    const subject = `existing ephemeral containers ${JSON.stringify(before.name)} may not be`;
    if (!now) yield forbiddenField(path, `${subject} removed\n`);
    else if (!equal(now, before))
      yield forbiddenField(path, `${subject} changed\n${describeChanges(path, before, now)}`);
  }
}

const containerLists = ['containers', 'initContainers'] as const;

export const resizeRules = {
  /** Keeps all but the pod's resources, and those and the resize policies of containers while these are the same ones. */
  prepare(pod: Pod, old: Pod): void {
    const isSame = containerLists.every((list) =>
      equal(
        (pod.spec[list] ?? []).map(({ name }) => name),
        (old.spec[list] ?? []).map(({ name }) => name),
      ),
    );
    // Otherwise validation tells the author, where keeping the old list would silently drop what he asked.
    if (!isSame) return;
    const resized = (list: (typeof containerLists)[number]) =>
      old.spec[list]?.map((container, index) => {
        const { resources, resizePolicy } = pod.spec[list]![index]!;
        return { ...container, resources, resizePolicy };
      });
    const containers = resized('containers') ?? [];
    const initContainers = resized('initContainers');
    const { resources: _, ...kept } = old.spec;
    const { resources } = pod.spec;
    pod.spec = { ...kept, containers, ...(initContainers && { initContainers }), ...(resources && { resources }) };
    pod.status = old.status;
  },
  validate(pod: Pod, old: Pod): FieldError[] {
    const why = whyNotResizable(old);
    if (why) return [forbiddenField('[]', why)];
    return [...validatePod(pod), ...checkFixedAnnotations(pod, old), ...checkResize(pod, old)];
  },
};

function whyNotResizable({ metadata, spec }: Pod): string | undefined {
  if (metadata.annotations?.[mirrorAnnotation] !== undefined) return 'static pods cannot be resized';
  return spec.os?.name === 'windows' ? 'windows pods cannot be resized' : undefined;
}

function* checkResize(pod: Pod, old: Pod): FieldErrors {
  for (const list of containerLists) {
    if ((pod.spec[list] ?? []).length === (old.spec[list] ?? []).length) continue;
    yield forbiddenField('spec', 'only cpu and memory resources are mutable');
    return;
  }
  const before = old.status?.qosClass ?? qosClassOf(old.spec);
  if (before !== qosClassOf(pod.spec))
    yield invalidValue('spec', pod.status?.qosClass ?? '', 'Pod QOS Class may not change as a result of resizing');
  const running = old.status?.containerStatuses?.find(({ state }) => state?.running);
  if (running && !running.resources) yield forbiddenField('spec', 'Pod running on node without support for resize');
  const [whole, wholeBefore] = [pod.spec.resources ?? {}, old.spec.resources ?? {}];
  yield* checkKept('spec.resources', whole, wholeBefore);
  if (!equal(withoutCpuAndMemory(whole), withoutCpuAndMemory(wholeBefore)))
    yield forbiddenField('spec', 'only cpu and memory resources are mutable');
  for (const list of containerLists) {
    for (const [index, container] of (pod.spec[list] ?? []).entries())
      yield* checkResizedContainer(`spec.${list}[${index}].resources`, container, {
        before: old.spec[list]![index]!,
        isInit: list === 'initContainers',
      });
  }
}

function* checkResizedContainer(
  path: string,
  container: Container,
  { before, isInit }: { before: Container; isInit: boolean },
): FieldErrors {
  if (isInit && !isSidecar(container)) {
    if (!equal(container, before))
      yield forbiddenField('spec', 'resources for non-sidecar init containers are immutable');
    return;
  }
  const { resources: now = {} } = container;
  const { resources: then = {} } = before;
  yield* checkKept(path, now, then);
  const rest = { ...container, resources: withoutCpuAndMemory(now), resizePolicy: before.resizePolicy };
  if (!equal(rest, { ...before, resources: withoutCpuAndMemory(then) }))
    yield forbiddenField('spec', `only cpu and memory resources${isInit ? ' for sidecar containers' : ''} are mutable`);
}

function* checkKept(path: string, now: ResourceRequirements, then: ResourceRequirements): FieldErrors {
  for (const list of ['requests', 'limits'] as const) {
    const isRemoved = Object.keys(then[list] ?? {}).some((name) => now[list]?.[name] === undefined);
    if (isRemoved) yield forbiddenField(`${path}.${list}`, `resource ${list} cannot be removed`);
  }
}

function withoutCpuAndMemory({ limits, requests, claims }: ResourceRequirements): ResourceRequirements {
  const strip = (list: Record<string, string> | undefined) => {
    const rest = Object.entries(list ?? {}).filter(([name]) => name !== 'cpu' && name !== 'memory');
    return Object.fromEntries(rest.map(([name, amount]) => [name, Quantity.parse(amount).toString()]));
  };
  return { limits: strip(limits), requests: strip(requests), claims };
}
