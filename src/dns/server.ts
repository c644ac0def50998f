/** The cluster's DNS server: UDP and TCP, answers of its own zone from informers, the rest from upstream. */
import type { Socket as UdpSocket } from 'node:dgram';
import type { Server, Socket } from 'node:net';
import packet, { type DecodedPacket, type Packet, type Answer as PacketAnswer, type Question } from 'dns-packet';
import namespaces from '#api/core/namespace.js';
import services from '#api/core/service.js';
import endpointSlices from '#api/discovery/endpointslice.js';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import type { Prng } from '#base/prng.js';
import type { Client } from '#client/client.js';
import { InformerFactory } from '#client/informer.js';
import { type DnsRecord, resolve, ttlSeconds, type ZoneData } from './records.js';
import { openDnsSockets } from './sockets.js';
import { Upstream } from './upstream.js';

export interface DnsServerOptions {
  client: Client;
  clock: Clock;
  prng: Prng;
  log: Log;
  domain: string;
  /** The machine's name servers. */
  upstream: readonly string[];
}

/** Without EDNS a client takes 512 bytes by UDP (RFC 1035); with it, what it says, up to what passes unfragmented. */
const plainUdpBytesMax = 512;
const udpBytesMax = 1232;
const tcpConnectionsMax = 200;
const tcpIdleMs = 10_000;

export class DnsServer {
  readonly #options: DnsServerOptions;
  readonly #informers: InformerFactory;
  readonly #upstream: Upstream;
  readonly #zone: ZoneData;
  #udp: UdpSocket | undefined;
  #tcp: Server | undefined;

  constructor(options: DnsServerOptions) {
    this.#options = options;
    this.#informers = new InformerFactory(options);
    this.#upstream = new Upstream({ servers: options.upstream, ...options });
    this.#zone = this.#zoneData();
  }

