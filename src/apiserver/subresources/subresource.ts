/**
 * The contract of the handlers behind subresources (binding, scale, token, log, exec, ...) and behind resources that
 * are never stored (reviews). A handler is a value in a table; the pipeline has authenticated and authorized the
 * request, decoded and defaulted its body and admitted it before a handler runs. `status`, and `finalize` of
 * namespaces, are the registry's own and need no handler.
 */
import type { Duplex, Readable, Writable } from 'node:stream';
import type { AnyResource } from '#api/resource.js';
import type { Status } from '#apimachinery/errors.js';
import type { KubeObject } from '#apimachinery/object.js';
import type { UserInfo } from '../authentication/authenticator.js';
import type { Change, ObjectKey, Registry, Write } from '../registry/registry.js';
import type { RequestInfo, ResourceRequest } from '../request-info.js';

/** A verb without its function answers 405. Verbs here should equal those the definition declares. */
export interface SubresourceHandler {
  /** `*`: every resource whose definition declares the subresource (scale). */
  resource: '*' | { group: string; plural: string };
  /** '' is the resource itself, for one that is never stored. */
  name: string;

  /** What a table shows, where the subresource is of another kind than the resource. Default: name and age. */
  columns?(resource: AnyResource): AnyResource['columns'];

  /** GET. For a resource that is never stored, of one object. */
  get?(call: SubresourceCall): Promise<KubeObject>;
  /** GET of a collection; only for a resource that is never stored (componentstatuses). Gives the items. */
  list?(call: SubresourceCall): Promise<KubeObject[]>;
  /** POST. `body` is of the kind that the definition names, is this handler's to change, and has been admitted. */
  create?(call: SubresourceCall, body: KubeObject): Promise<KubeObject | Status>;
  /** What `update` is given has managedFields of its own, which `change` brings up to date. Default: no. */
  tracksBody?: boolean;
  /** Fills in defaults of what `create` is given, in place, where no resource of that kind does. */
  default?(body: KubeObject): void;
  /** `create` answers with what it was given, which then says who set its fields. Default: no. */
  answersBody?: boolean;
  /**
   * PUT and every PATCH (which need `get` too). `change` takes the current object of the subresource's kind, and gives
   * the wanted one, decoded, and, where it is not of the resource's kind, defaulted and admitted; it checks a resourceVersion that the client sent when the object
   * carries one. Usually: `call.registry.of(x).update(call.key, ..., call.write)`, calling `change` inside.
   */
  update?(call: SubresourceCall, change: Change<KubeObject>): Promise<KubeObject>;
  /** GET answered by a stream of bytes (log). Not admitted, like every read. */
  stream?(call: ConnectCall): Promise<void>;
  /**
   * Any method, for requests that become a connection (exec, attach, portforward, proxy). Admitted as CONNECT; verbs for
   * authorization stay those of the method (get, create, ...). Resolves when the connection is handed over or ended.
   */
  connect?(call: ConnectCall): Promise<void>;
  /** What `connect` takes. Default: those that open a stream, GET and POST. */
  methods?: readonly string[];
}

export interface SubresourceCall {
  info: RequestInfo & { resource: ResourceRequest };
  key: ObjectKey;
  /** The definition of the parent (or of the resource itself when the handler's name is ''). */
  resource: AnyResource;
  user: UserInfo;
  registry: Registry;
  /**
   * To hand on to the registry: user, dry run, manager, options, this subresource's name, and `admission: 'done'`; or
   * 'run' for an update of the resource's own kind, which the registry admits.
   */
  write: Write;
  /** Aborts when the client has gone or the server closes. */
  signal: AbortSignal;
}

export interface ConnectCall extends SubresourceCall {
  method: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The request's body as it comes; nothing has been read. */
  body: Readable;
  /**
   * Set when the client asks, over HTTP/1.1, to upgrade the connection. Without it the handler answers by `respond`.
   * The bytes of the answer, `HTTP/1.1 101 Switching Protocols` and its headers first, are the handler's to write.
   */
  upgrade?: {
    /** Lower-case, of the Upgrade header: `websocket` or `spdy/3.1`. */
    protocol: string;
    socket: Duplex;
    /** Bytes that came after the request's head. */
    head: Buffer;
    /** The request as Node gives it, for `ws`'s handleUpgrade. */
    request: import('node:http').IncomingMessage;
  };
  /** Sends status and headers, and gives the body to write to; backpressure is the stream's. Call once. */
  respond(status: number, headers: Record<string, string>): Writable;
}
