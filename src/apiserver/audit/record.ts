/** The audit events of one request: filled as it passes through the pipeline, and told at its stages. */
import { isIP } from 'node:net';
import type { Event, ObjectReference } from '#api/gen/audit-v1.js';
import type { Status } from '#apimachinery/errors.js';
import { formatMicroTime, type KubeObject } from '#apimachinery/object.js';
import type { Clock } from '#base/clock.js';
import { copy, type Json } from '#base/json.js';
import { describeUser, type UserInfo } from '../authentication/authenticator.js';
import type { Answer, Call } from '../call.js';
import type { RequestInfo } from '../request-info.js';
import type { Annotate, AuditCounts, AuditSink, Level, Stage } from './audit.js';
import type { Verdict } from './policy.js';

const userAgentCharsMax = 1024;

export interface Received {
  auditId: string;
  call: Call;
  info: RequestInfo;
  /** The caller, whoever it acts as; undefined when it could not be authenticated. */
  user: UserInfo | undefined;
  receivedMs: number;
}

export interface Auditor {
  /** Undefined for a request that the policy does not want to know of. */
  begin(received: Received): AuditRecord | undefined;
}

export interface Finished {
  answer: Answer;
  /** What the answer shows, as one object; undefined when it is none. Asked only where the policy wants it. */
  shown: () => Promise<object | undefined>;
  isLongRunning: boolean;
  /** The request ended by a bug of ours. */
  bug?: unknown;
}

export class AuditRecord {
  readonly #received: Received;
  readonly #verdict: Verdict;
  readonly #sink: AuditSink;
  readonly #clock: Clock;
  readonly #counts: AuditCounts;
  readonly #event: Event;
  #started = false;

  constructor(options: { received: Received; verdict: Verdict; sink: AuditSink; clock: Clock; counts: AuditCounts }) {
    this.#received = options.received;
    this.#verdict = options.verdict;
    this.#sink = options.sink;
    this.#clock = options.clock;
    this.#counts = options.counts;
    this.#event = firstEvent(options.received, options.verdict.level);
  }

  /** The stage before anything is done. False: it could not be stored, and must not be done. */
  begin(): boolean | Promise<boolean> {
    const stored = this.#tell('RequestReceived');
    return stored instanceof Promise ? stored.then((done) => this.#judge(done)) : this.#judge(stored);
  }

  #judge(stored: boolean): boolean {
    if (!stored) this.#counts.rejected++;
    return stored;
  }

  readonly annotate: Annotate = (key, value, { level } = { level: 'Metadata' }) => {
    if (level === 'Request' && !this.#wants('Request')) return;
    this.#event.annotations ??= {};
    this.#event.annotations[key] ??= value;
  };

  /** `constraint` is the verb of the mode that allowed it; '' for that which has none. */
  impersonated(user: UserInfo, constraint: string): void {
    this.#event.impersonatedUser = describeUser(user);
    if (constraint) this.#event.authenticationMetadata = { impersonationConstraint: constraint };
  }

  /** The decoded body, shown with its defaults. What the path does not say of the object is taken from it. */
  request(object: KubeObject, setDefaults?: (object: KubeObject) => void): void {
    const reference: ObjectReference = (this.#event.objectRef ??= {});
    const { namespace, name, uid, resourceVersion } = object.metadata ?? {};
    reference.namespace ||= namespace;
    reference.name ||= name;
    reference.uid ||= uid;
    reference.resourceVersion ||= resourceVersion;
    if (!this.#wants('Request')) return;
    const shown = copy(object);
    setDefaults?.(shown);
    this.#event.requestObject = this.#recorded(shown as unknown as Json);
  }

  patch(document: unknown): void {
    if (this.#wants('Request')) this.#event.requestObject = copy(document as Json);
  }

  /** Watches the connection of a request that a handler may answer by itself. */
  connection(connection: NonNullable<Call['connection']>): NonNullable<Call['connection']> {
    return {
      ...connection,
      respond: (status, headers) => {
        this.#start(status);
        return connection.respond(status, headers);
      },
    };
  }

  /** The stages of the answer; gives the answer to send, which for a watch tells of its end. */
  async finish({ answer, shown, isLongRunning, bug }: Finished): Promise<Answer> {
    if (answer.type === 'taken') return this.#finishTaken(answer);
    const isList = answer.type === 'list' || answer.type === 'watch';
    this.#setStatus(isList ? 200 : answer.code, answer.type === 'value' ? answer.value : undefined);
    if (this.#wants('RequestResponse') && answer.type !== 'watch') {
      const object = await shown();
      if (object) this.#event.responseObject = this.#recorded(copy(object as Json));
    }
    if (bug !== undefined) {
      const why = bug instanceof Error ? bug.message : String(bug);
      const message = `APIServer panic'd: ${why}`;
      this.#event.responseStatus = embedded({ status: 'Failure', message, reason: 'InternalError', code: 500 });
      await this.#tell('Panic');
      return answer;
    }
    if (!this.#received.user) {
      await this.#tell('ResponseStarted');
      return answer;
    }
    if (isLongRunning && !this.#started) await this.#tell('ResponseStarted');
    if (answer.type === 'watch') return { ...answer, events: this.#following(answer.events) };
    await this.#tell('ResponseComplete');
    return answer;
  }

  #finishTaken(answer: Answer): Answer {
    this.#start(101);
    const socket = this.#received.call.connection?.upgrade?.socket;
    const complete = () => void this.#tell('ResponseComplete');
    if (socket && !socket.destroyed) socket.once('close', complete);
    else complete();
    return answer;
  }

  async *#following<T>(events: AsyncIterable<T>): AsyncIterable<T> {
    try {
      yield* events;
    } finally {
      await this.#tell('ResponseComplete');
    }
  }

  #start(code: number): void {
    if (this.#started) return;
    this.#started = true;
    this.#setStatus(code, undefined);
    void this.#tell('ResponseStarted');
  }

  #setStatus(code: number, value: object | undefined): void {
    if ((value as { kind?: string } | undefined)?.kind !== 'Status') {
      this.#event.responseStatus = embedded({ code });
      return;
    }
    const { status, message, reason, details } = value as Status;
    this.#event.responseStatus = embedded({ status, message, reason, details, code });
  }

  #tell(stage: Stage): boolean | Promise<boolean> {
    if (this.#verdict.omitStages.has(stage)) return true;
    const nowMs = stage === 'RequestReceived' ? this.#received.receivedMs : this.#clock.now();
    const { annotations, objectRef } = this.#event;
    this.#counts.events++;
    // Backends may keep what they are given, while the request goes on.
    return this.#sink.process({
      ...this.#event,
      stage,
      stageTimestamp: formatMicroTime(nowMs),
      annotations: annotations && { ...annotations },
      objectRef: objectRef && { ...objectRef },
    });
  }

  #wants(level: Level): boolean {
    const { level: given } = this.#verdict;
    return given === level || given === 'RequestResponse' || (level === 'Metadata' && given === 'Request');
  }

