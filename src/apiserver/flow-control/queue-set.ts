/**
 * The seats of one priority level, and its queues: requests run while there are seats, and wait in queues that are served
 * fairly, in virtual time. In it every queue that has work is served alike, so that a queue whose requests took much waits
 * while others catch up. https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/1040-priority-and-fairness
 */
import type { Clock, Timer } from '#base/clock.js';
import { dealHand, flowHash } from './dealer.js';
import type { SeatDemand } from './demand.js';
import { type Ticket, TicketQueue } from './ticket-queue.js';
import type { Work } from './work.js';

/** Undefined: nothing waits. */
export interface Queuing {
  queues: number;
  handSize: number;
  queueLength: number;
}

export type Limit = 'exempt' | 'reject' | Queuing;

export type RefusalReason = 'concurrency-limit' | 'queue-full' | 'time-out' | 'cancelled';

export class Refusal {
  readonly reason: RefusalReason;

  constructor(reason: RefusalReason) {
    this.reason = reason;
  }
}

export interface Arrival {
  schema: string;
  flow: string;
  work: Work;
  about: unknown;
  waitMs: number;
  /** Asked for only when the request must wait. */
  signal: () => AbortSignal;
}

/** What a request is taken to need before it has run, in seconds. */
const serviceEstimate = 0.003;
const handsMax = 4096;

interface Waiting extends Ticket {
  settle(outcome: Ticket | Refusal): void;
}

export class QueueSet {
  readonly #clock: Clock;
  readonly #demand: SeatDemand;
  readonly #hands = new Map<string, readonly number[]>();
  readonly #running = new Set<Ticket>();
  #limit: Limit = 'reject';
  #seatsMax = 0;
  #queues: TicketQueue[] = [];
  #active = 0;
  #seatsInUse = 0;
  #seatsWaiting = 0;
  #waiting = 0;
  #progress = 0;
  #syncedMs: number;
  #robin = 0;
  #arrivals = 0;
  readonly totals = { dispatched: 0, rejected: 0, timedOut: 0, cancelled: 0 };

  constructor({ clock, demand }: { clock: Clock; demand: SeatDemand }) {
    this.#clock = clock;
    this.#demand = demand;
    this.#syncedMs = clock.monotonic();
  }

  get isIdle(): boolean {
    return this.#waiting === 0 && this.#running.size === 0;
  }

  get figures() {
    const { size: executing } = this.#running;
    return { waiting: this.#waiting, executing, seatsInUse: this.#seatsInUse, seatsWaiting: this.#seatsWaiting };
  }

  get queues(): readonly TicketQueue[] {
    return this.#queues;
  }

  get running(): Iterable<Ticket> {
    return this.#running;
  }

  configure(limit: Limit): void {
    this.#sync();
    this.#limit = limit;
    this.#hands.clear();
    if (typeof limit !== 'string') {
      // Queues too many go when they are empty; nothing new is dealt to them.
      for (let at = this.#queues.length; at < limit.queues; at++) this.#queues.push(new TicketQueue());
    }
    this.#trim();
  }

  limitSeats(seats: number): void {
    this.#sync();
    this.#seatsMax = seats;
    this.#dispatch();
  }

  /** A promise only when the request must wait. */
  start(arrival: Arrival): Ticket | Refusal | Promise<Ticket | Refusal> {
    this.#sync();
    const limit = this.#limit;
    if (typeof limit !== 'string') return this.#startQueued(arrival, limit);
    if (!this.#hasRoom(seatsOf(arrival.work))) return this.#refuse('concurrency-limit');
    const ticket = this.#ticketOf(arrival, undefined);
    this.#run(ticket);
    return ticket;
  }

  /** The seats of what comes after the answer stay taken for a while. */
  finish(ticket: Ticket): void {
    const nowMs = this.#sync();
    const { queue, work } = ticket;
    this.#running.delete(ticket);
    if (queue) {
      queue.running--;
      this.#noteActivity(queue, true);
      const tookSeconds = (nowMs - ticket.startedMs!) / 1000;
      queue.nextR -= work.seats * (serviceEstimate - tookSeconds);
      queue.bound();
    }
    if (work.lingerMs <= 0) this.#release(ticket);
    else this.#clock.setTimer(work.lingerMs, () => this.#release(ticket));
  }

  #startQueued(arrival: Arrival, { queueLength }: Queuing): Ticket | Refusal | Promise<Ticket | Refusal> {
    const queue = this.#queueOf(arrival);
    if (this.#seatsInUse >= this.#seatsMax && queue.length >= queueLength) return this.#refuse('queue-full');
    if (queue.isIdle) queue.nextR = this.#progress;
    const ticket = this.#ticketOf(arrival, queue);
    if (this.#waiting === 0 && this.#seatsInUse < this.#seatsMax && this.#hasRoom(ticket.seats)) {
      this.#run(ticket);
      queue.nextR += ticket.total;
      return ticket;
    }
    return this.#wait(ticket, arrival);
  }

  #wait(ticket: Ticket, { waitMs, signal }: Arrival): Promise<Ticket | Refusal> {
    return new Promise((resolve) => {
      const left = signal();
      const giveUp = (reason: RefusalReason) => {
        this.#sync();
        this.#leaveQueue(waiting);
        waiting.queue!.bound();
        waiting.settle(this.#refuse(reason));
        this.#dispatch();
      };
      const gone = () => giveUp('cancelled');
      let timer: Timer | undefined;
      const waiting: Waiting = {
        ...ticket,
        settle: (outcome) => {
          timer?.cancel();
          left.removeEventListener('abort', gone);
          resolve(outcome);
        },
      };
      timer = this.#clock.setTimer(waitMs, () => giveUp('time-out'));
      left.addEventListener('abort', gone, { once: true });
      const wasActive = !waiting.queue!.isIdle;
      waiting.queue!.push(waiting);
      if (!wasActive) this.#active++;
      this.#waiting++;
      this.#seatsWaiting += waiting.seats;
      this.#noteDemand();
      waiting.queue!.bound();
      if (left.aborted) gone();
      else this.#dispatch();
    });
  }

  #dispatch(): void {
    while (this.#waiting > 0 && this.#seatsInUse < this.#seatsMax) {
      const next = this.#next();
      if (!next) return;
      this.#leaveQueue(next);
      this.#run(next);
      const queue = next.queue!;
      queue.nextR += next.total;
      queue.bound();
      next.settle(next);
    }
  }

  /** The oldest request of the queue that would be done first; undefined when there are not seats enough for it yet. */
  #next(): Waiting | undefined {
    let first: { request: Waiting; doneR: number; at: number } | undefined;
    for (let step = 1; step <= this.#queues.length; step++) {
      const at = (this.#robin + step) % this.#queues.length;
      const queue = this.#queues[at]!;
      const oldest = queue.oldest as Waiting | undefined;
      if (!oldest) continue;
      const doneR = queue.nextR + oldest.total;
      if (!first || doneR < first.doneR) first = { request: oldest, doneR, at };
    }
    if (!first || !this.#hasRoom(first.request.seats)) return undefined;
    this.#robin = first.at;
    return first.request;
  }

  #leaveQueue(ticket: Ticket): void {
    const queue = ticket.queue!;
    queue.remove(ticket);
    this.#noteActivity(queue, true);
    this.#waiting--;
    this.#seatsWaiting -= ticket.seats;
    this.#noteDemand();
  }

  #run(ticket: Ticket): void {
    const { queue, seats } = ticket;
    ticket.startedMs = this.#syncedMs;
    this.#running.add(ticket);
    this.#seatsInUse += seats;
    if (queue) {
      const wasActive = !queue.isIdle;
      queue.running++;
      queue.seatsInUse += seats;
      if (!wasActive) this.#active++;
    }
    this.totals.dispatched++;
    this.#noteDemand();
  }

  #release(ticket: Ticket): void {
    this.#sync();
    this.#seatsInUse -= ticket.seats;
    if (ticket.queue) ticket.queue.seatsInUse -= ticket.seats;
    this.#noteDemand();
    if (this.#waiting > 0) this.#dispatch();
    if (ticket.queue?.isIdle) this.#trim();
  }

  #refuse(reason: RefusalReason): Refusal {
    this.totals.rejected++;
    if (reason === 'cancelled') this.totals.cancelled++;
    if (reason === 'time-out') this.totals.timedOut++;
    return new Refusal(reason);
  }

