/** CronJob: a Job at each of the times of a schedule. */

import type { CronJob, CronJobSpec, JobTemplateSpec } from '#api/gen/batch-v1.js';
import { CronError, parseCron } from '#apimachinery/cron.js';
import { humanAge } from '#apimachinery/duration.js';
import { invalidValue, notSupported, required } from '#apimachinery/field-error.js';
import { formatLabelSelector } from '#apimachinery/selectors.js';
import { timeZone } from '#base/time-zone.js';
import { gatedInTemplate } from '../core/pod/gated.js';
import { nameWarnings } from '../core/pod/warnings.js';
import { checkEnum, checkNonNegative, type FieldErrors } from '../meta/check.js';
import { ageColumn, joinedContainers, nameColumn } from '../meta/columns.js';
import { fieldText } from '../meta/field-text.js';
import { defineResource } from '../resource.js';
import { defaultJobTemplate } from './job/defaults.js';
import { checkUnselectedJobSpec } from './job/validate.js';
import { jobSpecWarnings } from './job/warnings.js';

/** A Job's name, of at most 63 characters, is that of the CronJob, a hyphen and ten digits. */
const nameLengthMax = 52;

export default defineResource<CronJob>({
  group: 'batch',
  versions: ['v1'],
  kind: 'CronJob',
  shortNames: ['cj'],
  categories: ['all'],
  namespaced: true,
  metadataRepeats: { status: [] },
  subresources: { status: true },
  storageVersionHash: 'sd5LIXh4Fjs=',
  bumpsGeneration: ['spec'],
  default: setDefaults,
  gated: gatedInTemplate('spec.jobTemplate.spec.template'),
  validateCreate: ({ metadata, spec }) => [...checkSpec(spec, undefined), ...checkName(metadata.name ?? '')],
  validateUpdate: ({ spec }, old) => checkSpec(spec, old.spec),
  warnings,
  columns: [
    nameColumn,
    {
      name: 'Schedule',
      type: 'string',
      description: fieldText('batch.v1.CronJobSpec.schedule'),
      cell: ({ spec }) => spec.schedule ?? '',
    },
    {
      name: 'Timezone',
      type: 'string',
      description: fieldText('batch.v1.CronJobSpec.timeZone'),
      cell: ({ spec }) => spec.timeZone ?? '<none>',
    },
    {
      name: 'Suspend',
      type: 'boolean',
      description: fieldText('batch.v1.CronJobSpec.suspend'),
      cell: ({ spec }) => suspendCell(spec),
    },
    {
      name: 'Active',
      type: 'integer',
      description: fieldText('batch.v1.CronJobStatus.active'),
      cell: ({ status }) => status?.active?.length ?? 0,
    },
    {
      name: 'Last Schedule',
      type: 'string',
      description: fieldText('batch.v1.CronJobStatus.lastScheduleTime'),
      cell: ({ status }, { nowMs }) => (status?.lastScheduleTime ? humanAge(status.lastScheduleTime, nowMs) : '<none>'),
    },
    ageColumn,
    {
      name: 'Containers',
      type: 'string',
      priority: 1,
      description: 'Names of each container in the template.',
      cell: (cronJob) => joinedContainers(podsOf(cronJob), 'name'),
    },
    {
      name: 'Images',
      type: 'string',
      priority: 1,
      description: 'Images referenced by each container in the template.',
      cell: (cronJob) => joinedContainers(podsOf(cronJob), 'image'),
    },
    {
      name: 'Selector',
      type: 'string',
      priority: 1,
      description: fieldText('batch.v1.JobSpec.selector'),
      cell: ({ spec }) => formatLabelSelector(spec.jobTemplate?.spec?.selector),
    },
  ],
});

function podsOf({ spec }: CronJob) {
  return spec.jobTemplate?.spec?.template;
}

function suspendCell({ suspend }: CronJobSpec): string {
  if (suspend === undefined) return '<unset>';
  return suspend ? 'True' : 'False';
}

