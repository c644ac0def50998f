/**
 * In which form a client wants its answer: the media type, and whether as the object, as a Table or as metadata alone.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-representations
 */
import { notAcceptable } from '#apimachinery/errors.js';
import type { MetaVersion } from '#apimachinery/table.js';
import { parseAccept } from './media-type.js';

export type Format = 'json' | 'yaml' | 'protobuf';

export interface Media {
  format: Format;
  as?: { kind: 'Table' | 'PartialObjectMetadata'; version: MetaVersion };
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

const accepted = Object.values(contentTypes);
const acceptedStreams = [contentTypes.json, `${contentTypes.protobuf};stream=watch`];

export interface Negotiation {
  accept: string | undefined;
  userAgent: string | undefined;
  query: URLSearchParams;
  /** Whether the answer is a stream of events, for which YAML will not do. */
  streams?: boolean;
  /** Whether the kind has a protobuf form; custom resources have none. */
  protobuf: boolean;
  /** Whether the kind can be shown as a Table; what is only created, such as a review, cannot. Default: true. */
  tables?: boolean;
}

/** The first acceptable clause of the highest quality. Throws StatusError (406) when there is none. */
export function negotiate(wanted: Negotiation): Media {
  const { accept, userAgent, query, streams = false, protobuf, tables = true } = wanted;
  const pretty = isPretty(query, userAgent);
  for (const { type, params } of parseAccept(accept)) {
    const format = formats[type];
    if (!format || (streams && format === 'yaml') || (format === 'protobuf' && !protobuf)) continue;
    const as = transformOf(params, format);
    if (as !== 'unknown' && (tables || as?.kind !== 'Table')) return { format, as, pretty };
  }
  const offered = streams ? acceptedStreams : accepted;
  throw notAcceptable(offered);
}

function transformOf(params: Record<string, string>, format: Format): Media['as'] | 'unknown' {
  const kind = params['as'];
  if (!kind) return undefined;
  const version = params['v'];
  if (params['g'] !== 'meta.k8s.io' || (version !== 'v1' && version !== 'v1beta1')) return 'unknown';
  if (kind === 'Table') return format === 'protobuf' ? 'unknown' : { kind, version };
  if (kind === 'PartialObjectMetadata' || kind === 'PartialObjectMetadataList')
    return { kind: 'PartialObjectMetadata', version };
  return 'unknown';
}

/** Browsers and command-line tools get indented JSON without asking, as upstream does it. */
export function isPretty(query: URLSearchParams, userAgent = ''): boolean {
  const asked = query.get('pretty');
  if (asked !== null) return asked !== 'false' && asked !== '0';
  return /^(curl|Wget|Mozilla\/5\.0)/.test(userAgent);
}
