/** What policies tell of each expression that they evaluate, for metrics. */

export interface PolicyObservation {
  kind: 'validating' | 'mutating';
  policy: string;
  binding: string;
  error: 'no_error' | 'compile_error' | 'invalid_error' | 'out_of_budget';
  /** Of validating policies: `allow`, or what the binding says. */
  action?: string;
  durationMs: number;
}

/** As upstream tells failures apart: by their words. */
export function errorTypeOf(message: string): PolicyObservation['error'] {
  if (message.startsWith('compilation')) return 'compile_error';
  const isSpent = message.startsWith('validation failed due to running out of cost budget');
  return isSpent ? 'out_of_budget' : 'invalid_error';
}
