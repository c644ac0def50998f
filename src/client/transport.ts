/** How a client reaches an API server: in process or over HTTPS. Nothing above this line knows which. */

export interface ApiRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Absolute and already escaped, without a query: `/api/v1/namespaces/default/pods`. */
  path: string;
  query?: Record<string, string | undefined>;
  /** A JSON value. The in-process transport takes ownership: the caller must not change it afterwards. */
  body?: unknown;
  /** Default `application/json`; for a PATCH one of the patch types. */
  contentType?: string;
  signal?: AbortSignal;
}

export interface ApiResponse {
  status: number;
  /** The decoded answer, frozen. */
  body: unknown;
}

export type WatchEvent<T = unknown> =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: T }
  /** Carries metadata.resourceVersion, and the annotation k8s.io/initial-events-end at the end of initial events. */
  | { type: 'BOOKMARK'; object: T };

export interface Transport {
  /** Throws StatusError for an answer that is a failure, TransportError when there was no answer. */
  request(request: ApiRequest): Promise<ApiResponse>;
  /**
   * The events of a GET with `watch=true`, until the server ends the stream or the signal aborts (both end the iterable
   * without an error). Objects are frozen. An ERROR event is thrown as StatusError (410 Expired: list again).
   */
  watch(request: ApiRequest): AsyncIterable<WatchEvent>;
}

/** The request may or may not have been carried out. */
export class TransportError extends Error {
  override readonly name = 'TransportError';
}
