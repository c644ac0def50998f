/** A text of the API's small languages (quantities, selectors, patches, CEL) that cannot be read. */

export type ParseReason =
  | 'Quantity'
  | 'LabelSelector'
  | 'FieldSelector'
  | 'FieldsV1'
  | 'JSONPath'
  | 'CEL'
  | 'ManagedFields';

/** Whoever knows where the text came from turns it into a Status, a field error or a warning. */
export class ParseError extends Error {
  override readonly name = 'ParseError';
  readonly reason: ParseReason;

  constructor(reason: ParseReason, message: string) {
    super(message);
    this.reason = reason;
  }
}
