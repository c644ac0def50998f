import { describe, expect, test } from 'vitest';
import type { CronJob, CronJobSpec, CronJobStatus } from '#api/gen/batch-v1.js';
import { copy } from '#base/json.js';
import cronJobs from './cronjob.js';

const jobTemplate = {
  spec: { template: { spec: { restartPolicy: 'OnFailure', containers: [{ name: 'a', image: 'busybox' }] } } },
};

function of(spec: Partial<CronJobSpec>, status?: CronJobStatus): CronJob {
  const cronJob = {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name: 'nightly', namespace: 'default' },
    spec: { schedule: '0 3 * * *', jobTemplate: copy(jobTemplate), ...copy(spec) },
    ...(status && { status }),
  } as CronJob;
  cronJobs.default!(cronJob);
  return cronJob;
}

const texts = (errors: readonly { message: string }[] | undefined) => errors!.map(({ message }) => message);

test('its defaults are upstream’s, and the template has those of pods only', () => {
  const { spec } = of({});
  expect(spec).toMatchObject({
    concurrencyPolicy: 'Allow',
    suspend: false,
    successfulJobsHistoryLimit: 3,
    failedJobsHistoryLimit: 1,
  });
  expect(Object.keys(spec.jobTemplate.spec!)).toEqual(['template']);
});

describe('is refused', () => {
  test.each<[string, Partial<CronJobSpec>, string[]]>([
    ['for nothing', { timeZone: 'Asia/Tokyo' }, []],
    ['for no schedule', { schedule: '' }, ['spec.schedule: Required value']],
    [
      'for a schedule of four fields',
      { schedule: '* * * *' },
      ['spec.schedule: Invalid value: "* * * *": expected exactly 5 fields, found 4: [* * * *]'],
    ],
    [
      'for a zone in the schedule',
      { schedule: 'TZ=UTC * * * * *' },
      [
        'spec.schedule: Invalid value: "TZ=UTC * * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead',
      ],
    ],
    [
      'for a zone that is not',
      { timeZone: 'Mars/Base' },
      ['spec.timeZone: Invalid value: "Mars/Base": unknown time zone Mars/Base'],
    ],
    [
      'for an empty zone',
      { timeZone: '' },
      ['spec.timeZone: Invalid value: "": timeZone must be nil or non-empty string'],
    ],
    [
      'for a zone that depends on the machine',
      { timeZone: 'Local' },
      [
        'spec.timeZone: Invalid value: "Local": timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones',
      ],
    ],
    [
      'for numbers below zero and a policy that does not exist',
      { startingDeadlineSeconds: -1, concurrencyPolicy: 'Odd', failedJobsHistoryLimit: -1 },
      [
        'spec.startingDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0',
        'spec.concurrencyPolicy: Unsupported value: "Odd": supported values: "Allow", "Forbid", "Replace"',
        'spec.failedJobsHistoryLimit: Invalid value: -1: must be greater than or equal to 0',
      ],
    ],
    [
      'for a selector of its Jobs',
      { jobTemplate: { spec: { ...jobTemplate.spec, selector: { matchLabels: { a: 'b' } }, manualSelector: true } } },
      [
        'spec.jobTemplate.spec.selector: Invalid value: {"matchLabels":{"a":"b"}}: `selector` will be auto-generated',
        'spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: "nil", "false"',
      ],
    ],
    [
      'for pods that never end',
      { jobTemplate: { spec: { template: { spec: { containers: [{ name: 'a', image: 'b' }] } } } } },
      ['spec.jobTemplate.spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
    ],
  ])('%s', (_, spec, messages) => {
    expect(texts(cronJobs.validateCreate!(of(spec)))).toEqual(messages);
  });

  test('for a name that leaves no room for a time', () => {
    const cronJob = of({});
    cronJob.metadata.name = 'x'.repeat(53);
    expect(texts(cronJobs.validateCreate!(cronJob))).toEqual([
      `metadata.name: Invalid value: "${'x'.repeat(53)}": must be no more than 52 characters`,
    ]);
    expect(cronJobs.validateUpdate!(cronJob, cronJob)).toEqual([]);
  });

  test('for two zones, where one was in the schedule before', () => {
    const old = of({ schedule: 'TZ=UTC 0 3 * * *' });
    expect(cronJobs.validateUpdate!(old, old)).toEqual([]);
    expect(texts(cronJobs.validateUpdate!(of({ schedule: old.spec.schedule, timeZone: 'UTC' }), old))).toEqual([
      'spec.schedule: Invalid value: "TZ=UTC 0 3 * * *": cannot use both timeZone field and TZ or CRON_TZ in schedule',
    ]);
  });
});

test('columns tell when it ran last', () => {
  const status = { lastScheduleTime: '2026-01-01T00:00:00Z', active: [{ name: 'nightly-1' }] };
  const nowMs = Date.parse('2026-01-01T00:03:00Z');
  const cells = (cronJob: CronJob) => cronJobs.columns!.map((column) => column.cell(cronJob, { nowMs }));
  expect(cells(of({ timeZone: 'Asia/Tokyo' }, status))).toEqual([
    'nightly',
    '0 3 * * *',
    'Asia/Tokyo',
    'False',
    1,
    '3m',
    '<unknown>',
    'a',
    'busybox',
    '<none>',
  ]);
  expect(cells(of({ suspend: true })).slice(2, 6)).toEqual(['<none>', 'True', 0, '<none>']);
});
