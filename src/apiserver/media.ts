/**
 * In which form a client wants its answer: the media type, and whether as the object, as a Table or as metadata alone.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-representations
 */
import { badRequest, notAcceptable, StatusError } from '#apimachinery/errors.js';
import { validateTableOptions } from '#apimachinery/options-validation.js';
import type { IncludeObject, MetaVersion } from '#apimachinery/table.js';
import { parseAccept } from './media-type.js';

export type Format = 'json' | 'yaml' | 'protobuf';

export interface Media {
  format: Format;
  as?: { kind: 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList'; version: MetaVersion };
  pretty: boolean;
}

export const contentTypes: Record<Format, string> = {
  json: 'application/json',
  yaml: 'application/yaml',
  protobuf: 'application/vnd.kubernetes.protobuf',
};

const formats: Record<string, Format> = {
  'application/json': 'json',
  'application/yaml': 'yaml',
  'application/vnd.kubernetes.protobuf': 'protobuf',
  'application/*': 'json',
  '*/*': 'json',
};

/** The types that built-in kinds are told in. */
export const accepted = Object.values(contentTypes);
const routedStreams = [`${contentTypes.json};stream=watch`, `${contentTypes.protobuf};stream=watch`];

export interface Negotiation {
  accept: string | undefined;
  userAgent: string | undefined;
  query: URLSearchParams;
  /** Whether the answer is a stream of events, for which YAML will not do. */
  streams?: boolean;
  /** Whether upstream's router looks at the types first: for all kinds but custom ones. Default: no. */
  routed?: boolean;
  /** Whether the kind has a protobuf form; custom resources have none. */
  protobuf: boolean;
  /** Whether the answer may be a list: upstream's router offers streams for the same path. */
  lists?: boolean;
  /** Whether the kind can be shown as a Table; what is only created, such as a review, cannot. Default: true. */
  tables?: boolean;
}

/** The first acceptable clause of the highest quality. Throws StatusError (406) when there is none. */
export function negotiate(wanted: Negotiation): Media {
  if (wanted.routed) {
    const { accept, lists, streams } = wanted;
    checkRouted({ accept, offered: lists || streams ? [...accepted, ...routedStreams] : accepted });
  }
  const media = choose(wanted);
  if (!media) throw notAcceptable(accepted);
  if (!wanted.streams) return media;
  const streamed = choose(wanted, { streamed: true });
  if (!streamed) throw notAcceptable(routedStreams);
  return streamed;
}

/** In which a failure is told, which is an object of a built-in kind, never shown as something else. */
export function refusalMedia(
  { accept, 'user-agent': userAgent }: { accept?: string | undefined; 'user-agent'?: string | undefined },
  query = new URLSearchParams(),
): Media {
  const media = choose({ accept, userAgent, query, protobuf: true }, { whole: true });
  // To who takes nothing upstream writes JSON to be read by people.
  return media ?? { format: 'json', pretty: true };
}

function choose(
  { accept, userAgent, query, protobuf, tables = true }: Negotiation,
  { streamed = false, whole = false } = {},
): Media | undefined {
  for (const { type, params } of parseAccept(accept)) {
    const format = formats[type];
    if (
      !format ||
      !isStreamable(params, format) ||
      (streamed && format === 'yaml') ||
      (format === 'protobuf' && !protobuf)
    )
      continue;
    const as = transformOf(params, format);
    if (whole && params['as']) continue;
    if (as !== 'unknown' && (tables || as?.kind !== 'Table')) return { format, as, pretty: isPretty(query, userAgent) };
  }
  return undefined;
}

/** Only watches are streamed, of what is framed; and nobody may choose a version of the server. */
function isStreamable({ stream, sv }: Record<string, string>, format: Format): boolean {
  return !sv && (!stream || (stream === 'watch' && format !== 'yaml'));
}

/** Throws the 406 of upstream's router, which compares types as they are written and knows no `application/*`. */
export function checkRouted({
  accept = '',
  offered,
}: {
  accept: string | undefined;
  offered: readonly string[];
}): void {
  const types = accept.split(',').map((clause) => clause.split(';', 1)[0]!.trim());
  if (accept.trim() === '' || types.some((type) => type === '*/*' || offered.includes(type))) return;
  const message = `406: Not Acceptable\n\nAvailable representations: ${offered.join(', ')}`;
  throw new StatusError({ reason: 'NotAcceptable', message, details: {} });
}

function transformOf(params: Record<string, string>, format: Format): Media['as'] | 'unknown' {
  const { as: kind, g, v: version } = params;
  if (kind === undefined && g === undefined && version === undefined) return undefined;
  if (g !== 'meta.k8s.io' || (version !== 'v1' && version !== 'v1beta1')) return 'unknown';
  if (kind === 'Table') return format === 'protobuf' ? 'unknown' : { kind, version };
  if (kind === 'PartialObjectMetadata' || kind === 'PartialObjectMetadataList') return { kind, version };
  return 'unknown';
}

/** Browsers and command-line tools get indented JSON without asking, as upstream does it. */
export function isPretty(query: URLSearchParams, userAgent = ''): boolean {
  const asked = query.get('pretty');
  if (asked !== null) return asked !== 'false' && asked !== '0';
  return /^(curl|Wget|Mozilla\/5\.0)/.test(userAgent);
}

/** The Go type of every custom resource. */
export const schemalessType = '*unstructured.Unstructured';

/** Throws StatusError when the answer cannot be shown as asked for. `goType` gives upstream's name of the kind's type. */
export function checkShown(
  { as }: Media,
  { answer, goType, query }: { answer: 'list' | 'object' | 'events'; goType: () => string; query: URLSearchParams },
): void {
  if (!as) return;
  if (as.kind === 'Table') {
    const errors = validateTableOptions({ includeObject: query.get('includeObject') ?? undefined });
    if (errors.length > 0) throw badRequest(`Unable to convert to Table as requested: ${errors[0]!.message}`);
  } else if (answer === 'list' && as.kind === 'PartialObjectMetadata')
    throw notShown(`you requested PartialObjectMetadata, but the requested object is a list (${goType()}List)`);
  else if (answer === 'object' && as.kind === 'PartialObjectMetadataList') {
    const type = goType();
    // To upstream an object without a Go type might have been one.
    if (type === schemalessType) throw new StatusError({ message: 'content is not a list', code: 500 });
    throw notShown(`you requested PartialObjectMetadataList, but the requested object is not a list (${type})`);
  }
}

function notShown(message: string): StatusError {
  return new StatusError({ reason: 'NotAcceptable', message });
}

export function includeObjectOf(query: URLSearchParams): IncludeObject | undefined {
  return (query.get('includeObject') || undefined) as IncludeObject | undefined;
}
