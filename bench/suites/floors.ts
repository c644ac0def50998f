/** What the machine alone takes: a write that is on disk, and a list that is encrypted. No server can be faster. */
import { createCipheriv } from 'node:crypto';
import { closeSync, fdatasyncSync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { clock } from '../cluster.js';
import type { Figure } from '../figures.js';

const writes = 200;
/** Of one object with what a store adds. */
const writtenBytes = 1400;
const pageBytes = 4096;
const listBytes = 14_000_000;
/** A TLS record holds no more. */
const recordBytes = 16_384;
const lists = 5;

export function floors(): Figure[] {
  return [
    { suite: 'api', name: 'the disk itself: write and fdatasync', unit: 'ms', samples: syncedWritesMs() },
    { suite: 'api', name: 'the processor itself: encryption of 14 MB', unit: 'ms', samples: encryptionsMs() },
  ];
}

/** Into a file whose blocks are there already, so that there is nothing but the data to write. */
function syncedWritesMs(): number[] {
  const directory = mkdtempSync(path.join(tmpdir(), 't8s-bench-'));
  const file = openSync(path.join(directory, 'file'), 'w');
  try {
    writeSync(file, Buffer.alloc(writes * pageBytes));
    fsyncSync(file);
    const bytes = Buffer.alloc(writtenBytes, 1);
    return timed(writes, (index) => {
      writeSync(file, bytes, 0, bytes.length, index * pageBytes);
      fdatasyncSync(file);
    });
  } finally {
    closeSync(file);
    rmSync(directory, { recursive: true });
  }
}

function encryptionsMs(): number[] {
  const record = Buffer.alloc(recordBytes, 1);
  return timed(lists, () => {
    for (let bytes = 0; bytes < listBytes; bytes += recordBytes) {
      const cipher = createCipheriv('aes-128-gcm', Buffer.alloc(16), Buffer.alloc(12));
      cipher.update(record);
      cipher.final();
    }
  });
}

function timed(count: number, work: (index: number) => void): number[] {
  return Array.from({ length: count }, (_, index) => {
    const startedMs = clock.monotonic();
    work(index);
    return clock.monotonic() - startedMs;
  });
}
