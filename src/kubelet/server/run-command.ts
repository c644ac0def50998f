/** POST /run: one command in a container, its output in one answer; for those who have no streams. */
import type { ServerResponse } from 'node:http';
import type { Refusal } from './access.js';
import { findPod, type ServedNode } from './served-node.js';

/** Answers, or gives the refusal to answer with. `parts`: namespace, pod, perhaps its uid, container. */
export async function serveRun(
  { pods: served, runtime }: ServedNode,
  { parts, query, response }: { parts: readonly string[]; query: URLSearchParams; response: ServerResponse },
): Promise<Refusal | undefined> {
  const [namespace = '', name = ''] = parts;
  const container = parts.at(-1)!;
  const pod = findPod(served, { namespace, name });
  if (!pod) return { code: 404, text: 'pod does not exist' };
  const containerId = served.containerId(pod, container);
  if (!containerId) return { code: 500, text: `container not found (${JSON.stringify(container)})` };
  // As upstream, by blanks alone: there is no shell.
  const command = (query.get('cmd') ?? '').split(' ');
  const { exitCode, stdout, stderr } = await runtime.exec(containerId, command, { timeoutMs: 0 });
  if (exitCode !== 0) {
    const why = `exited with ${exitCode}: ${Buffer.from(stderr).toString('utf8')}`;
    return { code: 500, text: `command '${command.join(' ')}' ${why}` };
  }
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(Buffer.concat([stdout, stderr]));
  return undefined;
}
