/** What answers on paths that are no resources, and what upstream's router asks of requests to some of them. */
import type { Answer, Call } from './call.js';
import { methodNotAllowed } from './handlers/subresource.js';
import { checkRouted, type Media, negotiate } from './media.js';
import type { RequestInfo } from './request-info.js';

/** Answers a request on a path that is no resource; undefined when the path is not its own. */
export interface PathHandler {
  (call: Call, info: RequestInfo): Promise<Answer | undefined> | Answer | undefined;
  /** For one behind upstream's router, or that answers with objects. Default: any method, and one form. */
  route?: (info: RequestInfo) => Route;
}

export interface Route {
  /** The types that a client must take one of. Default: it is not behind the router. */
  gives?: readonly string[];
}

/**
 * The router looks at methods and types; what is not behind it takes any. Gives the form of an answer that is an object,
 * and throws StatusError.
 */
export function checkRoute(
  { method, headers, user }: Call,
  { info, answer, route }: { info: RequestInfo; answer: Answer; route: Route },
): Media | undefined {
  const { 'user-agent': userAgent, accept } = headers;
  if (route.gives) {
    if (method !== 'GET') throw methodNotAllowed();
    checkRouted({ accept, offered: route.gives });
  }
  if (answer.type !== 'value' || user) return undefined;
  return negotiate({ accept, userAgent, query: info.query, protobuf: true, tables: false });
}
