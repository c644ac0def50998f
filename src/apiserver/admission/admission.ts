/**
 * The last word on a write, by those who need to look at the rest of the cluster. Plugins mutate in the order that
 * `admission/order.ts` gives, then validate; webhooks and policies are plugins too.
 */
import type { AnyResource } from '#api/resource.js';
import type { KubeObject } from '#apimachinery/object.js';
import type { Annotate } from '../audit/audit.js';
import type { UserInfo } from '../authentication/authenticator.js';

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';

export interface AdmissionRequest {
  readonly operation: Operation;
  readonly resource: AnyResource;
  /** The version that the request came in. */
  readonly version: string;
  /** '' for the resource itself. */
  readonly subresource: string;
  readonly namespace: string;
  /** '' while generateName has not been resolved. */
  readonly name: string;
  /** CREATE and UPDATE: the object to be, which `mutate` may change in place. For subresources with a body of another kind, that body. */
  readonly object: KubeObject | undefined;
  /** UPDATE and DELETE: the object that is; frozen. */
  readonly old: KubeObject | undefined;
  readonly user: UserInfo;
  readonly dryRun: boolean;
  /** The request's CreateOptions, UpdateOptions, PatchOptions or DeleteOptions. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Adds a Warning header to the answer. */
  warn(text: string): void;
  /** Notes something in the request's audit event, where there is one. */
  annotate: Annotate;
}

export interface AdmissionPlugin {
  /** Upstream's name of it: `ServiceAccount`, `NamespaceLifecycle`. */
  readonly name: string;
  handles(request: AdmissionRequest): boolean;
  /** Stands for what upstream does in a registry: `mutate` runs after all others, and has no second round. */
  readonly mutatesOnce?: boolean;
  /** Throws StatusError to refuse. */
  mutate?(request: AdmissionRequest): Promise<void> | void;
  validate?(request: AdmissionRequest): Promise<void> | void;
  /** Called after `mutate` when the write then comes to nothing, so that what was taken for it can be given back. */
  abandoned?(request: AdmissionRequest): void;
}
