/** The settings as `/flagz` tells them: by the names of their flags, and written as Go's flags write their values. */
import { formatDuration } from '#apimachinery/codec/time.js';
import { type Config, settings } from './config.js';
import type { Setting } from './setting.js';

/** None of them is a secret: those are in files, of which only the path is told. */
export function flagTexts(config: Config): Record<string, string> {
  const values: { [name: string]: unknown } = { ...config };
  const entries = Object.entries(settings).map(([name, setting]) => [nameOf(setting), textOf(setting, values[name])]);
  return Object.fromEntries(entries);
}

function nameOf({ flag }: Setting): string {
  return flag.slice('--'.length).split(' ', 1)[0]!;
}

function textOf({ flag, many }: Setting, value: unknown): string {
  if (many || flag.endsWith('<values>')) return `[${((value ?? []) as unknown[]).join(',')}]`;
  if (typeof value === 'number' && flag.endsWith('<duration>')) return formatDuration(BigInt(value) * 1_000_000n);
  return value === undefined ? '' : String(value);
}
