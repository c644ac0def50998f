/** One queue of a priority level: who waits in it, in order, and how far in virtual time its service has come. */
import type { Work } from './work.js';

/** One request from its arrival to its end. */
export interface Ticket {
  readonly schema: string;
  readonly flow: string;
  readonly arrivedMs: number;
  /** Undefined: it waits. */
  startedMs: number | undefined;
  readonly work: Work;
  /** Of both phases, in seat-seconds, by what a request takes on average. */
  readonly total: number;
  readonly seats: number;
  readonly arrivedR: number;
  readonly queue: TicketQueue | undefined;
  /** What it asks for, for those who look into the queues. */
  readonly about: unknown;
}

export class TicketQueue {
  /** In virtual time, when the next request may start. */
  nextR = 0;
  running = 0;
  seatsInUse = 0;
  workWaiting = 0;
  seatsWaiting = 0;
  readonly #waiting = new Set<Ticket>();

  get length(): number {
    return this.#waiting.size;
  }

  get isIdle(): boolean {
    return this.#waiting.size === 0 && this.running === 0;
  }

  get waiting(): Iterable<Ticket> {
    return this.#waiting;
  }

  get oldest(): Ticket | undefined {
    return this.#waiting.values().next().value;
  }

  push(ticket: Ticket): void {
    this.#waiting.add(ticket);
    this.workWaiting += ticket.total;
    this.seatsWaiting += ticket.seats;
  }

  remove(ticket: Ticket): void {
    if (!this.#waiting.delete(ticket)) return;
    this.workWaiting -= ticket.total;
    this.seatsWaiting -= ticket.seats;
  }

  /** No request starts before it came: a queue that was served less than it might have been saves nothing up. */
  bound(): void {
    const { oldest } = this;
    if (oldest && this.nextR < oldest.arrivedR) this.nextR = oldest.arrivedR;
  }
}
