import { describe, expect, test } from 'vitest';
import type { Job, JobSpec, JobStatus } from '#api/gen/batch-v1.js';
import jobs from './index.js';

function created(spec: Partial<JobSpec>, status: JobStatus): Job {
  const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'a', image: 'busybox' }] } };
  const metadata = { name: 'sum', namespace: 'default', uid: 'u1' };
  const job: Job = { apiVersion: 'batch/v1', kind: 'Job', metadata, spec: { ...spec, template }, status };
  jobs.default!(job);
  jobs.prepareForCreate!(job);
  return job;
}

const texts = (errors: readonly { message: string }[] | undefined) => errors!.map(({ message }) => message);
const indexed = { completionMode: 'Indexed', completions: 5, parallelism: 2 };

describe('a status', () => {
  const [startTime, completionTime] = ['2026-01-01T00:00:00Z', '2026-01-01T00:05:00Z'];
  const is = (...types: string[]) => types.map((type) => ({ type, status: 'True' }));
  const complete = { startTime, completionTime, succeeded: 1, conditions: is('SuccessCriteriaMet', 'Complete') };
  const change = (before: JobStatus, now: JobStatus, spec: Partial<JobSpec> = {}) =>
    texts(jobs.validateStatusUpdate!(created(spec, now), created(spec, before)));

  test('may go from running to done, and to failed', () => {
    const conditions = is('SuccessCriteriaMet');
    expect(change({ startTime, active: 1 }, { startTime, conditions })).toEqual([]);
    expect(change({ startTime, conditions }, complete)).toEqual([]);
    const failing = { startTime, failed: 1, conditions: is('FailureTarget') };
    expect(change({ startTime }, failing)).toEqual([]);
    expect(change(failing, { ...failing, conditions: is('FailureTarget', 'Failed') })).toEqual([]);
  });

  test.each<[string, JobStatus, JobStatus, string[]]>([
    [
      'complete and failed at once',
      { startTime },
      { ...complete, conditions: is('Complete', 'Failed') },
      [
        'status.conditions: Invalid value: cannot set Complete=True and Failed=true conditions',
        'status.conditions: Invalid value: cannot set Failed=True condition without the FailureTarget=true condition',
        'status.conditions: Invalid value: cannot set Complete=True condition without the SuccessCriteriaMet=true condition',
      ],
    ],
    [
      'complete without a time, a beginning, or an end of its pods',
      { startTime, active: 1 },
      { active: 1, terminating: 1, ready: 2, succeeded: 1, conditions: complete.conditions },
      [
        'status.completionTime: Required value: completionTime is required for Complete jobs',
        'status.active: Invalid value: 1: active>0 is invalid for finished job',
        'status.startTime: Required value: startTime is required for finished job',
        'status.terminating: Invalid value: 1: terminating>0 is invalid for finished job',
        'status.ready: Invalid value: 2: cannot set more ready pods than active',
        'status.startTime: Invalid value: null: field is immutable for unsuspended job once set',
      ],
    ],
    [
      'complete before it began',
      { startTime },
      { ...complete, completionTime: '2025-01-01T00:00:00Z' },
      ['status.completionTime: Invalid value: "2025-01-01T00:00:00Z": must be equal to or after `startTime`'],
    ],
    [
      'ended while it runs',
      { startTime },
      { startTime, completionTime },
      [
        'status.completionTime: Invalid value: "2026-01-01T00:05:00Z": cannot set completionTime when there is no Complete=True condition',
      ],
    ],
    [
      'running again',
      complete,
      { startTime },
      [
        'status.conditions: Invalid value: cannot disable the terminal Complete=True condition',
        'status.succeeded: Invalid value: 0: cannot decrease the succeeded counter',
        'status.conditions: Invalid value: cannot disable the SuccessCriteriaMet=True condition',
      ],
    ],
    [
      'with pods still to be counted',
      { startTime },
      { ...complete, uncountedTerminatedPods: { succeeded: ['a', 'a'], failed: [''] } },
      [
        'status.uncountedTerminatedPods.succeeded[1]: Duplicate value: "a"',
        'status.uncountedTerminatedPods.failed[0]: Invalid value: "": must not be empty',
        'status.uncountedTerminatedPods: Invalid value: {"Succeeded":["a","a"],"Failed":[""]}: must be empty for finished job',
      ],
    ],
    [
      'with indexes that it has not',
      { startTime },
      { startTime, completedIndexes: '0', failedIndexes: '1' },
      [
        'status.completedIndexes: Invalid value: "0": cannot set non-empty completedIndexes when non-indexed completion mode',
        'status.failedIndexes: Invalid value: "1": cannot set non-null failedIndexes when backoffLimitPerIndex is null',
      ],
    ],
  ])('may not be %s', (_, before, now, messages) => {
    expect(change(before, now)).toEqual(messages);
  });

  test('may not have an index both completed and failed', () => {
    const now = { startTime, completedIndexes: '0-2', failedIndexes: '2,4' };
    expect(change({ startTime }, now, { ...indexed, backoffLimitPerIndex: 1 })).toEqual([
      'status.failedIndexes: Invalid value: "2,4": failedIndexes and completedIndexes overlap at index: 2',
    ]);
  });

  test('that is wrong already does not stop what has nothing to do with it', () => {
    const wrong = { startTime, ready: 3, active: 1 };
    expect(change(wrong, { ...wrong, failed: 1 })).toEqual([]);
  });
});
