/** `t8s status` */
import { resolveConfig } from '../config.js';
import { type ClusterStatus, readStatus } from '../control.js';
import { thisMachine } from '../machine/this-machine.js';
import { seconds } from './terminal.js';

export async function status(flags: Record<string, unknown>): Promise<void> {
  const { dataDir } = resolveConfig({ flags, env: process.env, ...thisMachine() });
  const found = await readStatus(dataDir);
  if (found) process.stdout.write(formatStatus(found));
  else process.stdout.write(`no cluster runs in ${dataDir}\n`);
  process.exitCode = found?.state === 'ready' ? 0 : 1;
}

export function formatStatus({ pid, version, dataDir, runtime, endpoint, steps, state }: ClusterStatus): string {
  const marks = { done: '✓', failed: '✗', running: '…' };
  const lines = [
    `${state}: t8s ${version}, process ${pid}`,
    `  data      ${dataDir}`,
    `  runtime   ${runtime}`,
    `  endpoint  ${endpoint ?? 'not yet'}`,
    ...steps.map((step) =>
      `  ${marks[step.state]} ${step.name} ${step.state === 'running' ? '' : seconds(step.ms)} ${step.detail ?? ''}`.trimEnd(),
    ),
  ];
  return `${lines.join('\n')}\n`;
}
