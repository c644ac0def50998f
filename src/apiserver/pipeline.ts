/**
 * The way of every request, whatever transport it came by: what it asks for, who asks and as whom, whether there is room, whether
 * it is allowed, and then the handler of its verb. Each station may end it with a StatusError; nothing goes around.
 */

import type { AnyResource } from '#api/resource.js';
import { internalError, isReason, StatusError, unauthorized } from '#apimachinery/errors.js';
import type { SchemaTable } from '#apimachinery/schema.js';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import { type Prng, uuid } from '#base/prng.js';
import type { Aggregator } from './aggregation/aggregator.js';
import type { Annotate } from './audit/audit.js';
import type { Auditor, AuditRecord } from './audit/record.js';
import type { Authenticator, UserInfo } from './authentication/authenticator.js';
import type { Attributes, Authorizer } from './authorization/authorizer.js';
import { Impersonation } from './authorization/impersonation.js';
import { type WantedUser, wantedUserOf } from './authorization/impersonation-request.js';
import { forbiddenError } from './authorization/union.js';
import { type Answer, type Call, noSniff, type Outcome, PlainError, plainText } from './call.js';
import type { Classification } from './flow-control/classification.js';
import { FlowControl, Shed } from './flow-control/flow-control.js';
import type { HandlerContext } from './handlers/context.js';
import { checkAnswer, negotiated } from './handlers/media.js';
import { route, unknownResource } from './handlers/route.js';
import { shownObject } from './http/respond.js';
import { isPretty, type Media, refusalMedia } from './media.js';
import type { AuthenticationResult } from './metrics/access-metrics.js';
import type { RequestMetrics } from './metrics/request-metrics.js';
import { checkRoute, type PathHandler } from './path-handler.js';
import type { ObjectRegistry } from './registry/store.js';
import {
  isLongRunning,
  parseRequestInfo,
  type RequestInfo,
  type ResourceRequest,
  requestTimeoutMs,
} from './request-info.js';
import type { SubresourceHandler } from './subresources/subresource.js';
import { Warnings } from './warnings.js';

export interface PipelineOptions {
  registry: ObjectRegistry;
  schemas: SchemaTable;
  authenticator: Authenticator;
  authorizer: Authorizer;
  subresources: readonly SubresourceHandler[];
  /** Asked in order. */
  paths: readonly PathHandler[];
  /** Default: one that knows the mandatory levels only. */
  flow?: FlowControl;
  metrics?: RequestMetrics;
  /** Knows of groups that other servers serve. Default: there are none. */
  aggregator?: Aggregator;
  /** Left out: nothing is recorded. */
  audit?: Auditor;
  clock: Clock;
  prng: Prng;
  log: Log;
}

interface Progress {
  auditId: string;
  receivedMs: number;
  info?: RequestInfo;
  media: Media;
  warnings: Warnings;
  classification?: Classification;
  /** What is asked for is there to be asked for, and so may be counted under its name. */
  isServed?: boolean;
  /** Nothing was done since the authorizer did not allow it. */
  isRefused?: boolean;
  /** Absent for a request that is not audited. */
  record?: AuditRecord;
}

const applyMediaType = 'application/apply-patch';
const noAnnotation: Annotate = () => {};

