/** Runs the scheduler; where several may run, only while this one leads. */
import { hostname } from 'node:os';
import { uuid } from '#base/prng.js';
import { EventRecorder } from '#client/events.js';
import { type LeaderElectorOptions, type LeadersWork, runWhileLeading } from '#client/leader-election.js';
import { defaultElection } from './component-configuration.js';
import { Scheduler, type SchedulerOptions } from './scheduler.js';

/** How the process would have its leaders chosen, where the scheduler's configuration says nothing of it. */
export type ProcessElection = Pick<LeaderElectorOptions, 'identity' | 'leaseMs' | 'renewDeadlineMs' | 'retryMs'>;

/** One that has lost the lead forgets all, and begins anew when it leads again. */
export async function runScheduler(
  { election: given, ...options }: SchedulerOptions & { election?: ProcessElection },
  signal: AbortSignal,
): Promise<void> {
  const { configuration, client, clock, prng, log } = options;
  const election = configuration?.election ?? (given && { ...given, ...defaultElection });
  if (!election) return await new Scheduler(options).run(signal);
  const identity = given?.identity ?? `${hostname()}_${uuid(prng)}`;
  const recorder = new EventRecorder({ client, component: 'default-scheduler', clock, prng, log });
  const elector = { client, clock, prng, log, recorder, identity, ...election };
  const work: LeadersWork = (leading, fenced) => new Scheduler({ ...options, client: fenced(client) }).run(leading);
  await runWhileLeading(elector, signal, work).finally(() => recorder.close());
}
