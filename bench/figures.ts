/** What a measurement yields, and how it is summed up, printed and kept. */
import { cpus, loadavg, release, totalmem } from 'node:os';

/** One measured quantity: all its samples, in one unit. */
export interface Figure {
  suite: string;
  name: string;
  unit: 'us' | 'ms' | 'kB' | 'MB' | '%' | '1/s' | 'x' | 'count';
  samples: number[];
  /** What the project aims at, where it does. */
  aim?: { atMost: number } | { atLeast: number };
}

export function quantile(samples: readonly number[], q: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const place = (sorted.length - 1) * q;
  const below = sorted[Math.floor(place)]!;
  return below + (sorted[Math.ceil(place)]! - below) * (place % 1);
}

export function machine(): Record<string, unknown> {
  return {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memoryMb: Math.round(totalmem() / 2 ** 20),
    kernel: release(),
    node: process.version,
    loadAverage: loadavg().map((load) => Number(load.toFixed(2))),
  };
}

/** `median [least, most] of n`, one figure a line, with the aim where there is one. */
export function table(figures: readonly Figure[]): string {
  const rows = figures.map(({ suite, name, unit, samples, aim }) => {
    const median = quantile(samples, 0.5);
    const verdict = aim ? verdictOf(median, aim) : '';
    const spread = `[${text(Math.min(...samples))}, ${text(Math.max(...samples))}]`;
    return [suite, name, text(median), unit, spread, String(samples.length), verdict];
  });
  const all = [['suite', 'figure', 'median', 'unit', 'spread', 'n', 'aim'], ...rows];
  const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  return all
    .map(
      (row) =>
        row
          .map((cell, column) => cell.padEnd(widths[column]!))
          .join('  ')
          .trimEnd() + '\n',
    )
    .join('');
}

function verdictOf(median: number, aim: NonNullable<Figure['aim']>): string {
  const [isMet, limit] =
    'atMost' in aim ? [median <= aim.atMost, `<= ${aim.atMost}`] : [median >= aim.atLeast, `>= ${aim.atLeast}`];
  return `${isMet ? 'met' : 'MISSED'} (${limit})`;
}

export function asJson(figures: readonly Figure[]): unknown {
  return figures.map((figure) => ({
    ...figure,
    median: quantile(figure.samples, 0.5),
    p10: quantile(figure.samples, 0.1),
    p90: quantile(figure.samples, 0.9),
  }));
}

function text(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
