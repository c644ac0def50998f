/** Upstream's own words for fields, which headers of tables show. */
import { fieldTexts } from '../gen/field-texts.js';

/**
 * Of a field, as `core.v1.PodStatus.podIP`. `npm run generate` finds what is asked for by the calls of this function,
 * so each names its field in place.
 */
export function fieldText(field: string): string {
  const text = fieldTexts[field] ?? '';
  // Upstream keeps the paragraphs of ObjectMeta's texts, and runs all others together.
  return field.startsWith('meta.') ? text : text.replaceAll('\n', ' ');
}
