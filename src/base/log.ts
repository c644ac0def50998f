/** Structured logging, injected like the clock, so that tests can be silent and a component can be told apart. */

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  /** For operating errors worth a person's time. Give the caught value as `fields.err`. */
  error(message: string, fields?: LogFields): void;
  /** The same log with these fields on every line; `component` names the room. */
  child(fields: LogFields): Log;
}

export interface LogFields {
  component?: string;
  err?: unknown;
  [field: string]: unknown;
}

/** A log that keeps nothing, for tests. */
export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLog,
};
