/** What the settings of the API server name in files, opened before it starts; what is not set is not loaded. */
import type { OpenAuditor } from '#apiserver/audit/open.js';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import type { ApiServerSettings } from './api-server-settings.js';

export interface ApiServerFiles {
  audit?: OpenAuditor;
}

const dayMs = 24 * 3600 * 1000;
const megabyte = 2 ** 20;

/** Throws ConfigurationError or KubeconfigError for a file that cannot be used. */
export async function openApiServerFiles(
  settings: ApiServerSettings,
  environment: { clock: Clock; log: Log },
): Promise<ApiServerFiles> {
  return { audit: await openAudit(settings, environment) };
}

async function openAudit(
  settings: ApiServerSettings,
  environment: { clock: Clock; log: Log },
): Promise<OpenAuditor | undefined> {
  const { auditPolicyFile: policyFile, auditLogPath, auditWebhookConfigFile: configFile } = settings;
  // Without a policy nothing is recorded, and without a place for it neither: as upstream.
  if (!policyFile || !(auditLogPath || configFile)) return undefined;
  const { openAuditor } = await import('#apiserver/audit/open.js');
  return openAuditor(
    {
      policyFile,
      log: auditLogPath
        ? {
            path: auditLogPath,
            format: settings.auditLogFormat,
            bytesMax: settings.auditLogMaxsize * megabyte,
            backupsMax: settings.auditLogMaxbackup,
            ageMaxMs: settings.auditLogMaxage * dayMs,
            compress: settings.auditLogCompress,
            mode: settings.auditLogMode,
            batch: {
              bufferSize: settings.auditLogBatchBufferSize,
              batchSizeMax: settings.auditLogBatchMaxSize,
              batchWaitMs: settings.auditLogBatchMaxWait,
            },
            truncateBytes: settings.auditLogTruncateEnabled ? settings.auditLogTruncateMaxEventSize : undefined,
          }
        : undefined,
      webhook: configFile
        ? {
            configFile,
            initialBackoffMs: settings.auditWebhookInitialBackoff,
            mode: settings.auditWebhookMode,
            batch: webhookBatch(settings),
            truncateBytes: settings.auditWebhookTruncateEnabled ? settings.auditWebhookTruncateMaxEventSize : undefined,
          }
        : undefined,
    },
    environment,
  );
}

function webhookBatch(settings: ApiServerSettings) {
  const throttle = {
    perSecond: settings.auditWebhookBatchThrottleQps,
    burst: settings.auditWebhookBatchThrottleBurst,
  };
  return {
    bufferSize: settings.auditWebhookBatchBufferSize,
    batchSizeMax: settings.auditWebhookBatchMaxSize,
    batchWaitMs: settings.auditWebhookBatchMaxWait,
    throttle: settings.auditWebhookBatchThrottleEnable ? throttle : undefined,
  };
}
