/** The log of a cluster's process: JSON lines, by pino. */
import { type Logger, pino } from 'pino';
import type { Log, LogFields } from '#base/log.js';

/** Logs to a file, or to standard output where none is given. Lines are written at once: a crash loses none. */
export function openLog({ file, level }: { file?: string; level: string }): Log {
  const destination = pino.destination({ dest: file ?? 1, sync: true, mkdir: true });
  return wrap(pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination));
}

function wrap(logger: Logger): Log {
  const at = (level: 'debug' | 'info' | 'warn' | 'error') => (message: string, fields?: LogFields) =>
    fields ? logger[level](fields, message) : logger[level](message);
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => wrap(logger.child(fields)),
  };
}
