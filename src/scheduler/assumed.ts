/** What was written, or decided to be, and what the API says of it: the later of both holds. */
import type { KubeObject } from '#apimachinery/object.js';

/** The API's word, once it has heard of what was assumed. */
export function newer<T extends KubeObject>(assumed: T | undefined, said: T | undefined): T | undefined {
  return assumed && said && !isNewer(said, assumed) ? assumed : said;
}

export function isNewer(said: KubeObject, assumed: KubeObject): boolean {
  return BigInt(said.metadata.resourceVersion ?? 0) > BigInt(assumed.metadata.resourceVersion ?? 0);
}
