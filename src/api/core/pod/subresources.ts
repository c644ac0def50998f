/** Rules of the pod's subresources that change its spec: each lets one thing through and keeps the rest. */
import type { Binding, Container, Pod, PodSpec, ResourceRequirements } from '#api/gen/core-v1.js';
import {
  collect,
  type FieldError,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
} from '#apimachinery/field-error.js';
import { Quantity } from '#apimachinery/quantity.js';
import { equal } from '#base/json.js';
import { each, type FieldErrors } from '../../meta/check.js';
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
    const { labels, annotations, finalizers, ownerReferences } = old.metadata;
    Object.assign(pod.metadata, { labels, annotations, finalizers, ownerReferences });
  },
  *validate(pod: Pod, old: Pod): FieldErrors {
    if (old.metadata.annotations?.[mirrorAnnotation] !== undefined) {
      yield forbiddenField('[]', 'static pods do not support ephemeral containers');
      return;
    }
    yield* validatePod(pod);
    yield* checkFixedAnnotations(pod, old);
    yield* checkEphemeralUpdate(pod, old);
  },
};

function* checkEphemeralUpdate(pod: Pod, old: Pod): FieldErrors {
  const path = 'spec.ephemeralContainers';
  for (const before of old.spec.ephemeralContainers ?? []) {
    const now = pod.spec.ephemeralContainers?.find(({ name }) => name === before.name);
    const subject = `existing ephemeral containers ${JSON.stringify(before.name)} may not be`;
    if (!now) yield forbiddenField(path, `${subject} removed\n`);
    else if (!equal(now, before))
      yield forbiddenField(
        path,
        `${subject} changed\n${describeChanges('io.k8s.api.core.v1.EphemeralContainer', before, now)}`,
      );
  }
}

const containerLists = ['containers', 'initContainers'] as const;

export const resizeRules = {
  /** Keeps all but the pod's resources, and those and the resize policies of containers while these are the same ones. */
  prepare(pod: Pod, old: Pod): void {
    // Otherwise validation tells the author, where keeping the old lists would silently drop what he asked.
    if (containerLists.some((list) => pod.spec[list]?.length !== old.spec[list]?.length)) return;
    const containers = resized(pod.spec.containers, old.spec.containers) ?? [];
    const initContainers = resized(pod.spec.initContainers, old.spec.initContainers);
    const { resources: _, ...kept } = old.spec;
    const { resources } = pod.spec;
    pod.spec = { ...kept, containers, ...(initContainers && { initContainers }), ...(resources && { resources }) };
    pod.status = old.status;
    const { labels, annotations } = old.metadata;
    Object.assign(pod.metadata, { labels, annotations });
  },
  *validate(pod: Pod, old: Pod): FieldErrors {
    const why = whyNotResizable(old);
    if (why) {
      yield forbiddenField('[]', why);
      return;
    }
    yield* validatePod(pod);
    yield* checkResize(pod, old);
  },
};

const onlyCpuAndMemory = 'only cpu and memory resources are mutable';

/** Containers in another order, or of other names, are left as they are for validation to refuse. */
function resized(now: Container[] | undefined, old: Container[] | undefined): Container[] | undefined {
  if (!now?.length || !old || now.some(({ name }, index) => name !== old[index]?.name)) return now;
  return old.map((container, index) => {
    const { resources, resizePolicy } = now[index]!;
    return { ...container, resources, resizePolicy };
  });
}

function whyNotResizable({ metadata, spec }: Pod): string | undefined {
  if (metadata.annotations?.[mirrorAnnotation] !== undefined) return 'static pods cannot be resized';
  return spec.os?.name === 'windows' ? 'windows pods cannot be resized' : undefined;
}

