/** One setting: where the user says it, and how its text becomes a value. */

export interface Setting {
  /** As on the command line, with the name of its value: `--port <number>`. */
  flag: string;
  env: string;
  help: string;
  /** Turns text into the value. Throws ConfigError. */
  parse: (text: string) => unknown;
  /** undefined: chosen at start, as the help says. */
  default?: unknown;
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
