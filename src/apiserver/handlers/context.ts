/** What a handler of a verb is given: the request as the pipeline has understood it, and where to read and write. */
import type { AnyResource } from '#api/resource.js';
import { badRequest } from '#apimachinery/errors.js';
import { pathSegmentProblems } from '#apimachinery/names.js';
import { formatApiVersion, type GroupVersionKind } from '#apimachinery/object.js';
import type { SchemaTable } from '#apimachinery/schema.js';
import type { Clock } from '#base/clock.js';
import { quote } from '#base/go-text.js';
import type { Prng } from '#base/prng.js';
import type { Turns } from '#base/turns.js';
import type { Annotate } from '../audit/audit.js';
import type { AuditRecord } from '../audit/record.js';
import type { UserInfo } from '../authentication/authenticator.js';
import type { Call } from '../call.js';
import type { ObjectKey } from '../registry/registry.js';
import type { ObjectRegistry, ObjectStore } from '../registry/store.js';
import type { RequestInfo, ResourceRequest } from '../request-info.js';
import type { SubresourceHandler } from '../subresources/subresource.js';

export interface HandlerContext {
  call: Call;
  info: RequestInfo & { resource: ResourceRequest };
  user: UserInfo;
  resource: AnyResource;
  store: ObjectStore;
  registry: ObjectRegistry;
  schemas: SchemaTable;
  /** Of the subresource asked for, or of a resource that is never stored. */
  handler: SubresourceHandler | undefined;
  clock: Clock;
  prng: Prng;
  warn(text: string): void;
  annotate: Annotate;
  /** Set where the body that was read is large. */
  turns?: Turns | undefined;
  /** Absent for a request that is not audited. */
  record?: AuditRecord;
}

/** Throws StatusError (400) for a name that no object can have. */
export function keyOf({ info, resource }: HandlerContext): ObjectKey {
  const { name } = info.resource;
  const problems = pathSegmentProblems(name);
  if (problems.length > 0) throw badRequest(`Name parameter invalid: ${quote(name)}: ${problems.join(';')}`);
  return { namespace: resource.namespaced ? info.resource.namespace : '', name: info.resource.name };
}

/** What the resource's objects are, in the version of the request. */
export function kindOf({ info, resource }: Pick<HandlerContext, 'info' | 'resource'>): GroupVersionKind {
  const { group, version } = info.resource;
  return { group, version, kind: resource.kind };
}

export function apiVersionOf({ info }: HandlerContext): string {
  return formatApiVersion(info.resource);
}
