/** The subresources that reach into nodes and pods: logs, exec, attach, port forwarding and proxies. */
import type { SubresourceHandler } from '../subresource.js';
import type { StreamingOptions } from './options.js';
import { podLogHandler } from './pod-log.js';
import { podStreamHandlers } from './pod-streams.js';
import { proxyHandlers } from './proxies.js';

export function streamingSubresources(options: StreamingOptions): SubresourceHandler[] {
  return [podLogHandler(options), ...podStreamHandlers(options), ...proxyHandlers(options)];
}