function setDefaults(cronJob: CronJob): void {
  cronJob.spec ??= {} as CronJobSpec;
  const { spec } = cronJob;
  spec.concurrencyPolicy ||= 'Allow';
  spec.suspend ??= false;
  spec.successfulJobsHistoryLimit ??= 3;
  spec.failedJobsHistoryLimit ??= 1;
  spec.jobTemplate ??= {};
  spec.jobTemplate.spec ??= {} as NonNullable<JobTemplateSpec['spec']>;
  defaultJobTemplate(spec.jobTemplate.spec);
}

function* checkSpec(spec: CronJobSpec, old: CronJobSpec | undefined): FieldErrors {
  const { schedule, startingDeadlineSeconds, timeZone: zone, concurrencyPolicy, jobTemplate } = spec;
  if (!schedule) yield required('spec.schedule');
  else yield* checkSchedule('spec.schedule', spec, { allowsZone: old?.schedule.includes('TZ') === true });
  yield* checkNonNegative('spec.startingDeadlineSeconds', startingDeadlineSeconds);
  if (zone !== undefined && zone !== old?.timeZone) yield* checkTimeZone('spec.timeZone', zone);
  yield* checkEnum('spec.concurrencyPolicy', concurrencyPolicy, ['Allow', 'Forbid', 'Replace']);
  yield* checkJobTemplate('spec.jobTemplate.spec', jobTemplate ?? {});
  yield* checkNonNegative('spec.successfulJobsHistoryLimit', spec.successfulJobsHistoryLimit);
  yield* checkNonNegative('spec.failedJobsHistoryLimit', spec.failedJobsHistoryLimit);
}

function* checkName(name: string): FieldErrors {
  if (name.length > nameLengthMax)
    yield invalidValue('metadata.name', name, `must be no more than ${nameLengthMax} characters`);
}

/** A zone inside the schedule is for those who have had one there before `timeZone` was a field. */
function* checkSchedule(
  path: string,
  { schedule, timeZone: zone }: CronJobSpec,
  { allowsZone }: { allowsZone: boolean },
): FieldErrors {
  try {
    parseCron(schedule);
  } catch (error) {
    if (!(error instanceof CronError)) throw error;
    yield invalidValue(path, schedule, error.message);
  }
  if (!schedule.includes('TZ')) return;
  if (!allowsZone)
    yield invalidValue(path, schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead');
  else if (zone !== undefined)
    yield invalidValue(path, schedule, 'cannot use both timeZone field and TZ or CRON_TZ in schedule');
}

/** https://data.iana.org/time-zones/theory.html#naming */
function* checkTimeZone(path: string, zone: string): FieldErrors {
  const isName = zone.split('/').every((part) => /^(?!-)[A-Za-z._0-9+-]{1,14}$/.test(part) && !/^\.\.?$/.test(part));
  if (zone === '') yield invalidValue(path, zone, 'timeZone must be nil or non-empty string');
  else if (!isName) yield invalidValue(path, zone, `unknown time zone ${zone}`);
  else {
    if (zone.toLowerCase() === 'local') {
      const why = 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones';
      yield invalidValue(path, zone, why);
    }
    if (zone !== 'Local' && !timeZone(zone)) yield invalidValue(path, zone, `unknown time zone ${zone}`);
  }
}

function* checkJobTemplate(path: string, template: JobTemplateSpec): FieldErrors {
  const { spec = {} as NonNullable<JobTemplateSpec['spec']> } = template;
  yield* checkUnselectedJobSpec(path, spec);
  if (spec.selector) yield invalidValue(`${path}.selector`, spec.selector, '`selector` will be auto-generated');
  if (spec.manualSelector) yield notSupported(`${path}.manualSelector`, spec.manualSelector, ['nil', 'false']);
}

function warnings(cronJob: CronJob, old: CronJob | undefined): string[] {
  const { metadata, spec } = cronJob;
  const isChanged = !old || old.metadata.generation !== metadata.generation;
  const ofJobs = isChanged ? jobSpecWarnings('spec.jobTemplate.spec', spec.jobTemplate?.spec ?? ({} as never)) : [];
  const ofZone =
    old && spec.schedule?.includes('TZ')
      ? [
          'cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details',
        ]
      : [];
  return [...(old ? [] : nameWarnings(metadata)), ...ofJobs, ...ofZone];
}
