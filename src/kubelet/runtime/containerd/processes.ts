/** Naming processes on this machine so that a reused process id is never taken for the process that had it before. */
import { readdir, readFile } from 'node:fs/promises';
import type { Clock } from '#base/clock.js';
import { isErrno } from './host.js';

export interface ProcessName {
  pid: number;
  /** Clock ticks since boot, from /proc/PID/stat: no two processes share pid and start. */
  startTicks: string;
}

export async function nameProcess(pid: number): Promise<ProcessName | undefined> {
  const stat = await readProc(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The command may hold spaces and parentheses, so fields are counted from its last one: proc(5).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, startTicks] = [fields[0], fields[19]];
  if (startTicks === undefined || state === 'Z' || state === 'X') return undefined;
  return { pid, startTicks };
}

export async function isAlive(name: ProcessName): Promise<boolean> {
  return (await nameProcess(name.pid))?.startTicks === name.startTicks;
}

/** Processes one of whose arguments is exactly `argument`. */
export async function processesWithArgument(argument: string): Promise<ProcessName[]> {
  const found: ProcessName[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const commandLine = await readProc(`/proc/${entry}/cmdline`);
    if (!commandLine?.split('\0').includes(argument)) continue;
    const name = await nameProcess(Number(entry));
    if (name) found.push(name);
  }
  return found;
}

/** SIGTERM, and SIGKILL once `graceMs` has passed. Resolves when the process is gone. */
export async function endProcess(name: ProcessName, options: { graceMs: number; clock: Clock }): Promise<void> {
  const { clock, graceMs } = options;
  const deadlineMs = clock.monotonic() + graceMs;
  let killed = false;
  if (await isAlive(name)) signalProcess(name, 'SIGTERM');
  while (await isAlive(name)) {
    if (!killed && clock.monotonic() >= deadlineMs) {
      signalProcess(name, 'SIGKILL');
      killed = true;
    }
    await clock.sleep(10);
  }
}

function signalProcess(name: ProcessName, signal: NodeJS.Signals): void {
  try {
    process.kill(name.pid, signal);
  } catch (failure) {
    if (!isErrno(failure, 'ESRCH')) throw failure;
  }
}

async function readProc(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (failure) {
    if (isErrno(failure, 'ENOENT', 'ESRCH')) return undefined;
    throw failure;
  }
}
