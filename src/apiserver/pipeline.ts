/**
 * The way of every request, whatever transport it came by: what it asks for, who asks and as whom, whether there is room, whether
 * it is allowed, and then the handler of its verb. Each station may end it with a StatusError; nothing goes around.
 */

import type { AnyResource } from '#api/resource.js';
import { StatusError } from '#apimachinery/errors.js';
import type { SchemaTable } from '#apimachinery/schema.js';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import { type Prng, uuid } from '#base/prng.js';
import type { Annotate, Audit } from './audit.js';
import type { Authenticator, UserInfo } from './authentication/authenticator.js';
import type { Attributes, Authorizer } from './authorization/authorizer.js';
import { Impersonation } from './authorization/impersonation.js';
import { wantedUserOf } from './authorization/impersonation-request.js';
import { forbiddenError } from './authorization/union.js';
import type { Answer, Call } from './call.js';
import { FlowControl, type FlowLimits, isLongRunning } from './flow-control.js';
import { route, unknownResource } from './handlers/route.js';
import { methodNotAllowed } from './handlers/subresource.js';
import { servesProtobuf } from './http/protobuf.js';
import { isPretty, type Media, negotiate } from './media.js';
import type { ObjectRegistry } from './registry/store.js';
import { parseRequestInfo, type RequestInfo, type ResourceRequest } from './request-info.js';
import type { SubresourceHandler } from './subresources/subresource.js';

/** Answers a request on a path that is no resource; undefined when the path is not its own. */
export type PathHandler = (call: Call, info: RequestInfo) => Promise<Answer | undefined> | Answer | undefined;

export interface PipelineOptions {
  registry: ObjectRegistry;
  schemas: SchemaTable;
  authenticator: Authenticator;
  authorizer: Authorizer;
  subresources: readonly SubresourceHandler[];
  /** Asked in order. */
  paths: readonly PathHandler[];
  flowLimits?: FlowLimits;
  audit?: Audit;
  clock: Clock;
  prng: Prng;
  log: Log;
}

export interface Outcome {
  auditId: string;
  answer: Answer;
  media: Media;
  warnings: string[];
  /** The request's, where its target could be read. */
  query?: URLSearchParams;
  /** Set when the answer is a failure. */
  error?: StatusError;
}

/** A request that takes longer is answered with 504 (upstream's --request-timeout). */
const requestTimeoutMs = 60_000;
/** Of all Warning headers of one answer. */
const warningsMax = 50;

interface Progress {
  info?: RequestInfo;
  user?: UserInfo;
  impersonated?: UserInfo;
  media: Media;
  warnings: string[];
  annotations: Record<string, string>;
}

