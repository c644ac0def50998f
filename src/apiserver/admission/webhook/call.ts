/** One call of one webhook: whether it is concerned, what it is shown, what it says, and what is made of failures. */
import { badRequest, internalError, type Reason, type Status, StatusError } from '#apimachinery/errors.js';
import type { Clock } from '#base/clock.js';
import { loading } from '#base/loading.js';
import type { Log } from '#base/log.js';
import { type Prng, uuid } from '#base/prng.js';
import type { Authorizer } from '../../authorization/authorizer.js';
import type { Registry } from '../../registry/registry.js';
import { WebhookCallError, type WebhookClient } from '../../webhook/client.js';
import type { AdmissionRequest } from '../admission.js';
import { refuse } from '../refuse.js';
import { type Seen, seenAs } from '../seen.js';
import { codecProblem, type ReviewAnswer, ReviewError, readAnswer, reviewOf, reviewVersionOf } from './review.js';
import type { Webhook } from './source.js';

/** Told of every call, for metrics. */
export interface CallObservation {
  webhook: string;
  type: 'admit' | 'validating';
  request: AdmissionRequest;
  durationMs: number;
  /** Of the answer; 0 when this server is at fault. */
  code: number;
  rejected: boolean;
  /** Why a rejection was none of the webhook's will. */
  error?: 'calling_webhook_error' | 'apiserver_internal_error';
  failedOpen: boolean;
}

export interface CallDependencies {
  registry: () => Registry;
  authorizer: Authorizer;
  client: WebhookClient;
  clock: Clock;
  prng: Prng;
  log: Log;
  observe?: (observation: CallObservation) => void;
}

/** The webhook gave no usable answer; its failurePolicy says what follows. */
export class CallFailure extends Error {
  override readonly name = 'CallFailure';
  readonly code: number;

  constructor(webhook: string, why: string, { code = 503, ...options }: ErrorOptions & { code?: number } = {}) {
    super(`failed calling webhook ${JSON.stringify(webhook)}: ${why}`, options);
    this.code = code;
  }
}

const timeoutSecondsDefault = 10;

/** What the webhook is to be shown; undefined when it is not concerned. Throws StatusError. */
export async function concernOf(
  webhook: Webhook,
  request: AdmissionRequest,
  { registry, authorizer }: Pick<CallDependencies, 'registry' | 'authorizer'>,
): Promise<Seen | undefined> {
  const resource = await webhook.matcher.match(request, registry);
  if (!resource) return undefined;
  const seen = await seenAs(request, resource);
  const { matchConditions = [], failurePolicy } = webhook.spec;
  if (matchConditions.length === 0) return seen;
  const { compileWebhookConditions, matchAll } = await loading(import('../expression/webhook-conditions.js'));
  webhook.conditions ??= compileWebhookConditions(matchConditions);
  const subject = { request, seen, authorizer };
  const { matches, problem } = await matchAll(webhook.conditions, subject, { failsOpen: failurePolicy === 'Ignore' });
  if (problem !== undefined) throw refuse(request, problem);
  return matches ? seen : undefined;
}

/** The answer of a webhook that allows the request. Throws StatusError when it does not, and CallFailure. */
export async function callWebhook(
  webhook: Webhook,
  { request, seen, mutating }: { request: AdmissionRequest; seen: Seen; mutating: boolean },
  { client, prng }: CallDependencies,
): Promise<ReviewAnswer> {
  const { name, clientConfig, timeoutSeconds = timeoutSecondsDefault } = webhook.spec;
  checkDryRun(webhook, request);
  const version = reviewVersionOf(webhook.spec.admissionReviewVersions ?? []);
  if (!version) {
    const why = 'webhook does not accept known AdmissionReview versions (v1, v1beta1)';
    throw new CallFailure(name, `could not create admission objects: ${why}`, { code: 400 });
  }
  const uid = uuid(prng);
  const body = reviewOf(request, { uid, version, seen });
  const given = await client.post(clientConfig, { body, timeoutMs: timeoutSeconds * 1000 }).catch((error) => {
    if (!(error instanceof WebhookCallError)) throw error;
    throw new CallFailure(name, `failed to call webhook: ${error.message}`, { code: error.code, cause: error });
  });
  const unread = codecProblem(given, version);
  if (unread) throw new CallFailure(name, `failed to call webhook: ${unread}`);
  const answer = read(given, { name, uid, version, mutating });
  for (const [key, value] of Object.entries(answer.auditAnnotations)) request.annotate(`${name}/${key}`, value);
  for (const text of answer.warnings) request.warn(text);
  if (!answer.allowed) throw denial(name, answer.result);
  return answer;
}

function read(given: unknown, { name, ...asked }: { name: string } & Parameters<typeof readAnswer>[1]): ReviewAnswer {
  try {
    return readAnswer(given, asked);
  } catch (error) {
    if (!(error instanceof ReviewError)) throw error;
    throw new CallFailure(name, `received invalid webhook response: ${error.message}`, { cause: error });
  }
}

/** A webhook with effects of its own is not called about what will not happen. */
function checkDryRun({ spec: { name, sideEffects } }: Webhook, { dryRun }: AdmissionRequest): void {
  if (!dryRun || sideEffects === 'None' || sideEffects === 'NoneOnDryRun') return;
  throw badRequest(`admission webhook ${JSON.stringify(name)} does not support dry run`);
}

/** The status that the webhook gave, so far as it is one of a failure. */
function denial(name: string, result: Partial<Status> = {}): StatusError {
  const denied = `admission webhook ${JSON.stringify(name)} denied the request`;
  const { message, reason, details, code = 0 } = result;
  const why = message || reason ? `: ${message || reason}` : ' without explanation';
  return new StatusError({
    message: `${denied}${why}`,
    reason: (reason || undefined) as Reason | undefined,
    details,
    code: code < 400 ? 400 : code,
  });
}

/**
 * Makes a call, and what its failure means: a failure of one whose policy is `Ignore` is noted, and nothing else.
 * Gives undefined then.
 */
export async function withPolicy<T>(
  webhook: Webhook,
  call: () => Promise<T>,
  given: {
    request: AdmissionRequest;
    type: CallObservation['type'];
    dependencies: CallDependencies;
    noteOpen: () => void;
  },
): Promise<T | undefined> {
  const { request, type, dependencies, noteOpen } = given;
  const { clock, log, observe } = dependencies;
  const { name } = webhook.spec;
  const startMs = clock.monotonic();
  const tell = (outcome: Pick<CallObservation, 'code' | 'rejected' | 'error' | 'failedOpen'>) =>
    observe?.({ webhook: name, type, request, durationMs: clock.monotonic() - startMs, ...outcome });
  try {
    const result = await call();
    tell({ code: 200, rejected: false, failedOpen: false });
    return result;
  } catch (error) {
    if (error instanceof StatusError) {
      tell({ code: error.code, rejected: true, failedOpen: false });
      throw error;
    }
    if (!(error instanceof CallFailure)) {
      tell({ code: 0, rejected: true, error: 'apiserver_internal_error', failedOpen: false });
      throw error;
    }
    const failsOpen = webhook.spec.failurePolicy === 'Ignore';
    tell({ code: error.code, rejected: !failsOpen, error: 'calling_webhook_error', failedOpen: failsOpen });
    log.warn(`webhook failed, ${failsOpen ? 'failing open' : 'failing closed'}`, { webhook: name, err: error });
    if (!failsOpen) throw internalError(error.message, { cause: error });
    noteOpen();
    return undefined;
  }
}
