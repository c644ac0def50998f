/** What a request says of who writes, and what its path keeps it from writing. */
import { fieldManagerBytesMax } from '../metadata-validation.js';

/**
 * The fieldManager parameter, else the part of the user agent before the first slash: printable, at most 128 bytes,
 * `unknown` when nothing is left.
 */
export function fieldManagerName(request: {
  fieldManager?: string | undefined;
  userAgent?: string | undefined;
}): string {
  const { fieldManager, userAgent = '' } = request;
  if (fieldManager) return fieldManager;
  const product = userAgent.split('/', 1)[0]!;
  if (product && product.length <= fieldManagerBytesMax && /^[ -~]*$/.test(product)) return product;
  let name = '';
  let bytes = 0;
  for (const rune of product) {
    if (!/[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(rune)) continue;
    bytes += Buffer.byteLength(rune);
    if (bytes > fieldManagerBytesMax) break;
    name += rune;
  }
  return name || 'unknown';
}

/**
 * The fields that a write cannot change, and that it is not held to own. A kind with a status subresource changes its
 * status through that alone, and its spec not through it; what else that leaves alone, its definition says.
 */
export function resetFieldsOf(write: {
  subresource?: string | undefined;
  hasStatus: boolean;
  statusKeeps?: 'metadata' | 'settled' | readonly string[] | undefined;
}): readonly string[][] {
  const { subresource, hasStatus, statusKeeps = [] } = write;
  if (!hasStatus) return [];
  if (subresource !== 'status') return subresource && subresource !== 'finalize' ? [] : [['status']];
  return [
    ['spec'],
    ...(typeof statusKeeps === 'string' ? [['metadata']] : statusKeeps.map((name) => ['metadata', name])),
  ];
}
