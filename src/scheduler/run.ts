/** Runs the scheduler; where several may run, only while this one leads. */
import { hostname } from 'node:os';
import { uuid } from '#base/prng.js';
import { LeaderElector } from '#client/leader-election.js';
import { Scheduler, type SchedulerOptions } from './scheduler.js';

/** One that has lost the lead forgets all, and begins anew when it leads again. */
export async function runScheduler(options: SchedulerOptions, signal: AbortSignal): Promise<void> {
  const { configuration, client, clock, prng, log } = options;
  if (!configuration?.election) return await new Scheduler(options).run(signal);
  const identity = `${hostname()}_${uuid(prng)}`;
  const elector = new LeaderElector({ client, clock, prng, log, identity, ...configuration.election });
  while (!signal.aborted) await elector.lead(signal, (leading) => new Scheduler(options).run(leading));
}
