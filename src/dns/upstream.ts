/** Asks the machine's own name servers about names that are not the cluster's, and remembers their answers briefly. */
import { createSocket, type Socket } from 'node:dgram';
import { connect } from 'node:net';
import packet, { type DecodedPacket, type Packet, type Question } from 'dns-packet';
import type { Clock } from '#base/clock.js';
import type { Prng } from '#base/prng.js';

export interface UpstreamOptions {
  /** In order of preference, `address` or `address:port`. None: every question fails. */
  servers: readonly string[];
  clock: Clock;
  prng: Prng;
}

/** No server answered in time, or none is known. */
export class UpstreamError extends Error {
  override readonly name = 'UpstreamError';
}

const timeoutMs = 2000;
const triesPerServer = 2;
const cacheEntriesMax = 2000;
const cacheMaxMs = 30_000;
const inFlightMax = 500;

export class Upstream {
  readonly #options: UpstreamOptions;
  readonly #cache = new Map<string, { answer: DecodedPacket; freshUntilMs: number }>();
  #inFlight = 0;

  constructor(options: UpstreamOptions) {
    this.#options = options;
  }

  /** The whole answer; its id is of no meaning. Throws UpstreamError. */
  async ask(question: Question): Promise<DecodedPacket> {
    const key = `${question.name.toLowerCase()} ${question.type} ${question.class ?? 'IN'}`;
    const known = this.#cache.get(key);
    if (known && known.freshUntilMs > this.#options.clock.now()) return known.answer;
    if (this.#inFlight >= inFlightMax) throw new UpstreamError('too many questions are under way');
    this.#inFlight++;
    try {
      const answer = await this.#askAll(question);
      this.#remember(key, answer);
      return answer;
    } finally {
      this.#inFlight--;
    }
  }

  async #askAll(question: Question): Promise<DecodedPacket> {
    let last: unknown = new UpstreamError('no upstream name server is known');
    for (let attempt = 0; attempt < triesPerServer; attempt++) {
      for (const server of this.#options.servers) {
        try {
          const answer = await this.#askByUdp(server, question);
          return answer.flag_tc ? await this.#askByTcp(server, question) : answer;
        } catch (error) {
          last = error;
        }
      }
    }
    throw last instanceof UpstreamError ? last : new UpstreamError(String(last), { cause: last });
  }

  #query(question: Question): { id: number; query: Packet } {
    const id = this.#options.prng.uint32() & 0xffff;
    return { id, query: { type: 'query', id, flags: packet.RECURSION_DESIRED, questions: [question] } };
  }

  #askByUdp(server: string, question: Question): Promise<DecodedPacket> {
    const { host, port } = splitServer(server);
    const { id, query } = this.#query(question);
    return new Promise((resolve, reject) => {
      const socket: Socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
      const end = (settle: () => void) => {
        timer.cancel();
        socket.close();
        settle();
      };
      const timer = this.#options.clock.setTimer(timeoutMs, () =>
        end(() => reject(new UpstreamError(`name server ${server} does not answer`))),
      );
      socket.on('error', (error) => end(() => reject(error)));
      socket.on('message', (bytes) => {
        const answer = decodeAnswer(bytes, id);
        if (answer) end(() => resolve(answer)); // another id is a stray or forged answer: go on waiting
      });
      // Connected, so that the kernel drops answers from anyone else.
      socket.connect(port, host, () => socket.send(packet.encode(query)));
    });
  }

  #askByTcp(server: string, question: Question): Promise<DecodedPacket> {
    const { host, port } = splitServer(server);
    const { id, query } = this.#query(question);
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      const socket = connect({ host, port }, () => socket.write(packet.streamEncode(query)));
      const timer = this.#options.clock.setTimer(timeoutMs, () =>
        socket.destroy(new UpstreamError(`name server ${server} does not answer`)),
      );
      socket.on('data', (chunk) => {
        chunks.push(chunk);
        const bytes = Buffer.concat(chunks);
        if (bytes.length < 2 || bytes.length < 2 + bytes.readUInt16BE(0)) return;
        const answer = decodeAnswer(bytes.subarray(2), id);
        if (answer) resolve(answer);
        socket.destroy();
      });
      socket.on('error', reject);
      socket.on('close', () => {
        timer.cancel();
        reject(new UpstreamError(`name server ${server} closed the connection`));
      });
    });
  }

  #remember(key: string, answer: DecodedPacket): void {
    const ttls = (answer.answers ?? []).map((record) => ('ttl' in record ? (record.ttl ?? 0) : 0));
    const lifeMs = Math.min(Math.min(...ttls, cacheMaxMs / 1000) * 1000, cacheMaxMs);
    if (ttls.length === 0 || lifeMs <= 0) return;
    if (this.#cache.size >= cacheEntriesMax) this.#cache.delete(this.#cache.keys().next().value!);
    this.#cache.set(key, { answer, freshUntilMs: this.#options.clock.now() + lifeMs });
  }
}

function decodeAnswer(bytes: Buffer, id: number): DecodedPacket | undefined {
  try {
    const answer = packet.decode(bytes);
    return answer.id === id && answer.type === 'response' ? answer : undefined;
  } catch {
    return undefined; // not a DNS message: someone else's noise on our port
  }
}

function splitServer(server: string): { host: string; port: number } {
  const match = /^(?:\[(.+)\]|([^:]+)):(\d+)$/.exec(server);
  return match ? { host: (match[1] ?? match[2])!, port: Number(match[3]) } : { host: server, port: 53 };
}

/** The name servers of a resolv.conf. */
export function nameservers(resolvConf: string): string[] {
  return [...resolvConf.matchAll(/^\s*nameserver\s+(\S+)/gm)].map(([, address]) => address!);
}
