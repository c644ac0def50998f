/** What the handlers that reach into nodes and pods are made with. */
import type { Clock } from '#base/clock.js';
import type { Prng } from '#base/prng.js';
import type { KubeletClient } from './backend.js';

export interface StreamingOptions {
  /** How the API server proves to kubelets who it is, and whom it believes to be one. */
  kubeletClient: KubeletClient;
  clock: Clock;
  prng: Prng;
}
