/** What a container said of its end: the file it wrote, or the tail of its log. */
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseLogLine } from './cri-log.js';
import { type KubeletPaths, terminationMessageFile } from './paths.js';
import { podUidLabel, terminationMessagePolicyAnnotation } from './pod-state.js';
import type { ContainerState } from './runtime/runtime.js';

const messageBytesMax = 4096;
/** Of a log that stands in for a message. */
const logLinesMax = 80;
const logBytesMax = 2048;

/** Empty when there is none. Throws the file system's errors, but not for a file that is missing. */
export async function terminationMessage(
  paths: KubeletPaths,
  { container, logDirectory }: { container: ContainerState; logDirectory: string },
): Promise<string> {
  const { name, attempt, labels, annotations, exitCode, logPath } = container;
  const file = terminationMessageFile(paths, { uid: labels[podUidLabel] ?? '', name, attempt });
  const written = await readTail(file, messageBytesMax);
  if (written || annotations[terminationMessagePolicyAnnotation] !== 'FallbackToLogsOnError' || exitCode === 0)
    return written;
  const log = await readTail(resolve(logDirectory, logPath), 4 * logBytesMax);
  const lines = log.split('\n').flatMap((line) => parseLogLine(line)?.text ?? []);
  return Buffer.from(lines.slice(-logLinesMax).join('')).subarray(-logBytesMax).toString('utf8');
}

async function readTail(path: string, bytesMax: number): Promise<string> {
  const handle = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
  });
  if (!handle) return '';
  try {
    const { size } = await handle.stat();
    const length = Math.min(size, bytesMax);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.subarray(0, bytesRead).toString('utf8');
  } finally {
    await handle.close();
  }
}
