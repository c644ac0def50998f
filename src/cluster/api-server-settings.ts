/**
 * The settings of the API server that kube-apiserver has too, by the names that it gives its flags.
 * https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/
 */
import { resolve } from 'node:path';
import { parseDuration } from '#apimachinery/codec/time.js';
import { ConfigError, oneOf, type Setting, wholeNumber } from './setting.js';

export interface ApiServerSettings {
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

const count = 1_000_000_000;
const modes = ['batch', 'blocking', 'blocking-strict'];

export const apiServerSettings: Record<keyof ApiServerSettings, Setting> = {
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

function named(name: string, value: string, help: string): Pick<Setting, 'flag' | 'env' | 'help'> {
  return { flag: `--${name} <${value}>`, env: `T8S_${name.toUpperCase().replaceAll('-', '_')}`, help };
}

function text(name: string, help: string): Setting {
  return { ...named(name, 'text', help), parse: (given) => given };
}

function file(name: string, help: string): Setting {
  return { ...named(name, 'file', help), parse: (given) => resolve(given) };
}

function number(name: string, fallback: number, help: string): Setting {
  return { ...named(name, 'number', help), parse: wholeNumber({ name, min: 0, max: count }), default: fallback };
}

function choice(name: string, values: readonly string[], fallback: string, help: string): Setting {
  return { ...named(name, values.join('|'), help), parse: oneOf(name, values), default: fallback };
}

/** In milliseconds, from Go's form: `1m30s`. */
function duration(name: string, fallback: string, help: string): Setting {
  const parse = (given: string) => {
    try {
      return Number(parseDuration(given) / 1_000_000n);
    } catch (error) {
      throw new ConfigError(`--${name} must be a duration such as 1m30s: ${(error as Error).message}`);
    }
  };
  return { ...named(name, 'duration', help), parse, default: parse(fallback) };
}

/** `--x` alone says true. */
function flag(name: string, fallback: boolean, help: string): Setting {
  const parse = (given: string) => {
    if (given !== 'true' && given !== 'false') throw new ConfigError(`--${name} must be true or false`);
    return given === 'true';
  };
  return { ...named(name, 'true|false', help), flag: `--${name} [true|false]`, parse, default: fallback };
}
