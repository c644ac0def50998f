/** What all versions of a custom resource say alike. */
import type { CustomResourceDefinitionVersion } from '#api/gen/apiextensions-v1.js';
import { equal } from '#base/json.js';

/** Is told of the definition as a whole, where the API had it before it had versions. */
export function sharedFields(versions: readonly CustomResourceDefinitionVersion[]): ReadonlySet<SharedField> {
  const [first] = versions;
  const fields: SharedField[] = ['schema', 'subresources', 'additionalPrinterColumns', 'selectableFields'];
  return new Set(fields.filter((field) => versions.every((version) => equal(version[field], first?.[field]))));
}

export type SharedField = 'schema' | 'subresources' | 'additionalPrinterColumns' | 'selectableFields';
