/**
 * The text of a resourceVersion: to clients opaque, to us (as to upstream with etcd) a whole number.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
 */
import { quote } from '#base/go-text.js';

/** As many bits as upstream's have. */
const versionsMax = 1n << 64n;
const digitsMax = 20;

export function isVersion(text: string): boolean {
  if (!/^\d+$/.test(text)) return false;
  return text.length < digitsMax || (text.length <= 100 && BigInt(text) < versionsMax);
}

/** Why a text is none, in Go's words. */
export function versionProblem(text: string): string {
  const why = /^\d+$/.test(text) ? 'value out of range' : 'invalid syntax';
  return `strconv.ParseUint: parsing ${quote(text)}: ${why}`;
}
