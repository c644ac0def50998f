/** How records and heads are written as bytes, in the store's tables and in its journal alike. */
import type { Head, LogRecord } from './backing.js';

export function encodeHead({ modified, created }: Head): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeDoubleLE(modified, 0);
  bytes.writeDoubleLE(created, 8);
  return bytes;
}

export function decodeHead(bytes: Buffer): Head {
  return { modified: bytes.readDoubleLE(0), created: bytes.readDoubleLE(8) };
}

/** The newest revision in a key's life, as this record makes it. */
export function headOf({ revision, created }: LogRecord): Head {
  return { modified: revision, created };
}

const headerBytes = 18;

export function recordBytes({ key, value }: LogRecord): number {
  return headerBytes + key.length + value.length;
}

/** created, previous, the key's length, the key, the value. Gives where it ends. */
export function writeRecord({ created, previous, key, value }: LogRecord, bytes: Buffer, at: number): number {
  bytes.writeDoubleLE(created, at);
  bytes.writeDoubleLE(previous, at + 8);
  bytes.writeUInt16LE(key.length, at + 16);
  bytes.write(key, at + headerBytes, 'latin1');
  const valueAt = at + headerBytes + key.length;
  bytes.set(value, valueAt);
  return valueAt + value.length;
}

export function encodeRecord(record: LogRecord): Buffer {
  const bytes = Buffer.allocUnsafe(recordBytes(record));
  writeRecord(record, bytes, 0);
  return bytes;
}

export function decodeRecord(revision: number, bytes: Buffer): LogRecord {
  const valueAt = headerBytes + bytes.readUInt16LE(16);
  return {
    revision,
    created: bytes.readDoubleLE(0),
    previous: bytes.readDoubleLE(8),
    key: bytes.toString('latin1', headerBytes, valueAt),
    value: bytes.subarray(valueAt),
  };
}
