/** Bounds the requests in work, reads and writes apart, so that one flood does not starve all. Watches are not counted. */
import { tooManyRequests } from '#apimachinery/errors.js';
import type { UserInfo } from './authentication/authenticator.js';
import type { RequestInfo } from './request-info.js';

export interface FlowLimits {
  readsMax: number;
  writesMax: number;
}

/** Upstream's --max-requests-inflight and --max-mutating-requests-inflight. */
export const defaultFlowLimits: FlowLimits = { readsMax: 400, writesMax: 200 };

const readVerbs = new Set(['get', 'list', 'watch', 'head', 'options']);
const longSubresources = new Set(['attach', 'exec', 'log', 'portforward', 'proxy']);
const retryAfterSeconds = 1;

export class FlowControl {
  readonly #limits: FlowLimits;
  #reads = 0;
  #writes = 0;

  constructor(limits: FlowLimits = defaultFlowLimits) {
    this.#limits = limits;
  }

  get inFlight(): { reads: number; writes: number } {
    return { reads: this.#reads, writes: this.#writes };
  }

  /** Gives what to call when the request is done. Throws StatusError (429) when too many are in work. */
  enter(info: RequestInfo, user: UserInfo): () => void {
    if (isLongRunning(info) || user.groups.includes('system:masters')) return () => {};
    const isRead = readVerbs.has(info.verb);
    if (isRead ? this.#reads >= this.#limits.readsMax : this.#writes >= this.#limits.writesMax)
      throw tooManyRequests('Too many requests, please try again later.', retryAfterSeconds);
    if (isRead) this.#reads++;
    else this.#writes++;
    return () => {
      if (isRead) this.#reads--;
      else this.#writes--;
    };
  }
}

/** Requests that last as long as the client likes. */
export function isLongRunning({ verb, resource }: RequestInfo): boolean {
  return verb === 'watch' || verb === 'proxy' || (resource !== undefined && longSubresources.has(resource.subresource));
}
