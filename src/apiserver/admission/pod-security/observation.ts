/** What pod security tells of its decisions to whoever counts them. */
import type { AdmissionRequest } from '../admission.js';

export interface PodSecurityObservation {
  request: Pick<AdmissionRequest, 'operation' | 'resource' | 'subresource'>;
  outcome:
    | 'exempt'
    | { decision: 'allow' | 'deny'; mode: 'enforce' | 'audit' | 'warn'; level: string; version: string };
}
