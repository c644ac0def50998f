/** How the scheduler is configured: by the file that `--scheduler-config` names, or by the library's user. */
import type { KubeSchedulerConfiguration } from '#api/gen/kubescheduler-v1.js';
import { StatusError } from '#apimachinery/errors.js';
import { configure, type SchedulerConfiguration } from '#scheduler/configuration.js';
import type { Plugin } from '#scheduler/framework.js';

export type { Plugin as SchedulerPlugin } from '#scheduler/framework.js';

export interface SchedulerSettings {
  /** What is left out has upstream's defaults. */
  configuration?: Partial<KubeSchedulerConfiguration>;
  /** More plugins; the configuration's profiles enable them by name. */
  plugins?: readonly Plugin[];
}

/** Throws RangeError for what cannot be configured so, StatusError for arguments of plugins that have no such form. */
export function schedulerConfigurationOf({ configuration = {}, plugins }: SchedulerSettings): SchedulerConfiguration {
  const given = { apiVersion: 'kubescheduler.config.k8s.io/v1', kind: 'KubeSchedulerConfiguration', ...configuration };
  const configured = configure(given, { plugins });
  if (Array.isArray(configured)) throw new RangeError(configured.map(({ message }) => message).join(', '));
  return configured;
}

/** Undefined where none is named. Throws ConfigurationError for a file that cannot be used. */
export async function openSchedulerConfiguration(
  path: string | undefined,
): Promise<SchedulerConfiguration | undefined> {
  if (!path) return undefined;
  const { ConfigurationError, readConfiguration, requireValidFile } = await import('#apiserver/configuration-file.js');
  const { configurationKind } = await import('#scheduler/configuration.js');
  const { value } = await readConfiguration<KubeSchedulerConfiguration>(path, configurationKind);
  try {
    const configured = configure(value);
    if (!Array.isArray(configured)) return configured;
    requireValidFile(path, configured);
    return undefined;
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    throw new ConfigurationError(`${path}: ${error.message}`, { cause: error });
  }
}
