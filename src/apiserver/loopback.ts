/**
 * The transport for components in this process: the same pipeline with the same checks, but objects instead of bytes.
 * What it gives is shared with everybody else, and therefore frozen.
 */
import type { Clock } from '#base/clock.js';
import { freeze, withoutUndefined } from '#base/json.js';
import {
  type ApiRequest,
  type ApiResponse,
  type Transport,
  TransportError,
  type WatchEvent,
} from '#client/transport.js';
import type { UserInfo } from './authentication/authenticator.js';
import type { Answer, Call } from './call.js';
import type { CallSignal, CallSignals } from './call-signals.js';
import { bookmarkObject } from './events.js';
import type { ClientObserver } from './metrics/request-metrics.js';
import type { Pipeline } from './pipeline.js';
import { objectsOf } from './registry/stored.js';

export interface LoopbackOptions {
  pipeline: Pipeline;
  user: UserInfo;
  /** What a user agent would say: the manager of the fields that it writes. Default: the user's name. */
  program?: string;
  signals: CallSignals;
  /** Told of every request and how it was answered. */
  answered?: ClientObserver | undefined;
  clock: Clock;
}

export class LoopbackTransport implements Transport {
  readonly #pipeline: Pipeline;
  readonly #user: UserInfo;
  readonly #signals: CallSignals;
  readonly #program: string;
  readonly #answered: LoopbackOptions['answered'];
  readonly #clock: Clock;

  constructor({ pipeline, user, signals, program, answered, clock }: LoopbackOptions) {
    this.#pipeline = pipeline;
    this.#user = user;
    this.#program = program ?? user.name;
    this.#answered = answered;
    this.#clock = clock;
    this.#signals = signals;
  }

  async request(request: ApiRequest): Promise<ApiResponse> {
    const abort = this.#signals.open(request.signal);
    try {
      const answer = await this.#answer(request, abort);
      if (answer.type === 'watch') throw new TypeError('a watch is asked for by watch()');
      if (answer.type === 'taken') throw new TransportError('the request became a connection');
      return { status: answer.type === 'list' ? 200 : answer.code, body: await bodyOf(answer) };
    } finally {
      abort.release();
    }
  }

  async *watch(request: ApiRequest): AsyncIterable<WatchEvent> {
    if (request.signal?.aborted) return;
    const abort = this.#signals.open(request.signal);
    try {
      const answer = await this.#answer(request, abort);
      if (answer.type === 'taken' && answer.events) {
        yield* answer.events;
        return;
      }
      if (answer.type !== 'watch') throw new TypeError('the request is no watch');
      for await (const batch of answer.events)
        for (const event of batch) {
          if (event.type === 'BOOKMARK') yield { type: 'BOOKMARK', object: freeze(bookmarkObject(answer, event)) };
          else yield { type: event.type, object: event.stored.object };
        }
    } finally {
      abort.release();
    }
  }

  async #answer(request: ApiRequest, abort: CallSignal): Promise<Answer> {
    if (this.#signals.closed) throw new TransportError('the server is closed');
    request.signal?.throwIfAborted();
    const startMs = this.#clock.monotonic();
    const { answer, error } = await this.#pipeline.handle(this.#call(request, abort));
    const code = error?.code ?? ('code' in answer ? answer.code : 200);
    this.#answered?.(request.method, { code, seconds: (this.#clock.monotonic() - startMs) / 1000 });
    if (error) throw error;
    return answer;
  }

  #call({ method, path, query = {}, body, contentType = 'application/json' }: ApiRequest, abort: CallSignal): Call {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, value);
    const text = search.toString();
    return {
      method,
      target: text ? `${path}?${text}` : path,
      headers: { 'content-type': contentType, 'user-agent': this.#program },
      credentials: {},
      user: this.#user,
      source: 'loopback',
      // In a patch a key is a change, and one that JSON text would not hold is none.
      readBody: () => ({ value: method === 'PATCH' ? withoutUndefined(body) : body }),
      get signal() {
        return abort.signal;
      },
    };
  }
}

async function bodyOf(answer: Exclude<Answer, { type: 'watch' | 'taken' }>): Promise<unknown> {
  switch (answer.type) {
    case 'stored':
      return answer.stored.object;
    case 'value':
      return freeze(answer.value);
    case 'bytes':
      return decodeText(answer);
    case 'list':
      return Object.freeze({
        kind: answer.resource.listKind,
        apiVersion: answer.version,
        metadata: freeze(answer.metadata),
        items: Object.freeze(await objectsOf(answer.items)),
      });
  }
}

function decodeText({ contentType, body }: Extract<Answer, { type: 'bytes' }>): unknown {
  const text = Buffer.from(body as Uint8Array).toString();
  return contentType.startsWith('application/json') ? freeze(JSON.parse(text)) : text;
}
