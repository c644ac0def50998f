/** Rules of a new pod, and of the template of one. */
import type { Pod, PodSpec, PodTemplateSpec, SeccompProfile } from '#api/gen/core-v1.js';
import { forbiddenField, invalidValue } from '#apimachinery/field-error.js';
import { validateAnnotations, validateLabels } from '#apimachinery/metadata-validation.js';
import { endsStep } from '#base/turns.js';
import { each, type FieldErrors, int32Max } from '../../meta/check.js';
import { checkImageSpace, forbidEphemeral } from './validate-container.js';
import { allContainers } from './validate-os.js';
import { checkDescendingPath } from './validate-paths.js';
import { checkPodSpec } from './validate-spec.js';

export const mirrorAnnotation = 'kubernetes.io/config.mirror';
const deletionCostAnnotation = 'controller.kubernetes.io/pod-deletion-cost';
const podSeccompAnnotation = 'seccomp.security.alpha.kubernetes.io/pod';
const containerSeccompPrefix = 'container.seccomp.security.alpha.kubernetes.io/';
export const appArmorPrefix = 'container.apparmor.security.beta.kubernetes.io/';

type Annotations = Record<string, string> | undefined;

/** Holds on creation and on every update. */
export function* validatePod(pod: Pod): FieldErrors {
  const { metadata, spec } = pod;
  yield* checkPodAnnotations('metadata.annotations', metadata.annotations, spec);
  yield* checkPodSpec('spec', spec, { metadata });
  if (!spec.serviceAccountName) yield* forbidTokens(spec);
  for (const list of ['containers', 'initContainers'] as const)
    for (const container of each(`spec.${list}`, spec[list])) {
      yield* checkImageSpace(container.path, container.value);
      if (endsStep()) yield;
    }
}

/** Rules of creation only. */
export function* validatePodCreate({ metadata, spec }: Pod): FieldErrors {
  yield* forbidEphemeral('spec', spec, { why: 'cannot be set on create' });
  if (spec.nodeName && spec.schedulingGates?.length)
    yield forbiddenField('spec.nodeName', 'cannot be set until all schedulingGates have been cleared');
  yield* checkProfileAnnotations('spec', metadata.annotations, spec);
}

/** The template of a controller's pods. `path` is where it stands: `spec.template`. */
export function* checkPodTemplate(path: string, template: PodTemplateSpec): FieldErrors {
  const { metadata = {}, spec = { containers: [] } } = template;
  yield* validateLabels(metadata.labels, `${path}.labels`);
  yield* validateAnnotations(metadata.annotations, `${path}.annotations`);
  yield* checkPodAnnotations(`${path}.annotations`, metadata.annotations, spec);
  yield* checkPodSpec(`${path}.spec`, spec, { metadata: undefined });
  yield* checkProfileAnnotations(`${path}.spec`, metadata.annotations, spec);
  yield* forbidEphemeral(`${path}.spec`, spec, { why: 'ephemeral containers not allowed in pod template' });
}

function* checkPodAnnotations(path: string, annotations: Annotations, spec: PodSpec): FieldErrors {
  if (annotations?.[mirrorAnnotation] && !spec.nodeName)
    yield invalidValue(
      `${path}[${mirrorAnnotation}]`,
      annotations[mirrorAnnotation],
      'must set spec.nodeName if mirror pod annotation is set',
    );
  const cost = annotations?.[deletionCostAnnotation];
  if (cost !== undefined && !isDeletionCost(cost))
    yield invalidValue(`${path}[${deletionCostAnnotation}]`, cost, 'must be a 32bit integer');
  if (!annotations) return;
  const ofSeccomp = Object.entries(annotations).filter(([key]) => key.startsWith(containerSeccompPrefix));
  if (annotations[podSeccompAnnotation] !== undefined)
    ofSeccomp.unshift([podSeccompAnnotation, annotations[podSeccompAnnotation]]);
  for (const [key, profile] of ofSeccomp) yield* checkSeccompName(`${path}.${key}`, profile);
  const names = new Set([...allContainers('spec', spec)].map(({ value }) => value.name));
  for (const [key, profile] of Object.entries(annotations)) {
    if (!key.startsWith(appArmorPrefix)) continue;
    const name = key.slice(appArmorPrefix.length);
    if (!names.has(name)) yield invalidValue(`${path}[${key}]`, name, 'container not found');
    if (!['', 'runtime/default', 'unconfined'].includes(profile) && !profile.startsWith('localhost/'))
      yield invalidValue(`${path}[${key}]`, profile, `invalid AppArmor profile name: ${JSON.stringify(profile)}`);
  }
}

