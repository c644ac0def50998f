/** `t8s doctor`: each precondition of a cluster on this machine, and the command that mends what is missing. */
import { resolveConfig } from '../config.js';
import { type Finding, findings } from '../machine/doctor.js';
import { thisMachine } from '../machine/this-machine.js';

export async function doctor(flags: Record<string, unknown>): Promise<void> {
  const machine = thisMachine();
  const config = resolveConfig({ flags, env: process.env, ...machine });
  const found = await findings(config, machine);
  process.stdout.write(formatFindings(found));
  process.exitCode = found.some(({ state }) => state === 'missing') ? 1 : 0;
}

export function formatFindings(found: readonly Finding[]): string {
  const marks = { good: '✓', missing: '✗', note: '·' };
  const lines = found.flatMap(({ name, state, detail, mend }) => [
    `  ${marks[state]} ${name.padEnd(16)} ${detail}`,
    ...(mend ? [`      mend: ${mend}`] : []),
  ]);
  const missing = found.filter(({ state }) => state === 'missing').length;
  const end =
    missing === 0
      ? 'This machine can run containers.'
      : `${missing} of ${found.length} to mend; --runtime simulated works without.`;
  return `${lines.join('\n')}\n\n${end}\n`;
}
