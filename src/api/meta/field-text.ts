/** Upstream's own words for fields, which headers of tables show. */
import { fieldTexts } from '../gen/field-texts.js';

/**
 * Of a field, as `core.v1.PodStatus.podIP`. `npm run generate` finds what is asked for by the calls of this function,
 * so each names its field in place.
 */
export function fieldText(field: string): string {
  return (fieldTexts[field] ?? '').replaceAll('\n', ' ');
}
