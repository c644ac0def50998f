/** What is allowed in a definition, and most likely not meant. */
import type { CustomResourceDefinition } from '#api/gen/apiextensions-v1.js';
import { isKnownFormat } from '#apimachinery/structural/formats.js';
import { type Schema, visitSchemas } from '#apimachinery/structural/schema.js';

/** Formats that nothing checks, and that the definition did not have before. */
export function schemaWarnings(crd: CustomResourceDefinition, old: CustomResourceDefinition | undefined): string[] {
  const known = old ? unknownFormats(old) : new Set();
  const added = [...unknownFormats(crd)].filter((format) => !known.has(format));
  return added.map((format) => `unrecognized format ${JSON.stringify(format)}`);
}

function unknownFormats({ spec }: CustomResourceDefinition): Set<string> {
  const formats = new Set<string>();
  for (const { schema } of spec.versions)
    if (schema?.openAPIV3Schema)
      visitSchemas(schema.openAPIV3Schema as Schema, ({ format, type }) => {
        if (format && !isKnownFormat(format, type)) formats.add(format);
      });
  return formats;
}
