import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { hostArchitecture, pauseImage, pauseProgram, pauseReference } from './pause.js';

const runnable = process.platform === 'linux' && ['x64', 'arm64'].includes(process.arch);

/** Waits until the program is in rt_sigtimedwait: it has blocked its signals then. */
async function started(pid: number): Promise<void> {
  const waiting = process.arch === 'x64' ? '128 ' : '137 ';
  while (!(await readFile(`/proc/${pid}/syscall`, 'utf8')).startsWith(waiting)) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('the pause program', () => {
  it.runIf(runnable).each(['SIGTERM', 'SIGINT'] as const)('runs, waits, and ends well on %s', async (signal) => {
    const directory = await mkdtemp(path.join(tmpdir(), 'pause-'));
    try {
      const file = path.join(directory, 'pause');
      await writeFile(file, pauseProgram(hostArchitecture()), { mode: 0o755 });
      const child = spawn(file);
      const ended = once(child, 'exit');
      await started(child.pid!);
      // A child's end must be survived.
      child.kill('SIGCHLD');
      child.kill(signal);
      expect(await ended).toEqual([0, null]);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it.each(['amd64', 'arm64'] as const)('is a small static executable for %s', (architecture) => {
    const program = pauseProgram(architecture);
    expect(program.subarray(0, 4).toString('latin1')).toBe('\x7fELF');
    expect(program.readUInt16LE(18)).toBe(architecture === 'amd64' ? 0x3e : 0xb7);
    expect(program.length).toBeLessThan(512);
    // The one segment maps the file whole, with the entry point inside it.
    expect(program.readBigUInt64LE(64 + 32)).toBe(BigInt(program.length));
    expect(Number(program.readBigUInt64LE(24)) - 0x400000).toBe(120);
  });

  it('branches where arm64 says it does', () => {
    const program = pauseProgram('arm64');
    const word = (index: number) => program.readUInt32LE(120 + index * 4);
    // adr x1, mask: from the second instruction to the end of the code.
    const codeWords = (program.length - 120 - 8) / 4;
    expect(word(1)).toBe(0x10000000 + ((codeWords - 1) << 5) + 1);
    // cmp w0, #17; b.eq reap, which begins with movn x0, #0.
    expect(word(12)).toBe(0x7100441f);
    const reap = 13 + ((word(13) >>> 5) & 0x7ffff);
    expect(word(reap)).toBe(0x92800000);
    // The branch after SIGTERM's goes back to adr x0, mask.
    const back = 18 + ((word(18) << 6) >> 6);
    expect(word(18) >>> 26).toBe(0b000101);
    expect(back).toBe(6);
  });

  it('has an image with a name of its own', async () => {
    const image = await pauseImage('amd64');
    expect(image.names).toEqual([pauseReference]);
    expect(image.blobs).toHaveLength(3);
  });
});