  /** Takes ownership of the object. */
  #recorded(object: unknown): unknown {
    if (this.#verdict.omitManagedFields) dropManagedFields(object as Recordable);
    return object;
  }
}

/** Inside an event a Status stands without its kind. */
function embedded(fields: Partial<Status>): Event['responseStatus'] {
  return { metadata: {}, ...fields } as Event['responseStatus'];
}

interface Recordable {
  metadata?: { managedFields?: unknown };
  items?: Recordable[];
  rows?: { object?: Recordable }[];
}

function dropManagedFields({ metadata, items, rows }: Recordable): void {
  delete metadata?.managedFields;
  for (const item of items ?? []) dropManagedFields(item);
  for (const { object } of rows ?? []) if (object) dropManagedFields(object);
}

/** In the order in which upstream writes the fields. */
function firstEvent({ auditId, call, info, user, receivedMs }: Received, level: Level): Event {
  const { resource } = info;
  return {
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level,
    auditID: auditId,
    stage: '',
    requestURI: call.target,
    verb: info.verb,
    user: user ? describeUser(user) : {},
    impersonatedUser: undefined,
    authenticationMetadata: undefined,
    sourceIPs: sourcesOf(call),
    userAgent: shorten(call.headers['user-agent']),
    objectRef: resource && {
      resource: resource.resource,
      namespace: resource.namespace || undefined,
      name: resource.name || undefined,
      uid: undefined,
      apiGroup: resource.group || undefined,
      apiVersion: resource.version,
      resourceVersion: undefined,
      subresource: resource.subresource || undefined,
    },
    responseStatus: undefined,
    requestObject: undefined,
    responseObject: undefined,
    requestReceivedTimestamp: formatMicroTime(receivedMs),
    stageTimestamp: '',
    annotations: undefined,
  };
}

/** The addresses that proxies say they speak for, then that of the other end. A caller in this process has none. */
function sourcesOf({ headers, source }: Call): string[] {
  const forwarded = (headers['x-forwarded-for'] ?? '').split(',').map((one) => one.trim());
  const real = (headers['x-real-ip'] ?? '').trim();
  const sources = forwarded.filter((one) => isIP(one) !== 0);
  if (isIP(real) && !sources.includes(real)) sources.push(real);
  const end = isIP(source) ? source.replace(/^::ffff:(?=\d+\.)/, '') : '127.0.0.1';
  if (sources.at(-1) !== end) sources.push(end);
  return sources;
}

function shorten(userAgent: string | undefined): string | undefined {
  if (!userAgent || userAgent.length <= userAgentCharsMax) return userAgent;
  return `${userAgent.slice(0, userAgentCharsMax)}...TRUNCATED`;
}
