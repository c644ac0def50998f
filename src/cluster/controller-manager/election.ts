/**
 * Who leads, where several control planes have one store: kube-controller-manager's flags, which count for the scheduler
 * too as far as its own configuration says nothing.
 * https://kubernetes.io/docs/concepts/architecture/leases/#leader-election
 */
import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { electionProblem, type LeaderElectorOptions } from '#client/leader-election.js';
import { ConfigError, duration, flag, type Setting, text } from '../setting.js';

export type Election = Required<
  Pick<LeaderElectorOptions, 'identity' | 'name' | 'namespace' | 'leaseMs' | 'renewDeadlineMs' | 'retryMs'>
>;

/** Periods in milliseconds. */
export interface ElectionFlags {
  leaderElect: boolean;
  leaderElectLeaseDuration: number;
  leaderElectRenewDeadline: number;
  leaderElectRetryPeriod: number;
  leaderElectResourceName: string;
  leaderElectResourceNamespace: string;
}

export const electionSettings: Record<keyof ElectionFlags, Setting> = {
  leaderElect: flag('leader-elect', true, 'controllers and scheduler work only while they hold a Lease'),
  leaderElectLeaseDuration: duration(
    'leader-elect-lease-duration',
    '15s',
    'for how long others wait after the last renewal of a Lease',
  ),
  leaderElectRenewDeadline: duration(
    'leader-elect-renew-deadline',
    '10s',
    'for how long a leader tries to renew before it stops',
  ),
  leaderElectRetryPeriod: duration('leader-elect-retry-period', '2s', 'how often a Lease is renewed or asked for'),
  leaderElectResourceName: {
    ...text('leader-elect-resource-name', "the name of the controllers' Lease"),
    default: 'kube-controller-manager',
  },
  leaderElectResourceNamespace: {
    ...text('leader-elect-resource-namespace', 'the namespace of that Lease'),
    default: 'kube-system',
  },
};

function periodsOf(flags: ElectionFlags): Pick<Election, 'leaseMs' | 'renewDeadlineMs' | 'retryMs'> {
  return {
    leaseMs: flags.leaderElectLeaseDuration,
    renewDeadlineMs: flags.leaderElectRenewDeadline,
    retryMs: flags.leaderElectRetryPeriod,
  };
}

/** Throws ConfigError. */
export function checkElection(flags: ElectionFlags): void {
  const problem = electionProblem(periodsOf(flags));
  if (problem) throw new ConfigError(`--leader-elect-lease-duration: ${problem}`);
}

/**
 * The identity is the same after a restart: whoever starts on this directory is alone there, and need not wait for the
 * Lease that a process held which was killed.
 */
export function electionOf(flags: ElectionFlags, { dataDir }: { dataDir: string }): Election | undefined {
  if (!flags.leaderElect) return undefined;
  const hex = createHash('sha256').update(`${hostname()}:${dataDir}`).digest('hex');
  const id = /^(.{8})(.{4})(.{4})(.{4})(.{12})/.exec(hex)!.slice(1).join('-');
  return {
    identity: `${hostname()}_${id}`,
    name: flags.leaderElectResourceName,
    namespace: flags.leaderElectResourceNamespace,
    ...periodsOf(flags),
  };
}
