/**
 * Writing YAML, loaded by those who need it with a dynamic import of this file. The package itself must not be imported that
 * way: it is CommonJS, and a bundle gives its names to static imports only.
 */
import { stringify } from 'yaml';

/** As sigs.k8s.io/yaml writes it: sorted keys, lists not indented, long lines left whole, YAML 1.1 words quoted. */
export function formatYaml(value: unknown): string {
  return stringify(value, {
    version: '1.1',
    sortMapEntries: true,
    indentSeq: false,
    lineWidth: 0,
    aliasDuplicateObjects: false,
  });
}