function* checkResize(pod: Pod, old: Pod): FieldErrors {
  const before = old.status?.qosClass ?? qosClassOf(old.spec);
  if (before !== qosClassOf(pod.spec))
    yield invalidValue('spec', pod.status?.qosClass ?? '', 'Pod QOS Class may not change as a result of resizing');
  const running = old.status?.containerStatuses?.find(({ state }) => state?.running);
  if (running && !running.resources) yield forbiddenField('spec', 'Pod running on node without support for resize');
  yield* checkPodLevel(pod.spec.resources, old.spec.resources);
  const unlike = collect(checkSameContainers(pod.spec, old.spec));
  yield* unlike;
  if (unlike.length > 0) return;
  for (const list of ['initContainers', 'containers'] as const)
    for (const { path, value } of each(`spec.${list}`, old.spec[list])) {
      const now = pod.spec[list]!.find(({ name }) => name === value.name)!;
      yield* checkKept(`${path}.resources`, { now: now.resources, old: value.resources }, 'resource');
    }
  for (const [index, container] of pod.spec.containers.entries())
    if (!isSameButResources(container, old.spec.containers[index]!)) yield forbiddenField('spec', onlyCpuAndMemory);
  for (const { path, value } of each('spec.initContainers', pod.spec.initContainers))
    yield* checkInitContainer(path, value, old.spec.initContainers!.find(({ name }) => name === value.name)!);
}

function* checkPodLevel(now: ResourceRequirements | undefined, old: ResourceRequirements | undefined): FieldErrors {
  const isSet = (one: typeof now) => Object.keys({ ...one?.requests, ...one?.limits }).length > 0;
  if (!isSet(now) && !isSet(old)) return;
  if (old && !now) {
    yield forbiddenField('spec.resources', 'pod-level resources cannot be removed');
    return;
  }
  if (old) yield* checkKept('spec.resources', { now, old }, 'pod-level resource');
  if (!equal(withoutCpuAndMemory(now ?? {}), withoutCpuAndMemory(old ?? {})))
    yield forbiddenField('spec', `${onlyCpuAndMemory} at pod-level`);
}

function* checkSameContainers(spec: PodSpec, old: PodSpec): FieldErrors {
  for (const list of containerLists) {
    const now = spec[list] ?? [];
    const before = old[list] ?? [];
    if (now.length !== before.length)
      yield forbiddenField(`spec.${list}`, `${list} may not be added or removed on resize`);
    else
      for (const { path, value } of each(`spec.${list}`, before))
        if (!path.endsWith(`[${now.findIndex(({ name }) => name === value.name)}]`))
          yield forbiddenField(`${path}.name`, `${list} may not be renamed or reordered on resize`);
  }
}

function* checkInitContainer(path: string, container: Container, before: Container): FieldErrors {
  if (!isSameButResources(container, before))
    yield forbiddenField(path, 'only cpu and memory resources for init or sidecar containers are mutable');
  if (isSidecar(container) || equal(container, before)) return;
  for (const { restartPolicy } of container.resizePolicy ?? [])
    if (restartPolicy === 'RestartContainer')
      yield forbiddenField(
        path,
        'non-sidecar init containers with a resize policy of RestartContainer cannot be resized',
      );
}

function isSameButResources(container: Container, before: Container): boolean {
  const strip = (one: Container) => ({ ...one, resources: withoutCpuAndMemory(one.resources ?? {}) });
  return equal(strip(container), strip(before));
}

function* checkKept(
  path: string,
  { now = {}, old = {} }: Partial<Record<'now' | 'old', ResourceRequirements>>,
  subject: 'resource' | 'pod-level resource',
): FieldErrors {
  for (const list of ['requests', 'limits'] as const) {
    const isRemoved = Object.keys(old[list] ?? {}).some((name) => now[list]?.[name] === undefined);
    if (isRemoved) yield forbiddenField(`${path}.${list}`, `${subject} ${list} cannot be removed`);
  }
}

function withoutCpuAndMemory({ limits, requests, claims }: ResourceRequirements): ResourceRequirements {
  const strip = (list: Record<string, string> | undefined) => {
    const rest = Object.entries(list ?? {}).filter(([name]) => name !== 'cpu' && name !== 'memory');
    return Object.fromEntries(rest.map(([name, amount]) => [name, Quantity.parse(amount).toString()]));
  };
  return { limits: strip(limits), requests: strip(requests), claims };
}