/** A profile as it was named before it had a field. */
function* checkSeccompName(path: string, profile: string): FieldErrors {
  if (profile.startsWith('localhost/')) yield* checkDescendingPath(path, profile.slice('localhost/'.length));
  else if (!['runtime/default', 'docker/default', 'unconfined'].includes(profile))
    yield invalidValue(path, profile, 'must be a valid seccomp profile');
}

function isDeletionCost(text: string): boolean {
  return /^(0|-?[1-9]\d*)$/.test(text) && Number(text) <= int32Max && Number(text) >= -int32Max - 1;
}

function* forbidTokens({ volumes }: PodSpec): FieldErrors {
  for (const { path, value: volume } of each('spec.volumes', volumes)) {
    for (const source of each(`${path}.projected.sources`, volume.projected?.sources)) {
      if (!source.value.serviceAccountToken) continue;
      const at = `${source.path}.serviceAccountToken`;
      yield forbiddenField(at, 'must not be specified when serviceAccountName is not set');
    }
  }
}

/** Where profiles are still named by annotations as well, both must say the same. */
function* checkProfileAnnotations(path: string, annotations: Annotations, spec: PodSpec): FieldErrors {
  if (!annotations) return;
  const ofPod = annotations[podSeccompAnnotation];
  const at = `${path}.securityContext.seccompProfile`;
  if (ofPod !== undefined) yield* checkSeccompMatch(at, ofPod, spec.securityContext?.seccompProfile);
  for (const { path: containerAt, value: container } of allContainers(path, spec)) {
    const context = container.securityContext;
    const seccomp = annotations[containerSeccompPrefix + container.name];
    if (seccomp !== undefined)
      yield* checkSeccompMatch(`${containerAt}.securityContext.seccompProfile`, seccomp, context?.seccompProfile);
    const appArmor = annotations[appArmorPrefix + container.name];
    const profile = context?.appArmorProfile ?? spec.securityContext?.appArmorProfile;
    if (appArmor !== undefined && spec.os?.name !== 'windows')
      yield* checkMatch(`${containerAt}.securityContext.appArmorProfile`, appArmor, { profile, name: 'apparmor' });
  }
}

function* checkSeccompMatch(path: string, annotation: string, profile: SeccompProfile | undefined): FieldErrors {
  const modern = annotation === 'docker/default' ? 'runtime/default' : annotation;
  yield* checkMatch(path, modern, { profile, name: 'seccomp' });
}

function* checkMatch(
  path: string,
  annotation: string,
  { profile, name }: { profile: { type: string; localhostProfile?: string } | undefined; name: string },
): FieldErrors {
  if (!profile) return;
  const prefix = 'localhost/';
  const isSameType =
    profile.type === 'Unconfined'
      ? annotation === 'unconfined'
      : profile.type === 'RuntimeDefault'
        ? annotation === 'runtime/default'
        : profile.type !== 'Localhost' || annotation.startsWith(prefix);
  if (!isSameType) yield forbiddenField(`${path}.type`, `${name} type in annotation and field must match`);
  else if (profile.type === 'Localhost' && annotation.slice(prefix.length) !== profile.localhostProfile)
    yield forbiddenField(`${path}.localhostProfile`, `${name} profile in annotation and field must match`);
}
