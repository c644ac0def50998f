/** Puts policy and backends together as the settings say. Loaded only where a policy file is set. */
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import type { AuditCounts, AuditSink } from './audit.js';
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
  readonly counts: AuditCounts;
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
  const counts: AuditCounts = { events: 0, rejected: 0, levels: new Map(), errors: new Map() };
  const shared = { clock, log, counts };
  const sinks: AuditSink[] = [];
  if (file) sinks.push(delivered(openLogBackend({ ...file, ...shared }), file, shared));
  if (webhook) {
    const { configFile: path, initialBackoffMs } = webhook;
    sinks.push(delivered(await openAuditWebhook({ path, initialBackoffMs, ...shared }), webhook, shared));
  }
  const sink = all(sinks);
  return {
    counts,
    begin(received) {
      const verdict = evaluate(received.user, received.info);
      const level = verdict?.level ?? 'None';
      counts.levels.set(level, (counts.levels.get(level) ?? 0) + 1);
      return verdict && new AuditRecord({ received, verdict, sink, clock, counts });
    },
    close: () => sink.close(),
  };
}

function delivered(
  plain: Backend,
  { mode, batch, truncateBytes }: Delivery,
  { clock, log, counts }: { clock: Clock; log: Log; counts: AuditCounts },
): AuditSink {
  const backend = counting(plain, counts);
  const sink =
    mode === 'batch'
      ? new Batches({ backend, limits: batch, clock, log })
      : blocking(backend, { strict: mode === 'blocking-strict' });
  return truncateBytes ? truncating(sink, { eventBytesMax: truncateBytes, log }) : sink;
}

function counting(backend: Backend, { errors }: AuditCounts): Backend {
  const judge = (stored: boolean, count: number) => {
    if (!stored) errors.set(backend.name, (errors.get(backend.name) ?? 0) + count);
    return stored;
  };
  return {
    name: backend.name,
    store(events) {
      const stored = backend.store(events);
      return stored instanceof Promise
        ? stored.then((done) => judge(done, events.length))
        : judge(stored, events.length);
    },
    close: () => backend.close(),
  };
}