export class Pipeline {
  readonly #options: PipelineOptions;
  readonly #flow: FlowControl;
  readonly #impersonation: Impersonation;
  readonly #handlers = new Map<string, SubresourceHandler>();

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#flow = new FlowControl(options.flowLimits);
    this.#impersonation = new Impersonation(options.authorizer);
    for (const handler of options.subresources) {
      const { resource, name } = handler;
      this.#handlers.set(resource === '*' ? `*/${name}` : `${resource.group}/${resource.plural}/${name}`, handler);
    }
  }

  get inFlight(): { reads: number; writes: number } {
    return this.#flow.inFlight;
  }

  /** Never throws: a bug is logged and answered with 500. */
  async handle(call: Call): Promise<Outcome> {
    const { clock, prng } = this.#options;
    const receivedMs = clock.now();
    const startMs = clock.monotonic();
    const auditId = call.headers['audit-id'] ?? uuid(prng);
    const progress: Progress = { media: { format: 'json', pretty: false }, warnings: [], annotations: {} };
    let outcome: Outcome;
    try {
      const answer = await this.#pass(call, progress);
      const { media, warnings, info } = progress;
      outcome = { auditId, answer, media, warnings, query: info?.query };
    } catch (thrown) {
      const error = this.#statusOf(thrown, call);
      const answer: Answer = { type: 'value', code: error.code, value: error.status };
      const media: Media = { format: progress.media.format, pretty: progress.media.pretty };
      outcome = { auditId, answer, media, warnings: progress.warnings, query: progress.info?.query, error };
    }
    this.#options.audit?.({
      auditId,
      user: progress.user,
      impersonated: progress.impersonated,
      info: progress.info,
      method: call.method,
      target: call.target,
      source: call.source,
      userAgent: call.headers['user-agent'],
      code: codeOf(outcome.answer),
      receivedMs,
      durationMs: clock.monotonic() - startMs,
      annotations: progress.annotations,
    });
    return outcome;
  }

  async #pass(call: Call, progress: Progress): Promise<Answer> {
    const info = parseRequestInfo(call.method, call.target);
    progress.info = info;
    progress.media.pretty = isPretty(info.query, call.headers['user-agent']);
    const requester = call.user ?? (await this.#authenticate(call));
    progress.user = requester;
    const wanted = call.rawHeaders && wantedUserOf(call.rawHeaders);
    const user = wanted ? await this.#impersonation.impersonate(wanted, attributesOf(info, requester)) : requester;
    if (wanted) progress.impersonated = user;
    const leave = this.#flow.enter(info, user);
    try {
      await this.#authorize(info, user);
      const { resource } = info;
      if (!resource) return await this.#answerPath(call, info);
      return await this.#answerResource(call, { ...info, resource }, { user, progress });
    } finally {
      leave();
    }
  }

  async #authenticate({ credentials }: Call): Promise<UserInfo> {
    const found = await this.#options.authenticator.authenticate(credentials);
    if (!found) throw new StatusError({ reason: 'Unauthorized', message: 'Unauthorized' });
    return found.user;
  }

  async #authorize(info: RequestInfo, user: UserInfo): Promise<void> {
    const attributes = attributesOf(info, user);
    const decided = this.#options.authorizer.authorize(attributes);
    const { decision, reason } = decided instanceof Promise ? await decided : decided;
    if (decision !== 'allow') throw forbiddenError(attributes, reason);
  }

  async #answerPath(call: Call, info: RequestInfo): Promise<Answer> {
    for (const handler of this.#options.paths) {
      const answer = await handler(call, info);
      if (!answer) continue;
      if (call.method !== 'GET' && call.method !== 'HEAD') throw methodNotAllowed();
      return answer;
    }
    return pageNotFound();
  }

  async #answerResource(
    call: Call,
    info: RequestInfo & { resource: ResourceRequest },
    { user, progress }: { user: UserInfo; progress: Progress },
  ): Promise<Answer> {
    const { registry, schemas, clock, prng } = this.#options;
    const definition = registry.scheme.byResource(info.resource);
    if (!definition) throw unknownResource();
    const store = registry.storeOf(definition, info.resource.version);
    const { resource } = store;
    const { accept, 'user-agent': userAgent } = call.headers;
    const handler = this.#handlerOf(info.resource, resource);
    const isTaken = handler?.connect !== undefined || handler?.stream !== undefined;
    if (!isTaken && !call.user) {
      const protobuf = servesProtobuf(schemas, { ...info.resource, kind: resource.kind });
      const streams = info.verb === 'watch';
      const tables = hasTable(resource, info.resource);
      progress.media = negotiate({ accept, userAgent, query: info.query, streams, protobuf, tables });
    }
    const warn = (text: string) => {
      if (progress.warnings.length < warningsMax && !progress.warnings.includes(text)) progress.warnings.push(text);
    };
    const annotate: Annotate = (key, value) => {
      progress.annotations[key] ??= value;
    };
    if (resource.deprecation) warn(resource.deprecation);
    const context = { call, info, user, resource, store, registry, schemas, handler, clock, prng, warn, annotate };
    const answer = route(context);
    return isLongRunning(info) ? answer : this.#inTime(answer);
  }

  #handlerOf({ group, resource, subresource }: ResourceRequest, definition: { subresources?: { scale?: unknown } }) {
    const own = this.#handlers.get(`${group}/${resource}/${subresource}`);
    if (own || subresource !== 'scale') return own;
    return definition.subresources?.scale ? this.#handlers.get('*/scale') : undefined;
  }

  /** The work goes on when its caller is told that it took too long. */
  #inTime(answer: Promise<Answer>): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const timer = this.#options.clock.setTimer(requestTimeoutMs, () => {
        const message = 'Timeout: request did not complete within the allotted timeout';
        reject(new StatusError({ reason: 'Timeout', message, details: {} }));
      });
      const settle = (act: () => void) => {
        timer.cancel();
        act();
      };
      answer.then(
        (given) => settle(() => resolve(given)),
        (error) => settle(() => reject(error)),
      );
    });
  }

  #statusOf(thrown: unknown, { method, target }: Call): StatusError {
    if (thrown instanceof StatusError) return thrown;
    this.#options.log.error('request failed', { method, target, err: thrown });
    const message = `Internal error occurred: ${thrown instanceof Error ? thrown.message : String(thrown)}`;
    return new StatusError({ reason: 'InternalError', message, details: {} }, { cause: thrown });
  }
}

/** Objects that can be read have columns; what is only created, a review or a binding, has none. */
function hasTable({ verbs, subresources }: AnyResource, { subresource }: ResourceRequest): boolean {
  const own = subresources?.others?.find(({ name }) => name === subresource);
  return (own?.verbs ?? verbs).some((verb) => verb !== 'create');
}

function attributesOf({ verb, path, resource }: RequestInfo, user: UserInfo): Attributes {
  return resource ? { user, verb, resource } : { user, verb, path };
}

export function pageNotFound(): Answer {
  return {
    type: 'bytes',
    code: 404,
    contentType: 'text/plain; charset=utf-8',
    body: '404 page not found\n',
    headers: { 'x-content-type-options': 'nosniff' },
  };
}

function codeOf(answer: Answer): number {
  if (answer.type === 'list' || answer.type === 'watch') return 200;
  return answer.type === 'taken' ? 101 : answer.code;
}
