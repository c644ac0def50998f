/** What the user's file says to one admission plugin. */
import { type ConfigurationKind, convertConfiguration } from '../configuration-file.js';
import type { YamlDocument } from '../handlers/yaml/index.js';

export class PluginConfiguration {
  /** Of the file that it stands in, for errors and for paths relative to it. */
  readonly path: string;
  readonly #document: YamlDocument;

  constructor(path: string, document: YamlDocument) {
    this.path = path;
    this.#document = document;
  }

  /** Throws ConfigurationError. */
  typed<T>(kind: ConfigurationKind): T {
    return convertConfiguration<T>(this.#document, { path: this.path, ...kind }).value;
  }

  /** Of a plugin whose configuration has no kind and is not read strictly. */
  untyped(): Record<string, unknown> {
    const { value } = this.#document;
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  }
}