export class Pipeline {
  readonly #options: PipelineOptions;
  readonly #flow: FlowControl;
  readonly #impersonation: Impersonation;
  readonly #handlers = new Map<string, SubresourceHandler>();

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#flow = options.flow ?? new FlowControl({ clock: options.clock });
    this.#impersonation = new Impersonation(options.authorizer, {
      constrained: options.registry.gates.enabled('ConstrainedImpersonation'),
    });
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
    const { clock, metrics } = this.#options;
    const receivedMs = clock.now();
    const startMs = metrics && clock.monotonic();
    const auditId = call.auditId ?? (call.headers['audit-id'] || uuid(this.#options.prng));
    const progress: Progress = {
      auditId,
      receivedMs,
      media: { format: 'json', pretty: false },
      warnings: new Warnings(call.warning),
    };
    let outcome: Outcome;
    let bug: unknown;
    try {
      const answer = await this.#pass(call, progress);
      const { media, warnings, info, classification } = progress;
      outcome = { auditId, answer, media, warnings: warnings.texts, classification, query: info?.query };
    } catch (thrown) {
      const error = this.#statusOf(thrown, call);
      if (error !== thrown) bug = thrown;
      const isShed = thrown instanceof Shed;
      const answer: Answer =
        thrown instanceof PlainError ? thrown.answer : { type: 'value', code: error.code, value: error.status };
      const media = call.user ? progress.media : refusalMedia(call.headers, progress.info?.query);
      const classification = isShed ? thrown.classification : progress.classification;
      const query = progress.info?.query;
      outcome = { auditId, answer, media, warnings: progress.warnings.texts, classification, query, error };
      if (progress.isRefused) outcome.headers = noSniff;
    }
    if (startMs !== undefined) this.#count(outcome, progress, { call, startMs });
    if (progress.record) outcome.answer = await this.#finishRecord(progress.record, { outcome, progress, bug });
    return outcome;
  }

  #count(outcome: Outcome, progress: Progress, { call, startMs }: { call: Call; startMs: number }): void {
    const { info, isServed } = progress;
    const { answer, error } = outcome;
    const { metrics, clock } = this.#options;
    if (!info || !metrics) return;
    if (error instanceof Shed) metrics.terminated(info, error.code);
    if (!isServed) return;
    const code = answer.type === 'list' || answer.type === 'watch' ? 200 : answer.type === 'taken' ? 101 : answer.code;
    const isApply = info.verb === 'patch' && (call.headers['content-type']?.startsWith(applyMediaType) ?? false);
    const seconds = (clock.monotonic() - startMs) / 1000;
    outcome.sizes = metrics.answered(info, { code, seconds, isApply, bodyBytes: call.bodyBytes });
    if (answer.type === 'watch' && info.resource && call.connection)
      outcome.sizes = metrics.sizes.ofEvents(info.resource);
    if (isLongRunning(info) && !error) {
      const ended = metrics.began(info);
      if (call.signal.aborted) ended();
      else call.signal.addEventListener('abort', ended, { once: true });
    }
  }

  /** An audit that fails is our bug, and no reason to keep the answer back. */
  async #finishRecord(
    record: AuditRecord,
    { outcome, progress, bug }: { outcome: Outcome; progress: Progress; bug: unknown },
  ): Promise<Answer> {
    const { answer, media } = outcome;
    const { schemas, clock, log } = this.#options;
    const info = progress.info!;
    const shown = () => shownObject(answer, media, { schemas, nowMs: clock.now(), query: info.query });
    try {
      return await record.finish({ answer, shown, isLongRunning: isLongRunning(info), bug });
    } catch (error) {
      log.error('audit failed', { auditId: outcome.auditId, err: error });
      return answer;
    }
  }

  async #pass(call: Call, progress: Progress): Promise<Answer> {
    const info = parseRequestInfo(call.method, call.target);
    progress.info = info;
    progress.media.pretty = isPretty(info.query, call.headers['user-agent']);
    if (!isLongRunning(info)) requestTimeoutMs(info);
    const requester = call.user ?? (await this.#authenticate(call, progress));
    if (this.#options.audit) await this.#record(call, progress, requester);
    const wanted = call.rawHeaders && wantedUserOf(call.rawHeaders);
    const user = wanted ? await this.#impersonate(wanted, { info, requester, progress }) : requester;
    const entered = this.#flow.enter(info, user, () => call.signal);
    const admitted = entered instanceof Promise ? await entered : entered;
    progress.classification = admitted.classification;
    try {
      await this.#authorize(info, user, progress);
      const remote = this.#options.aggregator?.remoteOf(info);
      const recorded = progress.record && call.connection ? recordedCall(call, progress.record) : call;
      if (remote) {
        return await this.#options.aggregator!.relay({ call: recorded, info, user, auditId: progress.auditId }, remote);
      }
      if (!isOfResource(info)) return await this.#answerPath(recorded, info, progress);
      return await this.#answerResource(recorded, info, { user, progress });
    } finally {
      admitted.leave();
    }
  }

  async #impersonate(
    wanted: WantedUser,
    { info, requester, progress }: { info: RequestInfo; requester: UserInfo; progress: Progress },
  ): Promise<UserInfo> {
    progress.isRefused = true;
    const { user, constraint } = await this.#impersonation.impersonate(wanted, attributesOf(info, requester));
    progress.isRefused = false;
    progress.record?.impersonated(user, constraint);
    return user;
  }

  /** Begins the request's audit record. Throws StatusError (500) when its reception must be stored and cannot be. */
  async #record(call: Call, progress: Progress, user: UserInfo | undefined): Promise<void> {
    const { auditId, receivedMs, info } = progress;
    progress.record = this.#options.audit?.begin({ auditId, call, info: info!, user, receivedMs });
    if (!user || !progress.record) return;
    const stored = progress.record.begin();
    if (!(stored instanceof Promise ? await stored : stored)) throw internalError('failed to store audit event');
  }

  async #authenticate(call: Call, progress: Progress): Promise<UserInfo> {
    const { clock, metrics, authenticator } = this.#options;
    const startMs = metrics && clock.monotonic();
    const took = () => (startMs === undefined ? 0 : (clock.monotonic() - startMs) / 1000);
    // Credentials that do not hold are an error; none at all, where nobody comes in without them, a failure.
    let result: AuthenticationResult = 'error';
    try {
      const answer = authenticator.authenticate(call.credentials);
      const found = answer instanceof Promise ? await answer : answer;
      result = found ? 'success' : 'failure';
      metrics?.access.authenticated(result, { seconds: took(), user: found?.user.name });
      if (!found) throw unauthorized();
      return found.user;
    } catch (error) {
      if (result === 'error') metrics?.access.authenticated(result, { seconds: took() });
      if (isReason(error, 'Unauthorized')) await this.#record(call, progress, undefined);
      throw error;
    }
  }

  async #authorize(info: RequestInfo, user: UserInfo, progress: Progress): Promise<void> {
    const { record } = progress;
    const attributes = attributesOf(info, user);
    const { clock, metrics, authorizer } = this.#options;
    const startMs = metrics && clock.monotonic();
    const authorizing = authorizer.authorize(attributes);
    const decided = authorizing instanceof Promise ? await authorizing : authorizing;
    if (startMs !== undefined) metrics!.access.authorized(decided, (clock.monotonic() - startMs) / 1000);
    const { decision, reason, error } = decided;
    if (error && decision !== 'allow') {
      record?.annotate('authorization.k8s.io/reason', 'internal error');
      throw internalError(error.message, { cause: error });
    }
    record?.annotate('authorization.k8s.io/decision', decision === 'allow' ? 'allow' : 'forbid');
    record?.annotate('authorization.k8s.io/reason', reason);
    if (decision === 'allow') return;
    progress.isRefused = true;
    throw forbiddenError(attributes, reason);
  }

  async #answerPath(call: Call, info: RequestInfo, progress: Progress): Promise<Answer> {
    for (const handler of this.#options.paths) {
      const answer = await handler(call, info);
      if (!answer) continue;
      progress.isServed = true;
      if (handler.route)
        progress.media = checkRoute(call, { info, answer, route: handler.route(info) }) ?? progress.media;
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
    if (!definition) {
      if (registry.scheme.hasBuiltins(info.resource)) throw unknownResource();
      return unknownPage(call);
    }
    if (!isInScope(definition, info)) return unknownPage(call);
    const store = registry.storeOf(definition, info.resource.version);
    const { resource } = store;
    progress.isServed = hasSubresource(resource, info.resource);
    const handler = this.#handlerOf(info.resource, resource);
    const warn = (text: string) => progress.warnings.add(text);
    const { record } = progress;
    const annotate = record?.annotate ?? noAnnotation;
    // Named one by one, as in all that is made for every request: to spread an object takes longer than what is done with it.
    const context = {
      call,
      info,
      user,
      resource,
      store,
      registry,
      schemas,
      handler,
      clock,
      prng,
      warn,
      annotate,
      record,
    };
    const handle = route(context);
    const isTaken = handler?.connect !== undefined || handler?.stream !== undefined;
    if (!isTaken && !call.user) progress.media = negotiated(context);
    // Upstream's router says so, of requests that it passes on.
    if (resource.deprecation) {
      warn(resource.deprecation);
      annotate('k8s.io/deprecated', 'true');
      this.#options.metrics?.deprecated(info);
    }
    const answering = handle();
    const answer = await (isLongRunning(info) ? answering : this.#inTime(answering, requestTimeoutMs(info)));
    checkAnswer(answer, progress.media, context);
    return answer;
  }

  #handlerOf({ group, resource, subresource }: ResourceRequest, definition: { subresources?: { scale?: unknown } }) {
    const own = this.#handlers.get(`${group}/${resource}/${subresource}`);
    if (own || subresource !== 'scale') return own;
    return definition.subresources?.scale ? this.#handlers.get('*/scale') : undefined;
  }

  /** The work goes on when its caller is told that it took too long. */
  #inTime(answer: Promise<Answer>, timeoutMs: number): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const timer = this.#options.clock.setTimer(timeoutMs, () => {
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

