/** A file in which the kernel tells of something, if it does. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export async function optional(directory: string | undefined, file: string): Promise<string | undefined> {
  if (!directory) return undefined;
  try {
    return await readFile(join(directory, file), 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Kernels differ in what they count; a file may be there and still have nothing to say.
    if (code === 'ENOENT' || code === 'EOPNOTSUPP' || code === 'ENODEV') return undefined;
    throw error;
  }
}
