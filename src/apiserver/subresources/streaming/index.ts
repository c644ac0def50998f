/** The subresources that reach into nodes and pods: logs, exec, attach, port forwarding and proxies. */
import type { Clock } from '#base/clock.js';
import type { Prng } from '#base/prng.js';
import type { SubresourceHandler } from '../subresource.js';
import type { KubeletClient } from './backend.js';
import { podLogHandler } from './pod-log.js';
import { podStreamHandlers } from './pod-streams.js';
import { proxyHandlers } from './proxies.js';

export interface StreamingOptions {
  /** How the API server proves to kubelets who it is, and whom it believes to be one. */
  kubeletClient: KubeletClient;
  clock: Clock;
  prng: Prng;
}

export function streamingSubresources(options: StreamingOptions): SubresourceHandler[] {
  return [podLogHandler(options), ...podStreamHandlers(options), ...proxyHandlers(options)];
}
