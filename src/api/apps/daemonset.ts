/** DaemonSet: one pod on each node that suits it. */

import type { DaemonSet, DaemonSetSpec, DaemonSetUpdateStrategy, RollingUpdateDaemonSet } from '#api/gen/apps-v1.js';
import { badRequest } from '#apimachinery/errors.js';
import { collectInSteps, invalidValue, required } from '#apimachinery/field-error.js';
import { validateImmutable, validateLabelSelector } from '#apimachinery/metadata-validation.js';
import { formatLabels } from '#apimachinery/selectors.js';
import { equal } from '#base/json.js';
import { defaultPodTemplate } from '../core/pod/defaults.js';
import { gatedInTemplate } from '../core/pod/gated.js';
import { checkPodTemplate } from '../core/pod/validate.js';
import { checkNonNegative, type FieldErrors } from '../meta/check.js';
import { ageColumn, nameColumn, selectorColumn, templateColumns } from '../meta/columns.js';
import { fieldText } from '../meta/field-text.js';
import { checkIntOrPercent, checkNotOver100Percent, isZeroIntOrPercent } from '../meta/int-or-percent.js';
import { type Column, defineResource } from '../resource.js';
import { unknownStrategy } from './strategy.js';
import {
  checkCollisions,
  checkCounts,
  checkLasting,
  checkSelected,
  isEmptySelector,
  warnOfTemplate,
} from './template.js';

/**
 * Counts the changes of the template. It was a field once, and old clients still find it here: the server keeps it,
 * whatever they write.
 */
const templateGeneration = 'deprecated.daemonset.template.generation';

export default defineResource<DaemonSet>({
  group: 'apps',
  versions: ['v1'],
  kind: 'DaemonSet',
  shortNames: ['ds'],
  categories: ['all'],
  namespaced: true,
  subresources: { status: true },
  storageVersionHash: 'dd7pWHUlMKQ=',
  bumpsGeneration: ['spec'],
  default: setDefaults,
  gated: gatedInTemplate('spec.template'),
  prepareForCreate: (daemonSet) => setTemplateGeneration(daemonSet, Math.max(1, templateGenerationOf(daemonSet))),
  prepareForUpdate(daemonSet, old) {
    const isSame = equal(daemonSet.spec.template, old.spec.template);
    setTemplateGeneration(daemonSet, templateGenerationOf(old) + (isSame ? 0 : 1));
  },
  validate: ({ spec }) => checkSpec(spec),
  tellsChangeFirst: true,
  validateUpdate: ({ spec }, old) =>
    validateImmutable('spec.selector', { value: spec.selector, old: old.spec.selector }),
  validateStatusUpdate: (daemonSet, old) => [
    ...checkCounts(daemonSet.status ?? {}, countsInStatus),
    ...checkCollisions(daemonSet, old),
  ],
  warnings: warnOfTemplate,
  columns: [
    nameColumn,
    {
      ...countColumn('Desired', 'desiredNumberScheduled'),
      description: fieldText('apps.v1.DaemonSetStatus.desiredNumberScheduled'),
    },
    {
      ...countColumn('Current', 'currentNumberScheduled'),
      description: fieldText('apps.v1.DaemonSetStatus.currentNumberScheduled'),
    },
    { ...countColumn('Ready', 'numberReady'), description: fieldText('apps.v1.DaemonSetStatus.numberReady') },
    {
      ...countColumn('Up-to-date', 'updatedNumberScheduled'),
      description: fieldText('apps.v1.DaemonSetStatus.updatedNumberScheduled'),
    },
    {
      ...countColumn('Available', 'numberAvailable'),
      description: fieldText('apps.v1.DaemonSetStatus.numberAvailable'),
    },
    {
      name: 'Node Selector',
      type: 'string',
      description: fieldText('core.v1.PodSpec.nodeSelector'),
      cell: ({ spec }) => formatLabels(spec.template?.spec?.nodeSelector),
    },
    ageColumn,
    ...templateColumns,
    { ...selectorColumn, description: fieldText('apps.v1.DaemonSetSpec.selector') },
  ],
});

