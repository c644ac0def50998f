/** Jobs run what they should, once, and CronJobs make one Job for a time, whatever the clocks say. */
import cronJobs from '#api/batch/cronjob.js';
import jobs from '#api/batch/job/index.js';
import pods from '#api/core/pod/index.js';
import { clockChangesMs, schedules } from './cronjob-stories.js';
import { work } from './job-stories.js';
import { weather } from './storm.js';

weather('work is done once', { stories: [work], recorded: [jobs, pods], rounds: 15, calmMs: 7_200_000 });

const stories = [schedules('Allow'), schedules('Forbid'), schedules('Replace')];
weather('each time has one Job', {
  stories,
  recorded: [cronJobs, jobs],
  startsMs: clockChangesMs,
  rounds: 15,
  calmMs: 7_200_000,
});
