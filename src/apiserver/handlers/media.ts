/** In which form the answer of a handler is given: what the client wants, held against what the resource can be shown as. */
import type { AnyResource } from '#api/resource.js';
import type { Answer } from '../call.js';
import { servesProtobuf } from '../http/protobuf.js';
import { checkShown, type Media, negotiate, schemalessType } from '../media.js';
import type { ResourceRequest } from '../request-info.js';
import { type HandlerContext, kindOf } from './context.js';

/** Throws StatusError (406) when there is none that the client takes. */
export function negotiated(context: HandlerContext): Media {
  const { call, info, resource, schemas } = context;
  const { accept, 'user-agent': userAgent } = call.headers;
  const protobuf = servesProtobuf(schemas, kindOf(context));
  return negotiate({
    accept,
    userAgent,
    query: info.query,
    streams: info.verb === 'watch',
    lists: info.verb === 'list',
    tables: hasTable(resource, info.resource),
    routed: protobuf,
    protobuf,
  });
}

/** Throws StatusError when the answer cannot be shown as asked for. */
export function checkAnswer(answer: Answer, media: Media, context: HandlerContext): void {
  if (!media.as || isStatus(answer)) return;
  const { query } = context.info;
  checkShown(media, { answer: formOf(answer), goType: () => goTypeOf(context), query });
}

function isStatus(answer: Answer): boolean {
  return answer.type === 'value' && (answer.value as { kind?: string }).kind === 'Status';
}

function formOf(answer: Answer): 'list' | 'object' | 'events' {
  if (answer.type === 'watch') return 'events';
  return answer.type === 'list' || (answer.type === 'value' && 'items' in answer.value) ? 'list' : 'object';
}

/** As upstream's messages name the type of an object: `*apps.Deployment`. */
function goTypeOf(context: HandlerContext): string {
  const { resource, schemas } = context;
  if (!servesProtobuf(schemas, kindOf(context))) return schemalessType;
  return `*${resource.group.split('.', 1)[0] || 'core'}.${resource.kind}`;
}

/** Objects that can be read have columns; what is only created, a review or a binding, has none. */
function hasTable({ verbs, subresources }: AnyResource, { subresource }: ResourceRequest): boolean {
  const own = subresources?.others?.find(({ name }) => name === subresource);
  return (own?.verbs ?? verbs).some((verb) => verb !== 'create');
}