/** The server leaves those that are zero out. */
export const countsInStatus = [
  'currentNumberScheduled',
  'numberMisscheduled',
  'desiredNumberScheduled',
  'numberReady',
  'observedGeneration',
  'updatedNumberScheduled',
  'numberAvailable',
  'numberUnavailable',
  'collisionCount',
] as const;

function countColumn(name: string, field: (typeof countsInStatus)[number]): Column<DaemonSet> {
  return { name, type: 'integer', cell: ({ status }) => status?.[field] ?? 0 };
}

function setDefaults(daemonSet: DaemonSet): void {
  daemonSet.spec ??= {} as DaemonSetSpec;
  const { spec, metadata } = daemonSet;
  metadata.annotations ??= {};
  metadata.annotations[templateGeneration] ??= '0';
  spec.updateStrategy ??= {};
  const strategy = spec.updateStrategy;
  strategy.type ||= 'RollingUpdate';
  if (strategy.type === 'RollingUpdate') {
    strategy.rollingUpdate ??= {};
    strategy.rollingUpdate.maxUnavailable ??= 1;
    strategy.rollingUpdate.maxSurge ??= 0;
  } else if (strategy.rollingUpdate) {
    strategy.rollingUpdate.maxUnavailable ??= 0;
    strategy.rollingUpdate.maxSurge ??= 0;
  }
  spec.revisionHistoryLimit ??= 10;
  spec.template ??= {};
  defaultPodTemplate(spec.template);
}

/** Throws BadRequest for what is no number, as upstream's decoder does. */
function templateGenerationOf({ metadata }: DaemonSet): number {
  const text = metadata.annotations?.[templateGeneration] ?? '0';
  if (/^[+-]?[0-9]{1,15}$/.test(text)) return Number(text);
  throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
}

function setTemplateGeneration({ metadata }: DaemonSet, generation: number): void {
  metadata.annotations = { ...metadata.annotations, [templateGeneration]: String(generation) };
}

function* checkSpec(spec: DaemonSetSpec): FieldErrors {
  const { selector, template, updateStrategy, minReadySeconds, revisionHistoryLimit } = spec;
  const errors = yield* collectInSteps(validateLabelSelector(selector, 'spec.selector'));
  yield* errors;
  if (errors.length === 0) yield* checkSelected('spec.template', spec);
  if (selector && isEmptySelector(selector))
    yield invalidValue('spec.selector', selector, 'empty selector is invalid for daemonset');
  yield* checkPodTemplate('spec.template', template ?? {});
  yield* checkLasting('spec.template', template ?? {}, { owner: 'DaemonSet' });
  yield* checkNonNegative('spec.minReadySeconds', minReadySeconds);
  yield* checkStrategy('spec.updateStrategy', updateStrategy ?? {});
  yield* checkNonNegative('spec.revisionHistoryLimit', revisionHistoryLimit);
}

function* checkStrategy(path: string, strategy: DaemonSetUpdateStrategy): FieldErrors {
  const { type, rollingUpdate } = strategy;
  if (type === 'OnDelete') return;
  if (type !== 'RollingUpdate') yield unknownStrategy(path, strategy, ['RollingUpdate', 'OnDelete']);
  else if (!rollingUpdate) yield required(`${path}.rollingUpdate`);
  else yield* checkRollingUpdate(`${path}.rollingUpdate`, rollingUpdate);
}

/** A node has either its old pod until the new one is ready, or none for a while: one of the two is nought. */
function* checkRollingUpdate(path: string, { maxUnavailable, maxSurge }: RollingUpdateDaemonSet): FieldErrors {
  yield* checkIntOrPercent(`${path}.maxUnavailable`, maxUnavailable);
  yield* checkIntOrPercent(`${path}.maxSurge`, maxSurge);
  yield* checkNotOver100Percent(`${path}.maxUnavailable`, maxUnavailable);
  yield* checkNotOver100Percent(`${path}.maxSurge`, maxSurge);
  const [noUnavailable, noSurge] = [isZeroIntOrPercent(maxUnavailable), isZeroIntOrPercent(maxSurge)];
  if (!noUnavailable && !noSurge)
    yield invalidValue(`${path}.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero');
  if (noUnavailable && noSurge) yield required(`${path}.maxUnavailable`, 'cannot be 0 when maxSurge is 0');
}
