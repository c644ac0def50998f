/** The log of a cluster's process: JSON lines, by pino. */
import { type Logger, pino } from 'pino';
import type { Log, LogFields } from '#base/log.js';

const levels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof levels)[number];

export interface AdjustableLog extends Log {
  /** From now on lines of this level and above are written, by logs made from this one too. */
  setLevel(level: LogLevel): void;
}

/** Logs to a file, or to standard output where none is given. Lines are written at once: a crash loses none. */
export function openLog({ file, level }: { file?: string; level: LogLevel }): AdjustableLog {
  const destination = pino.destination({ dest: file ?? 1, sync: true, mkdir: true });
  const logger = pino({ level: 'debug', base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination);
  // pino's own levels are each logger's, and do not reach those that were made from it before.
  const shared = { from: levels.indexOf(level) };
  return {
    ...wrap(logger, shared),
    setLevel(next) {
      shared.from = levels.indexOf(next);
    },
  };
}

function wrap(logger: Logger, shared: { from: number }): Log {
  const at = (level: LogLevel) => {
    const place = levels.indexOf(level);
    return (message: string, fields?: LogFields) => {
      if (place < shared.from) return;
      if (fields) logger[level](fields, message);
      else logger[level](message);
    };
  };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => wrap(logger.child(fields), shared),
  };
}
