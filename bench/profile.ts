/** `--profile DIRECTORY`: what the processor did while a measurement ran, as a file for the developer tools of a browser. */
import { mkdir, writeFile } from 'node:fs/promises';
import { Session } from 'node:inspector/promises';
import path from 'node:path';

/** Runs the work; with a directory, leaves a V8 profile of it there. Measurements are of this process only. */
export async function profiled<T>(
  work: () => Promise<T>,
  { directory, name }: { directory: string | undefined; name: string },
): Promise<T> {
  if (!directory) return work();
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: 500 });
  await session.post('Profiler.start');
  try {
    return await work();
  } finally {
    const { profile } = await session.post('Profiler.stop');
    session.disconnect();
    await mkdir(directory, { recursive: true });
    await writeFile(path.join(directory, `${name}.cpuprofile`), JSON.stringify(profile));
  }
}
