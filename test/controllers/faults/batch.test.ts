/** Jobs run what they should, once, and CronJobs make one Job for a time, whatever the clocks say. */
import jobs from '#api/batch/job/index.js';
import pods from '#api/core/pod/index.js';
import { work } from './job-stories.js';
import { weather } from './storm.js';

weather('work is done once', { stories: [work], recorded: [jobs, pods], rounds: 25, calmMs: 7_200_000 });
