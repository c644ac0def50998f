/** Values as Go prints them, where upstream's messages show Go's own formats and people and tests compare them. */

/** `1h2m3.5s`, `250ms`, `0s`: Go's time.Duration. Rounded to the millisecond. */
export function formatDuration(durationMs: number): string {
  const totalMs = Math.round(durationMs);
  if (totalMs === 0) return '0s';
  if (Math.abs(totalMs) < 1000) return `${totalMs}ms`;
  const hours = Math.floor(totalMs / 3_600_000);
  const minutes = Math.floor(totalMs / 60_000) % 60;
  const seconds = (totalMs % 60_000) / 1000;
  if (hours) return `${hours}h${minutes}m${seconds}s`;
  return minutes ? `${minutes}m${seconds}s` : `${seconds}s`;
}

/** `[a b]`: a slice of strings under %v or %s. */
export function formatList(items: readonly string[]): string {
  return `[${items.join(' ')}]`;
}

/** Go's %q for the texts we print: JSON's escapes are the same for printable strings. */
export function quote(text: string): string {
  return JSON.stringify(text);
}
