/** How a simulated container ends: as its arguments say, by its index in a Job or by how often it was started before. */
import type { ContainerConfig } from '#kubelet/runtime/runtime.js';

/**
 * `exit 1 0`: the first ends with 1 and all after it with 0. `run` instead of a number goes on for ever. The first is
 * that of index 0 where there are indexes, else the container's first start.
 */
export function ending({ args, env, attempt }: ContainerConfig): { ms: number; exitCode: number } | undefined {
  const [word, ...codes] = args;
  if (word !== 'exit') return undefined;
  const index = env.find(({ name }) => name === 'JOB_COMPLETION_INDEX')?.value;
  const code = codes[Math.min(index === undefined ? attempt : Number(index), codes.length - 1)];
  return code === 'run' ? undefined : { ms: 300, exitCode: Number(code) };
}