  /** Resolves when names of the cluster can be answered. Rejects when the port cannot be had. */
  async listen({ address, port, signal }: { address: string; port: number; signal: AbortSignal }): Promise<number> {
    this.#informers.start(signal);
    const { udp, tcp, port: bound } = await openDnsSockets({ address, port }, (socket) => this.#serveTcp(socket));
    this.#udp = udp;
    this.#tcp = tcp;
    tcp.maxConnections = tcpConnectionsMax;
    udp.on('error', (err) => this.#options.log.warn('DNS socket', { err }));
    udp.on('message', (bytes, from) => {
      void this.#answerUdp(bytes, (reply) => udp.send(reply, from.port, from.address));
    });
    await this.#informers.synced();
    return bound;
  }

  async close(): Promise<void> {
    await new Promise<void>((done) => (this.#udp ? this.#udp.close(() => done()) : done()));
    await new Promise<void>((done) => (this.#tcp ? this.#tcp.close(() => done()) : done()));
    await this.#informers.stopped();
  }

  /** The reply to a decoded query: what both transports send. Never rejects: trouble is a SERVFAIL. */
  async reply(query: DecodedPacket): Promise<Packet> {
    const [question] = query.questions ?? [];
    const recursion = (query.flags ?? 0) & packet.RECURSION_DESIRED;
    const base: Packet = { type: 'response', id: query.id, questions: query.questions ?? [] };
    if (!question || query.questions!.length !== 1 || (query as Coded).opcode !== 'QUERY') {
      return { ...base, flags: recursion | rcodes.FORMERR };
    }
    try {
      return await this.#resolve(question, { base, recursion });
    } catch (err) {
      this.#options.log.debug('DNS question not answered', { question: question.name, err });
      return { ...base, flags: recursion | packet.RECURSION_AVAILABLE | rcodes.SERVFAIL };
    }
  }

  async #resolve(question: Question, { base, recursion }: { base: Packet; recursion: number }): Promise<Packet> {
    const own = question.class === 'IN' || !question.class ? resolve(question, this.#zone) : undefined;
    const flags = recursion | packet.RECURSION_AVAILABLE;
    if (!own) {
      const outside: Coded = await this.#upstream.ask(question);
      const { answers = [], authorities = [], rcode } = outside;
      return { ...base, flags: flags | (rcodes[rcode as keyof typeof rcodes] ?? 0), answers, authorities };
    }
    const answers: PacketAnswer[] = own.answers.map(toPacket);
    if (own.chase) {
      const outside = await this.#upstream.ask({ ...question, name: own.chase });
      answers.push(...(outside.answers ?? []));
    }
    return {
      ...base,
      flags: flags | packet.AUTHORITATIVE_ANSWER | rcodes[own.code],
      answers,
      authorities: own.answers.length === 0 ? [this.#startOfAuthority()] : [],
      additionals: own.additionals.map(toPacket),
    };
  }

  /** Lets resolvers remember that there is nothing (RFC 2308). */
  #startOfAuthority(): PacketAnswer {
    const { domain, clock } = this.#options;
    return {
      type: 'SOA',
      name: domain,
      ttl: ttlSeconds,
      data: {
        mname: `ns.dns.${domain}`,
        rname: `hostmaster.${domain}`,
        serial: Math.floor(clock.now() / 1000),
        refresh: 7200,
        retry: 1800,
        expire: 86_400,
        minimum: ttlSeconds,
      },
    };
  }

  async #answerUdp(bytes: Buffer, send: (reply: Buffer) => void): Promise<void> {
    const query = decodeQuery(bytes);
    if (!query) return;
    const reply = await this.reply(query);
    const edns = query.additionals?.find((one) => one.type === 'OPT');
    const bytesMax = edns ? Math.min(Math.max(edns.udpPayloadSize, plainUdpBytesMax), udpBytesMax) : plainUdpBytesMax;
    if (edns) reply.additionals = [...(reply.additionals ?? []), optRecord()];
    send(encodeWithin(reply, bytesMax));
  }

  #serveTcp(socket: Socket): void {
    let pending = Buffer.alloc(0);
    socket.setTimeout(tcpIdleMs, () => socket.destroy());
    socket.on('error', () => socket.destroy()); // the peer went away
    socket.on('data', async (chunk) => {
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
        const length = pending.readUInt16BE(0);
        const query = decodeQuery(pending.subarray(2, 2 + length));
        pending = pending.subarray(2 + length);
        if (!query) {
          socket.destroy();
          return;
        }
        const reply = await this.reply(query);
        if (socket.writable) socket.write(packet.streamEncode(reply));
      }
    });
  }

  #zoneData(): ZoneData {
    const namespaceInformer = this.#informers.of(namespaces);
    const serviceInformer = this.#informers.of(services);
    const sliceInformer = this.#informers.of(endpointSlices);
    serviceInformer.addIndex('clusterIP', ({ spec }) => spec.clusterIPs ?? []);
    sliceInformer.addIndex('service', ({ metadata }) => {
      const owner = metadata.labels?.['kubernetes.io/service-name'];
      return owner ? [`${metadata.namespace}/${owner}`] : [];
    });
    sliceInformer.addIndex('endpoint', ({ endpoints }) => (endpoints ?? []).flatMap((endpoint) => endpoint.addresses));
    return {
      domain: this.#options.domain,
      namespaceExists: (name) => namespaceInformer.get(name) !== undefined,
      service: (namespace, name) => serviceInformer.get(`${namespace}/${name}`),
      slices: (namespace, service) => sliceInformer.byIndex('service', `${namespace}/${service}`),
      serviceByIp: (ip) => serviceInformer.byIndex('clusterIP', ip)[0],
      slicesByIp: (ip) => sliceInformer.byIndex('endpoint', ip),
    };
  }
}

/** dns-packet decodes these too; its types do not say so. */
type Coded = DecodedPacket & { opcode?: string; rcode?: string };

/** RFC 1035 section 4.1.1. */
const rcodes = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 };

function decodeQuery(bytes: Buffer): DecodedPacket | undefined {
  try {
    const query = packet.decode(bytes);
    return query.type === 'query' ? query : undefined;
  } catch {
    return undefined; // not a DNS message; there is nobody to tell
  }
}

function toPacket(record: DnsRecord): PacketAnswer {
  return { ...record, class: 'IN' } as PacketAnswer;
}

function optRecord(): PacketAnswer {
  return {
    type: 'OPT',
    name: '.',
    udpPayloadSize: udpBytesMax,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  } as unknown as PacketAnswer;
}

/** What does not fit is cut, and the client told to ask again by TCP. */
function encodeWithin(reply: Packet, bytesMax: number): Buffer {
  const whole = packet.encode(reply);
  if (whole.length <= bytesMax) return whole;
  const kept = (reply.additionals ?? []).filter(({ type }) => type === 'OPT');
  const withoutExtras = packet.encode({ ...reply, additionals: kept });
  if (withoutExtras.length <= bytesMax) return withoutExtras;
  return packet.encode({
    ...reply,
    flags: (reply.flags ?? 0) | packet.TRUNCATED_RESPONSE,
    answers: [],
    authorities: [],
    additionals: kept,
  });
}
