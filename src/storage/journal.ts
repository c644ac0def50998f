/**
 * A file that records are appended to, each group of them on disk when `append` resolves: one write that is its own sync
 * into space that is there already, where a tree of pages takes several of each.
 *
 * The file begins with a magic text and a random number of its present use, and goes on in frames: length, checksum,
 * records. The checksum is made over that number too, so that what is left of an earlier use is no frame of this one,
 * nor are bytes in an object that were made to look like a frame. What ends in a torn frame ends before it.
 */
import {
  closeSync,
  constants,
  existsSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  write,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { crc32 } from '#base/crc32.js';
import { SystemPrng } from '#base/prng.js';
import type { LogRecord } from './backing.js';
import { decodeRecord, recordBytes, writeRecord } from './record.js';
import { StoreError } from './store.js';

const magic = Buffer.from('t8s-jnl1');
const headerBytes = 16;
const frameHeaderBytes = 8;
/** Of a record in a frame: its revision and its length. */
const recordHeaderBytes = 12;

/** Of the file's length, what is kept for its next use. */
const keptBytesMax = 8 << 20;
/** The file grows by so much at once, since a sync that has to tell of a new length is slow. */
const growthBytes = 256 << 10;
/** Put together and checked at once, so that many large objects do not hold up everybody else. */
const groupBytesMax = 1 << 20;

const writeTo = promisify(write);
const syncOf = promisify(fdatasync);

/**
 * Where a write of a file opened so is on disk when it returns, one way to another thread and back does for both. macOS
 * knows the flag, but its disks may hold such a write in their cache.
 */
const syncsWrites = process.platform === 'linux' && constants.O_DSYNC !== undefined;
const openFlags = constants.O_RDWR | (syncsWrites ? constants.O_DSYNC : 0);
const createFlags = openFlags | constants.O_CREAT | constants.O_EXCL;

export class JournalFile {
  readonly #path: string;
  readonly #file: number;
  /** Starts each checksum; undefined until the first frame of this use is written. */
  #salt: Buffer | undefined;
  #end = 0;
  #allocated: number;
  /** Something that was not acknowledged may stand at the end. */
  #isDirty = false;

  constructor(path: string) {
    this.#path = path;
    const isNew = !existsSync(path);
    this.#file = openSync(path, isNew ? createFlags : openFlags, 0o600);
    this.#allocated = fstatSync(this.#file).size;
    if (isNew) syncFolder(dirname(path));
  }

  /** Of what has been written in the present use. */
  get bytes(): number {
    return this.#end;
  }

  /**
   * The records that are in the file, in order; the next ones are appended after them. Those up to this revision are
   * elsewhere too. Throws StoreError `corrupt` for what is no journal, or is damaged before a record that is needed.
   */
  read(after: number): LogRecord[] {
    const header = this.#read(headerBytes);
    const start = header.subarray(0, magic.length);
    const isTorn = header.length < headerBytes || start.includes(0);
    if (start.some((byte, index) => byte !== magic[index] && !(isTorn && byte === 0)))
      throw new StoreError('corrupt', `${this.#path} is not a journal`);
    if (isTorn) return [];
    const salt = header.subarray(magic.length);
    const bytes = this.#read(this.#allocated);
    const records: LogRecord[] = [];
    let at = headerBytes;
    for (let frame = frameAt(bytes, at, salt); frame; frame = frameAt(bytes, at, salt)) {
      records.push(...recordsOf(frame));
      at += frameHeaderBytes + frame.length;
    }
    this.#refuseDamage(bytes, { at, salt, after });
    // The process before may have been killed between its write and its sync: it is read, so it must stay.
    if (records.length > 0) fdatasyncSync(this.#file);
    this.#salt = salt;
    this.#end = at;
    return records;
  }

  /** All or nothing, and on disk when it resolves. After an error it is as if it had never been called. */
  async append(records: readonly LogRecord[]): Promise<void> {
    if (this.#isDirty) await this.#erase();
    this.#isDirty = true;
    let end = this.#end;
    try {
      for (const group of groupsOf(records)) end = await this.#appendGroup(group, end);
    } catch (error) {
      await this.#erase().catch(() => {}); // tried again before the next frame, which fails if this still does
      throw error;
    }
    this.#isDirty = false;
    this.#end = end;
  }

  /** Forgets all records: the next ones are written over them. Until then they may still be found. */
  restart(): void {
    this.#salt = undefined;
    this.#end = 0;
    if (this.#allocated > keptBytesMax) {
      ftruncateSync(this.#file, keptBytesMax);
      this.#allocated = keptBytesMax;
    }
  }

  /** The next start finds no records where all have been forgotten, and need not look for them. */
  close(): void {
    if (this.#end === 0 && this.#allocated > 0) writeSync(this.#file, Buffer.alloc(headerBytes), 0, headerBytes, 0);
    closeSync(this.#file);
  }

  #read(length: number): Buffer {
    const bytes = Buffer.alloc(length);
    let done = 0;
    for (let count = -1; done < length && count !== 0; done += count)
      count = readSync(this.#file, bytes, done, length - done, done);
    return bytes.subarray(0, done);
  }

  async #appendGroup(records: readonly LogRecord[], at: number): Promise<number> {
    const isFirst = at === 0;
    if (isFirst) this.#salt = newSalt();
    const frame = frameOf(records, this.#salt!);
    const bytes = isFirst ? Buffer.concat([magic, this.#salt!, frame]) : frame;
    const end = at + bytes.length;
    if (end <= this.#allocated) {
      await this.#write(bytes, at);
    } else {
      const grown = Math.ceil(end / growthBytes) * growthBytes;
      await this.#write(Buffer.concat([bytes, Buffer.alloc(grown - end)]), at);
      this.#allocated = grown;
    }
    return end;
  }

  /** What was refused must not be found there by the next start. */
  async #erase(): Promise<void> {
    await this.#write(Buffer.alloc(this.#end === 0 ? headerBytes : frameHeaderBytes), this.#end);
    this.#isDirty = false;
  }

  async #write(bytes: Buffer, at: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await writeTo(this.#file, bytes, done, bytes.length - done, at + done);
      done += bytesWritten;
    }
    if (!syncsWrites) await syncOf(this.#file);
  }

  /**
   * One write at a time means that only the last frame can be torn: a whole one after it tells of another fault. Unless it
   * is of the use before, whose header a loss of power left in place of the next one's; then it is not needed.
   */
  #refuseDamage(bytes: Buffer, { at, salt, after }: { at: number; salt: Buffer; after: number }): void {
    if (at + frameHeaderBytes > bytes.length) return;
    const next = at + frameHeaderBytes + bytes.readUInt32LE(at);
    const following = frameAt(bytes, next, salt);
    if (!following || [...recordsOf(following)].every(({ revision }) => revision <= after)) return;
    throw new StoreError('corrupt', `${this.#path} is damaged at byte ${at}: whole records follow`);
  }
}

/** So that a new file is still there after a loss of power. */
function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function newSalt(): Buffer {
  const salt = Buffer.alloc(headerBytes - magic.length);
  const prng = new SystemPrng();
  for (let at = 0; at < salt.length; at += 4) salt.writeUInt32LE(prng.uint32(), at);
  return salt;
}

function* groupsOf(records: readonly LogRecord[]): Iterable<LogRecord[]> {
  let group: LogRecord[] = [];
  let bytes = 0;
  for (const record of records) {
    if (bytes > groupBytesMax) {
      yield group;
      group = [];
      bytes = 0;
    }
    group.push(record);
    bytes += recordBytes(record);
  }
  yield group;
}

function frameOf(records: readonly LogRecord[], salt: Buffer): Buffer {
  let length = 0;
  for (const record of records) length += recordHeaderBytes + recordBytes(record);
  const bytes = Buffer.allocUnsafe(frameHeaderBytes + length);
  let at = frameHeaderBytes;
  for (const record of records) {
    bytes.writeDoubleLE(record.revision, at);
    bytes.writeUInt32LE(recordBytes(record), at + 8);
    at = writeRecord(record, bytes, at + recordHeaderBytes);
  }
  bytes.writeUInt32LE(length, 0);
  bytes.writeUInt32LE(crc32(bytes.subarray(frameHeaderBytes), crc32(salt)), 4);
  return bytes;
}

/** The frame's records as bytes, where a whole frame begins here. */
function frameAt(bytes: Buffer, at: number, salt: Buffer): Buffer | undefined {
  if (at + frameHeaderBytes > bytes.length) return undefined;
  const length = bytes.readUInt32LE(at);
  const start = at + frameHeaderBytes;
  if (length === 0 || start + length > bytes.length) return undefined;
  const frame = bytes.subarray(start, start + length);
  return crc32(frame, crc32(salt)) === bytes.readUInt32LE(at + 4) ? frame : undefined;
}

function* recordsOf(frame: Buffer): Iterable<LogRecord> {
  for (let at = 0; at < frame.length; ) {
    const revision = frame.readDoubleLE(at);
    const start = at + recordHeaderBytes;
    at = start + frame.readUInt32LE(at + 8);
    yield decodeRecord(revision, frame.subarray(start, at));
  }
}
