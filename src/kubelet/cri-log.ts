/** The log format of container runtimes: `<RFC 3339 time> stdout|stderr F|P <text>`, P for a part of a line. Pure. */

export interface LogLine {
  /** As written, with up to nine digits of a second. */
  time: string;
  stream: 'stdout' | 'stderr';
  /** With its newline, unless it is only a part of a line. */
  text: string;
}

/** Undefined for a line that is not in the format (a write cut short by a crash). */
export function parseLogLine(line: string): LogLine | undefined {
  const timeEnd = line.indexOf(' ');
  const streamEnd = line.indexOf(' ', timeEnd + 1);
  if (timeEnd <= 0 || streamEnd < 0) return undefined;
  const stream = line.slice(timeEnd + 1, streamEnd);
  if (stream !== 'stdout' && stream !== 'stderr') return undefined;
  const tagEnd = line.indexOf(' ', streamEnd + 1);
  const tags = line.slice(streamEnd + 1, tagEnd < 0 ? undefined : tagEnd);
  const text = tagEnd < 0 ? '' : line.slice(tagEnd + 1);
  const isPart = tags.split(':').includes('P');
  return { time: line.slice(0, timeEnd), stream, text: isPart ? text : `${text}\n` };
}