  /** Wider than all seats together, a request runs alone. */
  #hasRoom(seats: number): boolean {
    if (this.#limit === 'exempt') return true;
    if (seats > this.#seatsMax) return this.#running.size === 0;
    return this.#seatsInUse + seats <= this.#seatsMax;
  }

  #queueOf({ schema, flow }: Arrival): TicketQueue {
    const hand = this.#handOf(schema, flow);
    const offset = this.#arrivals++ % hand.length;
    let best = this.#queues[hand[offset]!]!;
    if (this.#waiting === 0) return best;
    for (let at = 1; at < hand.length; at++) {
      const queue = this.#queues[hand[(offset + at) % hand.length]!]!;
      if (queue.workWaiting < best.workWaiting) best = queue;
    }
    return best;
  }

  #handOf(schema: string, flow: string): readonly number[] {
    const { queues, handSize } = this.#limit as Queuing;
    const key = `${schema}\u0000${flow}`;
    let hand = this.#hands.get(key);
    if (!hand) {
      if (this.#hands.size >= handsMax) this.#hands.clear();
      this.#hands.set(key, (hand = dealHand(flowHash(schema, flow), { deck: queues, size: handSize })));
    }
    return hand;
  }

  #ticketOf({ schema, flow, work, about }: Arrival, queue: TicketQueue | undefined): Ticket {
    const total = work.seats * serviceEstimate + (work.finalSeats * work.lingerMs) / 1000;
    const { seats, arrivedMs, arrivedR } = {
      seats: seatsOf(work),
      arrivedMs: this.#syncedMs,
      arrivedR: this.#progress,
    };
    return { schema, flow, work, about, total, seats, arrivedMs, arrivedR, startedMs: undefined, queue };
  }

  /** Virtual time goes on as fast as each busy queue is served. */
  #sync(): number {
    const nowMs = this.#clock.monotonic();
    if (this.#active > 0) {
      const wanted = Math.min(this.#seatsInUse + this.#seatsWaiting, this.#seatsMax);
      this.#progress += ((wanted / this.#active) * (nowMs - this.#syncedMs)) / 1000;
    }
    this.#syncedMs = nowMs;
    return nowMs;
  }

  #noteActivity(queue: TicketQueue, wasActive: boolean): void {
    if (wasActive && queue.isIdle) this.#active--;
  }

  #noteDemand(): void {
    this.#demand.set(this.#seatsInUse + this.#seatsWaiting, this.#syncedMs);
  }

  #trim(): void {
    const wanted = typeof this.#limit === 'string' ? 0 : this.#limit.queues;
    while (this.#queues.length > wanted && this.#queues.at(-1)!.isIdle) this.#queues.pop();
    if (this.#robin >= this.#queues.length) this.#robin = 0;
  }
}

function seatsOf({ seats, finalSeats }: Work): number {
  return Math.max(seats, finalSeats);
}