/** Clients in this process make the Status of such a page themselves. */
function unknownPage(call: Call): Answer {
  if (call.user) throw unknownResource();
  return pageNotFound();
}

/** Custom resources are unknown where they are not: in a namespace or outside of one. */
function isInScope({ shape, namespaced }: AnyResource, { verb, resource }: RequestInfo): boolean {
  if (!shape || namespaced === ((resource?.namespace ?? '') !== '')) return true;
  return namespaced && (verb === 'list' || verb === 'watch');
}

function hasSubresource({ subresources = {} }: AnyResource, { subresource }: ResourceRequest): boolean {
  if (subresource === '') return true;
  if (subresource === 'status' || subresource === 'scale') return Boolean(subresources[subresource]);
  return subresources.others?.some(({ name }) => name === subresource) ?? false;
}

/** The same call, whose connection tells the record when a handler answers by itself. */
function recordedCall(call: Call, record: AuditRecord): Call {
  return { ...call, connection: call.connection && record.connection(call.connection) };
}

function isOfResource(info: RequestInfo): info is HandlerContext['info'] {
  return info.resource !== undefined;
}

function attributesOf({ verb, path, resource }: RequestInfo, user: UserInfo): Attributes {
  return resource ? { user, verb, resource } : { user, verb, path };
}

export function pageNotFound(): Answer {
  return plainText(404, '404 page not found\n');
}
