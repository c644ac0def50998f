/**
 * What a client sends back to have the next page of a list, in upstream's form (k8s.io/apiserver `storage/continue.go`):
 * the revision that the first page was of, and the first key not yet given.
 */
import { posix } from 'node:path';
import { parseJson } from '#apimachinery/codec/parse-json.js';
import { SchemaError } from '#apimachinery/codec/schema-error.js';
import { badRequest, type StatusError } from '#apimachinery/errors.js';

export interface PageStart {
  /** undefined: the newest. */
  revision: number | undefined;
  /** The last key of the page before, without the range's prefix. */
  after: string | undefined;
}

export function encodeToken({ revision, after }: { revision: number; after: string }): string {
  const token = { v: 'meta.k8s.io/v1', rv: revision, start: `${after}\0` };
  return Buffer.from(JSON.stringify(token)).toString('base64url');
}

/** Throws StatusError (400). `version` is the request's resourceVersion. */
export function decodeToken(text: string, version: string): PageStart {
  const { v, rv, start } = parse(text);
  if (v !== 'meta.k8s.io/v1')
    throw notValid(`server does not recognize this encoded version ${typeof v === 'string' ? v : ''}`);
  if (!Number.isInteger(rv) || rv === 0)
    throw notValid('incorrect encoded start resourceVersion (version meta.k8s.io/v1)');
  if (typeof start !== 'string' || start === '') throw notValid('encoded start key empty (version meta.k8s.io/v1)');
  if (posix.normalize(`/${start}`) !== `/${start}`) throw notValid(start);
  if (version !== '' && version !== '0')
    throw badRequest('specifying resource version is not allowed when using continue');
  return { revision: (rv as number) < 0 ? undefined : (rv as number), after: keyBefore(start) };
}

function parse(text: string): { v?: unknown; rv?: unknown; start?: unknown } {
  const bytes = Buffer.from(text, 'base64url');
  const bad = firstBadByte(text);
  if (bad >= 0) throw notValid(`illegal base64 data at input byte ${bad}`);
  try {
    return (parseJson(bytes.toString('latin1')) ?? {}) as { v?: unknown };
  } catch (error) {
    if (error instanceof SchemaError) throw notValid(error.message);
    throw error;
  }
}

/** Line breaks are looked past; what is left over of the last four characters must be more than one. */
function firstBadByte(text: string): number {
  const bad = text.search(/[^\w\-\r\n]/);
  if (bad >= 0) return Buffer.byteLength(text.slice(0, bad));
  return text.replace(/[\r\n]/g, '').length % 4 === 1 ? text.length - 1 : -1;
}

/** The last key there could be before `start`, which our own tokens have right before a null. */
function keyBefore(start: string): string {
  if (start.endsWith('\0')) return start.slice(0, -1);
  return `${start.slice(0, -1)}${String.fromCharCode(start.charCodeAt(start.length - 1) - 1)}\uffff`;
}

function notValid(why: string): StatusError {
  return badRequest(`invalid continue token: continue key is not valid: ${why}`);
}
