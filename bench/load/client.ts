/** What the parts of the load have in common: connections, requests that must succeed, the objects they send. */
import { readFileSync } from 'node:fs';
import type { Clock } from '#base/clock.js';
import { Connection, type TlsAccess } from '../../test/connection.js';
import type { Figure } from '../figures.js';

/** From the suite to the client process. */
export interface LoadRequest {
  access: TlsAccess;
  /** What is measured, by its name in `main.ts`. */
  parts: readonly PartName[];
  /** Of the server, whose processor time is read from /proc. */
  pid: number;
  connections: number[];
  watchers: number[];
  durationMs: number;
}

export type PartName = 'requests' | 'watches' | 'fan-out' | 'lists' | 'large' | 'documents' | 'pods';

export interface Load {
  request: LoadRequest & { server: Server };
  clock: Clock;
  report(figure: Omit<Figure, 'suite'>): void;
}

export type Part = (load: Load) => Promise<void>;

export const collection = '/api/v1/namespaces/default/configmaps';
const payload = 'x'.repeat(1024);

export function configMap(name: string, mark = ''): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { payload: mark + payload } });
}

export function openMany(access: TlsAccess, count: number): Promise<Connection[]> {
  return Promise.all(Array.from({ length: count }, () => Connection.open(access)));
}

/** Throws for an answer that is no success. Gives the body. */
export async function ask(connection: Connection, method: string, path: string, body?: string): Promise<Buffer> {
  const reply = await connection.request(method, path, body);
  if (reply.code >= 300) throw new Error(`${method} ${path} answered ${reply.code}: ${reply.body}`);
  return reply.body;
}

/** Milliseconds that each of so many turns of the work takes. */
export async function timed(
  { clock }: Load,
  turns: number,
  work: (turn: number) => Promise<unknown>,
): Promise<number[]> {
  const samples: number[] = [];
  for (let turn = 0; turn < turns; turn++) {
    const sentMs = clock.monotonic();
    await work(turn);
    samples.push(clock.monotonic() - sentMs);
  }
  return samples;
}

/** A clock tick of /proc is 10 ms on every Linux that Node runs on. */
const tickMs = 10;

export class Server {
  readonly #pid: number;

  constructor(pid: number) {
    this.#pid = pid;
  }

  /** Processor time of all its threads so far; NaN where there is no /proc. */
  cpuMs(): number {
    const fields = this.#read('stat')
      ?.replace(/^.*\) /, '')
      .split(' ');
    return fields ? (Number(fields[11]) + Number(fields[12])) * tickMs : Number.NaN;
  }

  rssMb(): number {
    return Number(/VmRSS:\s+(\d+)/.exec(this.#read('status') ?? '')?.[1]) / 1024;
  }

  #read(file: string): string | undefined {
    try {
      return readFileSync(`/proc/${this.#pid}/${file}`, 'utf8');
    } catch {
      return undefined;
    }
  }
}
