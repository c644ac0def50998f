/** Builds large texts and values from small ones. */

export const targetBytes = 1 << 20;

export function many<T>(count: number, each: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => each(index));
}

export function object<T>(count: number, each: (index: number) => readonly [string, T]): Record<string, T> {
  return Object.fromEntries(many(count, each));
}

/** The text as often as it fits. */
export function fill(text: string): string {
  return text.repeat(Math.floor(targetBytes / text.length));
}

/** YAML in blocks, each value on a line of its own. */
export function yamlOf(value: unknown): string {
  const lines: string[] = [];
  writeYaml(value, { lines, indent: '', start: '' });
  return lines.join('\n');
}

function writeYaml(value: unknown, { lines, indent, start }: { lines: string[]; indent: string; start: string }): void {
  if (typeof value !== 'object' || value === null || Object.keys(value).length === 0) {
    lines.push(`${start} ${JSON.stringify(value)}`);
    return;
  }
  if (start) lines.push(start);
  const inner = `${indent}  `;
  for (const [key, one] of Object.entries(value)) {
    const mark = Array.isArray(value) ? '-' : `${plain(key)}:`;
    writeYaml(one, { lines, indent: inner, start: `${indent}${mark}` });
  }
}

function plain(key: string): string {
  return /^[A-Za-z][\w./-]*$/.test(key) ? key : JSON.stringify(key);
}
