/** How long ago, in few words, as kubectl's columns say it. */

/** A duration: `<invalid>` when it is more than two seconds below zero, else `5s`, `2m30s`, `3h`, `4d12h`, `3y`. */
export function humanDuration(durationMs: number): string {
  const seconds = Math.trunc(durationMs / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.trunc(seconds / 60);
  if (minutes < 10) return pair([minutes, 'm'], [seconds % 60, 's']);
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.trunc(minutes / 60);
  if (hours < 8) return pair([hours, 'h'], [minutes % 60, 'm']);
  if (hours < 48) return `${hours}h`;
  const days = Math.trunc(hours / 24);
  if (days < 8) return pair([days, 'd'], [hours % 24, 'h']);
  if (days < 365 * 2) return `${days}d`;
  const years = Math.trunc(days / 365);
  return days < 365 * 8 ? pair([years, 'y'], [days % 365, 'd']) : `${years}y`;
}

/** The age of an RFC 3339 time; `<unknown>` when there is none. */
export function humanAge(time: string | null | undefined, nowMs: number): string {
  const thenMs = time ? Date.parse(time) : Number.NaN;
  return Number.isNaN(thenMs) ? '<unknown>' : humanDuration(nowMs - thenMs);
}

type Part = [count: number, unit: string];

function pair([count, unit]: Part, [rest, restUnit]: Part): string {
  return rest === 0 ? `${count}${unit}` : `${count}${unit}${rest}${restUnit}`;
}
