/** A short hash of a text, which is neither secret nor free of collisions. */

/** The 32-bit FNV-1a hash of the UTF-8 text (draft-eastlake-fnv). */
export function fnv1a32(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
