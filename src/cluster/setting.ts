/** One setting: where the user says it, and how its text becomes a value; and the sorts of them. */
import { resolve } from 'node:path';
import { parseMilliseconds } from '#apimachinery/codec/time.js';

export interface Setting {
  /** As on the command line, with the name of its value: `--port <number>`. */
  flag: string;
  env: string;
  help: string;
  /** Turns text into the value. Throws ConfigError. */
  parse: (text: string) => unknown;
  /** undefined: chosen at start, as the help says. */
  default?: unknown;
  /** The default as the user would write it, where that is another form. */
  defaultText?: string;
  /** The flag may stand several times, and its value then is a list; the variable holds one a comma apart. */
  many?: boolean;
}

/** A setting that cannot be used. The message is one line for the user. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

export function wholeNumber({ name, min, max }: { name: string; min: number; max: number }): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new ConfigError(`--${name} must be a whole number from ${min} to ${max}, not ${JSON.stringify(text)}`);
    }
    return value;
  };
}

export function oneOf(name: string, values: readonly string[]): (text: string) => string {
  return (text) => {
    if (!values.includes(text)) {
      throw new ConfigError(`--${name} must be one of ${values.join(', ')}, not ${JSON.stringify(text)}`);
    }
    return text;
  };
}

const numberMax = 1_000_000_000;

function named(name: string, value: string, help: string): Pick<Setting, 'flag' | 'env' | 'help'> {
  return { flag: `--${name} <${value}>`, env: `T8S_${name.toUpperCase().replaceAll('-', '_')}`, help };
}

export function text(name: string, help: string): Setting {
  return { ...named(name, 'text', help), parse: (given) => given };
}

export function file(name: string, help: string): Setting {
  return { ...named(name, 'file', help), parse: (given) => resolve(given) };
}

export function number(name: string, fallback: number, help: string): Setting {
  return { ...named(name, 'number', help), parse: wholeNumber({ name, min: 0, max: numberMax }), default: fallback };
}

export function decimal(name: string, fallback: number, help: string): Setting {
  const parse = (given: string) => {
    const value = Number(given);
    if (given.trim() === '' || !(value >= 0 && value <= numberMax))
      throw new ConfigError(`--${name} must be a number of 0 or more, not ${JSON.stringify(given)}`);
    return value;
  };
  return { ...named(name, 'number', help), parse, default: fallback };
}

export function choice(name: string, values: readonly string[], fallback: string, help: string): Setting {
  return { ...named(name, values.join('|'), help), parse: oneOf(name, values), default: fallback };
}

/** In milliseconds, from Go's form: `1m30s`. */
export function duration(name: string, fallback: string, help: string): Setting {
  const parse = (given: string) => {
    try {
      return parseMilliseconds(given);
    } catch (error) {
      throw new ConfigError(`--${name} must be a duration such as 1m30s: ${(error as Error).message}`);
    }
  };
  return { ...named(name, 'duration', help), parse, default: parse(fallback), defaultText: fallback };
}

/** `--x` alone says true. */
export function flag(name: string, fallback: boolean, help: string): Setting {
  const parse = (given: string) => {
    if (given !== 'true' && given !== 'false') throw new ConfigError(`--${name} must be true or false`);
    return given === 'true';
  };
  return { ...named(name, 'true|false', help), flag: `--${name} [true|false]`, parse, default: fallback };
}

/** A flag that may stand several times. */
export function many(name: string, help: string): Setting {
  return { ...text(name, help), many: true };
}

export function files(name: string, help: string): Setting {
  return { ...file(name, help), many: true };
}

/** Values a comma apart. */
export function list(name: string, help: string, fallback?: readonly string[]): Setting {
  const parse = (given: string) => given.split(',').map((one) => one.trim());
  return { ...named(name, 'values', help), parse, default: fallback };
}
