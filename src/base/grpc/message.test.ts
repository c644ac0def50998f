import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import {
  bool,
  bytes,
  int,
  int64,
  list,
  MalformedMessageError,
  map,
  message,
  nested,
  string,
  uint64,
} from './message.js';

const inner = message({ value: int64(1) });
const sample = message({
  text: string(1),
  flag: bool(2),
  count: int(3),
  long: int64(4),
  big: uint64(5),
  raw: bytes(6),
  labels: map(7),
  inner: nested(8, inner),
  words: list(string(9)),
  numbers: list(int(10)),
  inners: list(nested(11, inner)),
});

/** An independent implementation to hold ours against. */
const oracle = protobuf
  .parse(`syntax = "proto3"; message Inner { int64 value = 1; }
    message Sample { string text = 1; bool flag = 2; int32 count = 3; int64 long = 4; uint64 big = 5; bytes raw = 6;
      map<string, string> labels = 7; Inner inner = 8; repeated string words = 9; repeated int32 numbers = 10;
      repeated Inner inners = 11; }`)
  .root.lookupType('Sample');

describe('a protocol buffer message', () => {
  it('is written as other implementations write it', () => {
    const ours = sample.encode({
      text: 'grüße',
      flag: true,
      count: -5,
      long: -(2n ** 62n),
      raw: Buffer.from([0, 255]),
      labels: { a: '1', '': '' },
      inner: { value: 0n },
      words: ['', 'x'],
      numbers: [0, 1, 300, -1],
      inners: [{ value: 7n }],
    });
    const theirs = oracle.encode(
      oracle.fromObject({
        text: 'grüße',
        flag: true,
        count: -5,
        long: String(-(2n ** 62n)),
        raw: Buffer.from([0, 255]),
        labels: { a: '1', '': '' },
        inner: {},
        words: ['', 'x'],
        numbers: [0, 1, 300, -1],
        inners: [{ value: 7 }],
      }),
    );
    expect(sample.decode(ours)).toEqual(sample.decode(Buffer.from(theirs.finish())));
    expect(oracle.toObject(oracle.decode(ours), { longs: String })).toEqual(
      oracle.toObject(oracle.decode(theirs.finish()), { longs: String }),
    );
  });

  it('keeps 64-bit numbers exactly', () => {
    const value = { long: -1n, big: 2n ** 64n - 1n, count: 2 ** 50 + 1 };
    expect(sample.decode(sample.encode(value))).toMatchObject(value);
  });

  it('gives zero values for what is absent, and no message', () => {
    expect(sample.decode(Buffer.alloc(0))).toEqual({
      text: '',
      flag: false,
      count: 0,
      long: 0n,
      big: 0n,
      raw: Buffer.alloc(0),
      labels: {},
      inner: undefined,
      words: [],
      numbers: [],
      inners: [],
    });
  });

  it('tells an empty message from none', () => {
    expect(sample.encode({ inner: {} })).toEqual(Buffer.from([0x42, 0]));
    expect(sample.decode(Buffer.from([0x42, 0])).inner).toEqual({ value: 0n });
  });

  it('skips fields it does not know', () => {
    const newer = message({ text: string(1), later: string(99), number: int(100) });
    expect(sample.decode(newer.encode({ text: 'x', later: 'y', number: 3 })).text).toBe('x');
  });

  it.each([
    [[0x0a]],
    [[0x0a, 5, 1]],
    [[0x08]],
    [[0x0b]],
    [[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]],
  ])('refuses the malformed bytes %j', (raw) => {
    expect(() => sample.decode(Buffer.from(raw))).toThrow(MalformedMessageError);
  });
});
