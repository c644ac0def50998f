/** What we need to know of the machine to choose defaults. */

export function thisMachine(): { root: boolean; linux: boolean } {
  return { root: process.getuid?.() === 0, linux: process.platform === 'linux' };
}
