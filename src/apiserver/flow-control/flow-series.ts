/** What is counted of the requests of one flow schema. */
import type { RefusalReason } from './queue-set.js';
import type { Ticket } from './ticket-queue.js';

export interface FlowSeries {
  started(ticket: Ticket): void;
  ended(ticket: Ticket, at: { nowMs: number; isWatch: boolean }): void;
  refused(reason: RefusalReason): void;
}
