/**
 * Profiles in the form that `go tool pprof` reads (https://github.com/google/pprof/blob/main/proto/profile.proto), and that
 * most tools for profiles take.
 */
import { gzipSync } from 'node:zlib';
import { BackwardWriter } from '#apimachinery/protobuf/wire.js';

export interface Frame {
  functionName: string;
  url: string;
  /** From 0, as V8 counts. */
  lineNumber: number;
}

export interface Sample {
  /** The innermost first. */
  frames: readonly Frame[];
  /** One for each of the profile's types. */
  values: readonly number[];
}

export interface Profile {
  types: readonly (readonly [what: string, unit: string])[];
  samples: readonly Sample[];
  startedMs: number;
  durationMs: number;
  /** What lies between two samples, in the last type's unit. */
  period: number;
}

/** Compressed, as pprof's own writers do it. */
export function encodeProfile({ types, samples, startedMs, durationMs, period }: Profile): Uint8Array {
  const strings = new Table(['']);
  const functions = new Table<string>([]);
  const found = new Map<string, Frame>();
  const keyOf = (frame: Frame) => {
    const key = `${frame.functionName}\n${frame.url}:${frame.lineNumber}`;
    found.set(key, frame);
    return functions.indexOf(key) + 1;
  };
  const encoded = samples.map(({ frames, values }) => ({ ids: frames.map(keyOf), values }));
  const typeOf = ([what, unit]: readonly [string, string]) => [strings.indexOf(what), strings.indexOf(unit)] as const;
  const shownTypes = types.map(typeOf);
  const shownFunctions = functions.all.map((key) => {
    const { functionName, url, lineNumber } = found.get(key)!;
    return { name: strings.indexOf(functionName || '(anonymous)'), file: strings.indexOf(url), line: lineNumber + 1 };
  });

  const out = new Writer();
  out.whole(12, period);
  out.message(11, () => out.pair(...shownTypes.at(-1)!));
  out.whole(10, Math.round(durationMs * 1e6));
  out.whole(9, Math.round(startedMs * 1e6));
  for (const text of strings.all.toReversed()) out.text(6, text);
  eachBackward(shownFunctions, ({ name, file, line }, index) =>
    out.message(5, () => {
      out.whole(5, line);
      out.whole(4, file);
      out.whole(3, name);
      out.whole(2, name);
      out.whole(1, index + 1);
    }),
  );
  // Places are told apart by their function only: V8 does not say more without asking for each line.
  eachBackward(shownFunctions, ({ line }, index) =>
    out.message(4, () => {
      out.message(4, () => out.pair(index + 1, line));
      out.whole(1, index + 1);
    }),
  );
  eachBackward(encoded, ({ ids, values }) =>
    out.message(2, () => {
      eachBackward(values, (value) => out.whole(2, value));
      eachBackward(ids, (id) => out.whole(1, id));
    }),
  );
  eachBackward(shownTypes, (type) => out.message(1, () => out.pair(...type)));
  return gzipSync(out.finish());
}

function eachBackward<T>(list: readonly T[], visit: (one: T, index: number) => void): void {
  for (let index = list.length - 1; index >= 0; index--) visit(list[index]!, index);
}

/** Values by number, each once. */
class Table<T> {
  readonly all: T[];
  readonly #numbers = new Map<T, number>();

  constructor(first: T[]) {
    this.all = first;
    for (const [number, one] of first.entries()) this.#numbers.set(one, number);
  }

  indexOf(one: T): number {
    let number = this.#numbers.get(one);
    if (number === undefined) {
      number = this.all.push(one) - 1;
      this.#numbers.set(one, number);
    }
    return number;
  }
}

class Writer {
  readonly #out = new BackwardWriter();

  whole(field: number, value: number): void {
    this.#out.varint(value);
    this.#out.tag(field, 0);
  }

  /** Fields 1 and 2. */
  pair(first: number, second: number): void {
    this.whole(2, second);
    this.whole(1, first);
  }

  text(field: number, text: string): void {
    this.message(field, () => this.#out.text(text));
  }

  message(field: number, write: () => void): void {
    const mark = this.#out.length;
    write();
    this.#out.close(field, mark);
  }

  finish(): Uint8Array {
    return this.#out.finish();
  }
}
