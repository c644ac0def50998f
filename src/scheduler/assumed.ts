/** What was written, or decided to be, and what the API says of it: the later of both holds. */
import { isNewer, type KubeObject } from '#apimachinery/object.js';

export { isNewer };

/** The API's word, once it has heard of what was assumed. */
export function newer<T extends KubeObject>(assumed: T | undefined, said: T | undefined): T | undefined {
  return assumed && said && !isNewer(said, assumed) ? assumed : said;
}
