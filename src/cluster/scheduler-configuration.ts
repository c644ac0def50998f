/** The file that `--scheduler-config` names, read before the cluster starts. */
import type { KubeSchedulerConfiguration } from '#api/gen/kubescheduler-v1.js';
import { StatusError } from '#apimachinery/errors.js';
import type { SchedulerConfiguration } from '#scheduler/configuration.js';

/** Undefined where none is named. Throws ConfigurationError for a file that cannot be used. */
export async function openSchedulerConfiguration(
  path: string | undefined,
): Promise<SchedulerConfiguration | undefined> {
  if (!path) return undefined;
  const { ConfigurationError, readConfiguration, requireValidFile } = await import('#apiserver/configuration-file.js');
  const { configurationKind, configure } = await import('#scheduler/configuration.js');
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
