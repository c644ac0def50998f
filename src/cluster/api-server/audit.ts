/** The settings of auditing, by the names of kube-apiserver's flags, and the auditor that they ask for. */
import { resolve } from 'node:path';
import type { OpenAuditor } from '#apiserver/audit/open.js';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import { choice, duration, file, flag, number, type Setting, text } from '../setting.js';

export interface AuditSettings {
  auditPolicyFile: string | undefined;
  auditLogPath: string | undefined;
  auditLogFormat: 'json' | 'legacy';
  auditLogMaxage: number;
  auditLogMaxbackup: number;
  auditLogMaxsize: number;
  auditLogCompress: boolean;
  auditLogMode: 'batch' | 'blocking' | 'blocking-strict';
  auditLogBatchBufferSize: number;
  auditLogBatchMaxSize: number;
  auditLogBatchMaxWait: number;
  auditLogTruncateEnabled: boolean;
  auditLogTruncateMaxEventSize: number;
  auditWebhookConfigFile: string | undefined;
  auditWebhookInitialBackoff: number;
  auditWebhookMode: 'batch' | 'blocking' | 'blocking-strict';
  auditWebhookBatchBufferSize: number;
  auditWebhookBatchMaxSize: number;
  auditWebhookBatchMaxWait: number;
  auditWebhookBatchThrottleEnable: boolean;
  auditWebhookBatchThrottleQps: number;
  auditWebhookBatchThrottleBurst: number;
  auditWebhookTruncateEnabled: boolean;
  auditWebhookTruncateMaxEventSize: number;
}

const modes = ['batch', 'blocking', 'blocking-strict'];

export const auditSettings: Record<keyof AuditSettings, Setting> = {
  auditPolicyFile: file('audit-policy-file', 'what to record of requests (audit.k8s.io/v1 Policy)'),
  auditLogPath: {
    ...text('audit-log-path', 'record requests in this file; - is standard output'),
    parse: (path) => (path === '-' ? path : resolve(path)),
  },
  auditLogFormat: choice('audit-log-format', ['json', 'legacy'], 'json', 'the form of the lines'),
  auditLogMaxage: number('audit-log-maxage', 366, 'keep old audit logs for so many days; 0 for ever'),
  auditLogMaxbackup: number('audit-log-maxbackup', 100, 'keep so many old audit logs; 0 all'),
  auditLogMaxsize: number('audit-log-maxsize', 100, 'begin a new audit log after so many megabytes; 0 never'),
  auditLogCompress: flag('audit-log-compress', false, 'compress old audit logs'),
  auditLogMode: choice('audit-log-mode', modes, 'blocking', 'whether requests wait for the log'),
  auditLogBatchBufferSize: number('audit-log-batch-buffer-size', 10_000, 'events kept for the log in batch mode'),
  auditLogBatchMaxSize: number('audit-log-batch-max-size', 1, 'events written at once in batch mode'),
  auditLogBatchMaxWait: duration('audit-log-batch-max-wait', '0s', 'events wait no longer than this in batch mode'),
  auditLogTruncateEnabled: flag('audit-log-truncate-enabled', false, 'take the objects out of large events'),
  auditLogTruncateMaxEventSize: number('audit-log-truncate-max-event-size', 102_400, 'of events in bytes'),
  auditWebhookConfigFile: file('audit-webhook-config-file', 'a kubeconfig that names where to send events'),
  auditWebhookInitialBackoff: duration('audit-webhook-initial-backoff', '10s', 'wait before sending events again'),
  auditWebhookMode: choice('audit-webhook-mode', modes, 'batch', 'whether requests wait for the webhook'),
  auditWebhookBatchBufferSize: number('audit-webhook-batch-buffer-size', 10_000, 'events kept for the webhook'),
  auditWebhookBatchMaxSize: number('audit-webhook-batch-max-size', 400, 'events sent at once'),
  auditWebhookBatchMaxWait: duration('audit-webhook-batch-max-wait', '30s', 'events wait no longer than this'),
  auditWebhookBatchThrottleEnable: flag('audit-webhook-batch-throttle-enable', true, 'bound the batches in a second'),
  auditWebhookBatchThrottleQps: number('audit-webhook-batch-throttle-qps', 10, 'batches in a second on average'),
  auditWebhookBatchThrottleBurst: number('audit-webhook-batch-throttle-burst', 15, 'batches sent in a row'),
  auditWebhookTruncateEnabled: flag('audit-webhook-truncate-enabled', false, 'take the objects out of large events'),
  auditWebhookTruncateMaxEventSize: number('audit-webhook-truncate-max-event-size', 102_400, 'of events in bytes'),
};

const dayMs = 24 * 3600 * 1000;
const megabyte = 2 ** 20;

/** Undefined where nothing is to be recorded. Throws ConfigurationError or KubeconfigError for a file that cannot be used. */
export async function openAudit(
  settings: AuditSettings,
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

function webhookBatch(settings: AuditSettings) {
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
