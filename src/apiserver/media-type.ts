/** Reads Accept and Content-Type (RFC 9110 sections 8.3 and 12.5). */

export interface MediaType {
  /** Lower case, without parameters: `application/json`, or with wildcards. */
  type: string;
  params: Record<string, string>;
}

/** Clients send the same few headers again and again. */
const parsedMax = 128;
const parsed = new Map<string | undefined, readonly MediaType[]>();

/** What a client takes, best first; an equal quality keeps the order given. To upstream a quality of 0 is but the last. */
export function parseAccept(header: string | undefined): readonly MediaType[] {
  let types = parsed.get(header);
  if (!types) {
    types = readAccept(header);
    if (parsed.size >= parsedMax) parsed.clear();
    parsed.set(header, types);
  }
  return types;
}

function readAccept(header: string | undefined): MediaType[] {
  if (header === undefined || header.trim() === '') return [{ type: '*/*', params: {} }];
  return header
    .split(',', acceptClausesMax)
    .map(parseMediaType)
    .filter(({ type }) => type !== '')
    .map((media) => ({ media, quality: qualityOf(media) }))
    .sort((a, b) => b.quality - a.quality)
    .map(({ media }) => media);
}

const acceptClausesMax = 64;

export function parseMediaType(text: string): MediaType {
  const [type = '', ...rest] = text.split(';');
  const params: Record<string, string> = {};
  for (const part of rest) {
    const equals = part.indexOf('=');
    if (equals < 0) continue;
    const name = part.slice(0, equals).trim().toLowerCase();
    params[name] = part
      .slice(equals + 1)
      .trim()
      .replace(/^"(.*)"$/, '$1');
  }
  return { type: type.trim().toLowerCase(), params };
}

function qualityOf({ params }: MediaType): number {
  const quality = params['q'] === undefined ? 1 : Number(params['q']);
  return Number.isNaN(quality) ? 1 : quality;
}

/** Whether a clause, which may have wildcards, takes a type. */
export function accepts({ type }: MediaType, offered: string): boolean {
  return type === '*/*' || type === offered || (type.endsWith('/*') && offered.startsWith(type.slice(0, -1)));
}
