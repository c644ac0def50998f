/** StatefulSet: pods that each keep a name, and volumes of their own. */
import type { StatefulSet, StatefulSetSpec } from '#api/gen/apps-v1.js';
import type { PodTemplateSpec } from '#api/gen/core-v1.js';
import { forbiddenField, invalidValue, required } from '#apimachinery/field-error.js';
import { labelProblems } from '#apimachinery/names.js';
import { equal } from '#base/json.js';
import { checkClaimSpec, claimWarnings, defaultClaim } from '../core/claim-spec.js';
import { defaultPodTemplate } from '../core/pod/defaults.js';
import { gatedInTemplate } from '../core/pod/gated.js';
import { checkLabel, checkNonNegative, checkOptionalEnum, each, type FieldErrors } from '../meta/check.js';
import { ageColumn, nameColumn, templateColumns } from '../meta/columns.js';
import { defineResource } from '../resource.js';
import { invalidStrategy } from './strategy.js';
import { checkCollisions, checkCounts, checkParts, checkSelectedTemplate, warnOfTemplate } from './template.js';

export default defineResource<StatefulSet>({
  group: 'apps',
  versions: ['v1'],
  kind: 'StatefulSet',
  shortNames: ['sts'],
  categories: ['all'],
  namespaced: true,
  subresources: {
    scale: { replicas: 'spec.replicas', statusReplicas: 'status.replicas', selector: 'spec.selector' },
    status: true,
  },
  storageVersionHash: 'H+vl74LkKdo=',
  bumpsGeneration: ['spec'],
  // Pods are called after it, and their names are host names.
  validateName: labelProblems,
  default: setDefaults,
  gated: {
    ...gatedInTemplate('spec.template'),
    // Off since 1.35 broke the order of parallel pods with it.
    MaxUnavailableStatefulSet: ['spec.updateStrategy.rollingUpdate.maxUnavailable'],
  },
  validateCreate: ({ spec }) => checkSpec(spec, { isNew: true }),
  *validateUpdate({ spec }, old) {
    yield* checkSpec(spec, { isNew: false });
    yield* checkUnchanged(spec, old.spec);
  },
  validateStatusUpdate: (statefulSet, old) => checkStatus(statefulSet, old),
  warnings: (statefulSet, old) => [...warn(statefulSet, old)],
  columns: [
    nameColumn,
    {
      name: 'Ready',
      type: 'string',
      description: 'Number of the pod with ready state',
      cell: ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 0}`,
    },
    ageColumn,
    ...templateColumns,
  ],
});

function setDefaults(statefulSet: StatefulSet): void {
  statefulSet.spec ??= {} as StatefulSetSpec;
  const { spec } = statefulSet;
  spec.podManagementPolicy ||= 'OrderedReady';
  spec.updateStrategy ??= {};
  if (!spec.updateStrategy.type) {
    spec.updateStrategy.type = 'RollingUpdate';
    spec.updateStrategy.rollingUpdate ??= {};
  }
  const { type, rollingUpdate } = spec.updateStrategy;
  if (type === 'RollingUpdate' && rollingUpdate) rollingUpdate.partition ??= 0;
  spec.persistentVolumeClaimRetentionPolicy ??= {};
  spec.persistentVolumeClaimRetentionPolicy.whenDeleted ||= 'Retain';
  spec.persistentVolumeClaimRetentionPolicy.whenScaled ||= 'Retain';
  spec.replicas ??= 1;
  spec.revisionHistoryLimit ??= 10;
  spec.template ??= {};
  defaultPodTemplate(spec.template);
  for (const claim of spec.volumeClaimTemplates ?? []) {
    claim.apiVersion = 'v1';
    claim.kind = 'PersistentVolumeClaim';
    defaultClaim(claim);
  }
}

/** What no update can change is looked at once, so that a set from before the rules can still be scaled. */
function* checkSpec(spec: StatefulSetSpec, { isNew }: { isNew: boolean }): FieldErrors {
  const { podManagementPolicy: policy, ordinals, serviceName, template } = spec;
  if (!policy) yield required('spec.podManagementPolicy');
  else if (policy !== 'OrderedReady' && policy !== 'Parallel')
    yield invalidValue('spec.podManagementPolicy', policy, "must be 'OrderedReady' or 'Parallel'");
  yield* checkStrategy('spec.updateStrategy', spec.updateStrategy ?? {});
  const { whenDeleted, whenScaled } = spec.persistentVolumeClaimRetentionPolicy ?? {};
  yield* checkOptionalEnum('spec.persistentVolumeClaimRetentionPolicy.whenDeleted', whenDeleted, retentions);
  yield* checkOptionalEnum('spec.persistentVolumeClaimRetentionPolicy.whenScaled', whenScaled, retentions);
  for (const { path, value: claim } of each('spec.volumeClaimTemplates', isNew ? spec.volumeClaimTemplates : []))
    yield* checkClaimSpec(`${path}.spec`, claim.spec ?? {});
  yield* checkNonNegative('spec.replicas', spec.replicas);
  yield* checkNonNegative('spec.minReadySeconds', spec.minReadySeconds);
  yield* checkNonNegative('spec.ordinals.start', ordinals?.start);
  if (isNew && serviceName) yield* checkLabel('spec.serviceName', serviceName);
  const mountable = { selector: spec.selector, template: withClaims(template, spec) };
  yield* checkSelectedTemplate('spec', mountable, { emptyFor: 'statefulset', owner: 'StatefulSet', invalid: '' });
}

const retentions = ['Retain', 'Delete'];

/** The template with a volume for each claim: its containers mount them, and each pod will have them. */
function withClaims(template: PodTemplateSpec | undefined, { volumeClaimTemplates }: StatefulSetSpec): PodTemplateSpec {
  // The controller gives each pod its own host name, and the set's service as its domain.
  const { hostname: _, subdomain: __, ...spec } = template?.spec ?? { containers: [] };
  const names = [...new Set((volumeClaimTemplates ?? []).map(({ metadata }) => metadata?.name ?? ''))];
  if (names.length === 0) return { ...template, spec };
  const claims = names.map((name) => ({ name, persistentVolumeClaim: { claimName: name } }));
  const others = (spec.volumes ?? []).filter(({ name }) => !names.includes(name));
  return { ...template, spec: { ...spec, volumes: [...claims, ...others] } };
}

function* checkStrategy(path: string, strategy: NonNullable<StatefulSetSpec['updateStrategy']>): FieldErrors {
  const { type, rollingUpdate } = strategy;
  const at = `${path}.rollingUpdate`;
  if (!type) yield required(path);
  else if (type === 'OnDelete') {
    if (rollingUpdate)
      yield invalidValue(
        at,
        { Partition: rollingUpdate.partition ?? 0, MaxUnavailable: null },
        "only allowed for updateStrategy 'RollingUpdate'",
      );
  } else if (type !== 'RollingUpdate') yield invalidStrategy(path, strategy, "must be 'RollingUpdate' or 'OnDelete'");
  else yield* checkNonNegative(`${at}.partition`, rollingUpdate?.partition);
}

const mutable = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
] as const;

function* checkUnchanged(spec: StatefulSetSpec, old: StatefulSetSpec): FieldErrors {
  const rest = { ...spec };
  for (const field of mutable) Object.assign(rest, { [field]: old[field] });
  if (equal(rest, old)) return;
  const names = mutable.map((field) => `'${field}'`);
  const list = `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
  yield forbiddenField('spec', `updates to statefulset spec for fields other than ${list} are forbidden`);
}

function* checkStatus(statefulSet: StatefulSet, old: StatefulSet): FieldErrors {
  const status = statefulSet.status ?? {};
  const parts = ['readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'];
  yield* checkCounts(status, ['replicas', ...parts, 'observedGeneration', 'collisionCount']);
  yield* checkParts(status, parts, { ready: 'status.readyReplicas' });
  yield* checkCollisions(statefulSet, old);
}

function* warn(statefulSet: StatefulSet, old: StatefulSet | undefined): Generator<string, void, undefined> {
  yield* warnOfTemplate(statefulSet, old);
  const { volumeClaimTemplates, revisionHistoryLimit = 0 } = statefulSet.spec;
  // Upstream's path has this capital letter.
  for (const { path, value } of each('spec.volumeClaimTemplates', old ? [] : volumeClaimTemplates))
    yield* claimWarnings(`${path}.Spec`, value.spec ?? {});
  if (revisionHistoryLimit < 0)
    yield 'spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended';
}
