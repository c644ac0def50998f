/** What is wrong with a YAML text; the message is upstream's. */
export class YamlError extends Error {
  override readonly name = 'YamlError';
  readonly reason: 'syntax' | 'value' | 'aliases';

  constructor(reason: 'syntax' | 'value' | 'aliases', message: string) {
    super(message);
    this.reason = reason;
  }
}
