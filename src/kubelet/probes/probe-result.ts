/** What one probe found. */

export interface ProbeResult {
  result: 'success' | 'failure' | 'unknown';
  /** For the event that tells of a failure. */
  output: string;
  /** It succeeded, and is told of all the same. */
  isWarning?: boolean;
}
