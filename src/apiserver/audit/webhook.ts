/** The webhook backend: events are posted as an EventList to the server that a kubeconfig names. */
import type { EventList } from '#api/gen/audit-v1.js';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import { openRemote } from '../remote.js';
import type { Backend } from './sinks.js';

export interface AuditWebhookOptions {
  /** Of a kubeconfig. */
  path: string;
  initialBackoffMs: number;
  clock: Clock;
  log: Log;
}

/** Upstream's: five attempts, each waiting half as long again. */
const attemptsMax = 5;
const backoffFactor = 1.5;
const timeoutMs = 30_000;

export async function openAuditWebhook({ path, initialBackoffMs, clock, log }: AuditWebhookOptions): Promise<Backend> {
  const remote = await openRemote(path, { clock });
  const stop = new AbortController();
  return {
    name: 'webhook',
    async store(events) {
      const list: EventList = { kind: 'EventList', apiVersion: 'audit.k8s.io/v1', metadata: {}, items: [...events] };
      let backoffMs = initialBackoffMs;
      let failure: unknown;
      for (let attempt = 1; attempt <= attemptsMax; attempt++) {
        try {
          const { status, text } = await remote.request({ method: 'POST', body: list, timeoutMs });
          if (status < 300) return true;
          failure = new Error(`HTTP status ${status}: ${text.slice(0, 200)}`);
        } catch (error) {
          failure = error;
        }
        if (attempt === attemptsMax || stop.signal.aborted) break;
        await clock.sleep(backoffMs, stop.signal).catch(() => {});
        backoffMs *= backoffFactor;
      }
      log.error('audit events could not be sent', { path, count: events.length, err: failure });
      return false;
    },
    async close() {
      stop.abort();
      remote.close();
    },
  };
}
