/** Waits until a node says that it is ready, by watching it. */
import nodes from '#api/core/node.js';
import type { Node } from '#api/gen/core-v1.js';
import { formatTime } from '#apimachinery/object.js';
import type { Clock } from '#base/clock.js';
import type { Client } from '#client/client.js';
import { CommandError } from './commands/failure.js';

const timeoutMs = 60_000;

/**
 * `sinceMs`: word from before then is an earlier process's, and does not count. Throws CommandError with the node's own
 * reason when it is not ready in time.
 */
export async function nodeReady(options: {
  client: Client;
  nodeName: string;
  clock: Clock;
  sinceMs: number;
}): Promise<void> {
  const { client, nodeName, clock, sinceMs } = options;
  const since = formatTime(sinceMs);
  const end = new AbortController();
  const timer = clock.setTimer(timeoutMs, () => end.abort());
  let last: Node | undefined;
  try {
    const fieldSelector = `metadata.name=${nodeName}`;
    for await (const event of client.of(nodes).watch({ fieldSelector, signal: end.signal })) {
      if (event.type !== 'ADDED' && event.type !== 'MODIFIED') continue;
      last = event.object;
      const ready = readyCondition(last);
      if (ready?.status === 'True' && (ready.lastHeartbeatTime ?? '') >= since) return;
    }
  } finally {
    timer.cancel();
    end.abort();
  }
  const why = readyCondition(last)?.message ?? 'it has not registered';
  throw new CommandError(`node ${nodeName} is not ready after ${timeoutMs / 1000} s: ${why}`);
}

function readyCondition(node: Node | undefined) {
  return node?.status?.conditions?.find(({ type }) => type === 'Ready');
}
