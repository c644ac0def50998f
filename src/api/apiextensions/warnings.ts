/** What is allowed in a definition, and most likely not meant. */
import type { CustomResourceDefinition } from '#api/gen/apiextensions-v1.js';
import { isKnownFormat } from '#apimachinery/structural/formats.js';
import { itemsOf, type Schema, visitSchemas } from '#apimachinery/structural/schema.js';

/** Those that the definition did not have before. */
export function schemaWarnings(crd: CustomResourceDefinition, old: CustomResourceDefinition | undefined): string[] {
  const known = new Set(old ? warningsOf(old) : []);
  return warningsOf(crd).filter((text) => !known.has(text));
}

function warningsOf({ spec }: CustomResourceDefinition): string[] {
  const formats = new Set<string>();
  const sets = new Set<string>();
  for (const { schema } of spec.versions) {
    if (!schema?.openAPIV3Schema) continue;
    visitSchemas(schema.openAPIV3Schema as Schema, (one) => {
      const { format, type } = one;
      if (format && !isKnownFormat(format, type)) formats.add(`unrecognized format ${JSON.stringify(format)}`);
      const of = one['x-kubernetes-list-type'] === 'set' ? itemsOf(one)?.type : undefined;
      if (of === 'object' || of === 'array')
        sets.add(
          `x-kubernetes-list-type: set for items of type "${of}" is not supported by server-side apply or CEL validation rules`,
        );
    });
  }
  return [...formats, ...[...sets].sort()];
}
