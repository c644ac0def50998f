/** Writing a file so that a reader, or a crash, sees the old contents or the new, never a part. */
import { open, rename, rm } from 'node:fs/promises';

/**
 * Replaces `path` with `contents`, durable when the promise resolves. The temporary file beside it carries this
 * process's id, and is removed when writing fails.
 */
export async function writeFileAtomic(path: string, contents: string, { mode }: { mode: number }): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    // A leftover of a dead process with our id would keep its own mode.
    await rm(temporary, { force: true });
    const file = await open(temporary, 'wx', mode);
    try {
      await file.chmod(mode);
      await file.writeFile(contents);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
