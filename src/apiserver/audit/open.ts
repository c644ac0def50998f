/** Puts policy and backends together as the settings say. Loaded only where a policy file is set. */
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import type { AuditSink } from './audit.js';
import { type LogFileOptions, openLogBackend } from './log.js';
import { readAuditPolicy } from './policy.js';
import { type Auditor, AuditRecord } from './record.js';
import { all, type Backend, Batches, type BatchLimits, blocking, type Mode, truncating } from './sinks.js';
import { openAuditWebhook } from './webhook.js';

export interface Delivery {
  mode: Mode;
  batch: BatchLimits;
  /** Left out: events of any size. */
  truncateBytes?: number;
}

export interface AuditOptions {
  policyFile: string;
  log?: Omit<LogFileOptions, 'clock' | 'log'> & Delivery;
  webhook?: { configFile: string; initialBackoffMs: number } & Delivery;
}

export interface OpenAuditor extends Auditor {
  /** Resolves when all events have been passed on, as far as that is possible. */
  close(): Promise<void>;
}

/** Throws ConfigurationError, or the system's error for files that cannot be opened. */
export async function openAuditor(
  { policyFile, log: file, webhook }: AuditOptions,
  { clock, log }: { clock: Clock; log: Log },
): Promise<OpenAuditor> {
  const { evaluate, warnings } = await readAuditPolicy(policyFile);
  for (const warning of warnings) log.warn('audit policy', { file: policyFile, warning });
  const shared = { clock, log };
  const sinks: AuditSink[] = [];
  if (file) sinks.push(delivered(openLogBackend({ ...file, ...shared }), file, shared));
  if (webhook) {
    const { configFile: path, initialBackoffMs } = webhook;
    sinks.push(delivered(await openAuditWebhook({ path, initialBackoffMs, ...shared }), webhook, shared));
  }
  const sink = all(sinks);
  return {
    begin(received) {
      const verdict = evaluate(received.user, received.info);
      return verdict && new AuditRecord({ received, verdict, sink, clock });
    },
    close: () => sink.close(),
  };
}

function delivered(
  backend: Backend,
  { mode, batch, truncateBytes }: Delivery,
  { clock, log }: { clock: Clock; log: Log },
): AuditSink {
  const sink =
    mode === 'batch'
      ? new Batches({ backend, limits: batch, clock, log })
      : blocking(backend, { strict: mode === 'blocking-strict' });
  return truncateBytes ? truncating(sink, { eventBytesMax: truncateBytes, log }) : sink;
}
