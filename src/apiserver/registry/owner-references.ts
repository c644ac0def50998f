/** Owners that an object names twice in the same words are one owner; whoever sent them is told. */
import type { KubeObject, OwnerReference } from '#apimachinery/object.js';

const found = '.metadata.ownerReferences contains duplicate entries';
const advice =
  'API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests';

/** `admitted`: after the plugins that may change the object. */
export function dropRepeatedOwners(
  { metadata }: KubeObject,
  { admitted, warn }: { admitted: boolean; warn: (text: string) => void },
): void {
  const { ownerReferences } = metadata;
  if (!ownerReferences || ownerReferences.length < 2) return;
  const kept: OwnerReference[] = [];
  const repeated: string[] = [];
  const seen = new Set<string>();
  for (const one of ownerReferences) {
    const { apiVersion, kind, name, uid, controller, blockOwnerDeletion } = one;
    const words = JSON.stringify([apiVersion, kind, name, uid, controller, blockOwnerDeletion]);
    if (seen.has(words)) repeated.push(uid);
    else kept.push(one);
    seen.add(words);
  }
  if (repeated.length === 0) return;
  metadata.ownerReferences = kept;
  const when = admitted ? ' after mutating admission happens' : '';
  warn(`${found}${when}; ${advice}; duplicate UID(s) observed: ${repeated.join(', ')}`);
}
