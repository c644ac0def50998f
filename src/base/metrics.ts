/**
 * Counters, gauges and histograms, and their text for Prometheus. Made so that counting costs an addition: whoever counts
 * often keeps the series that `with` gives. https://prometheus.io/docs/instrumenting/exposition_formats/
 */

export type MetricType = 'counter' | 'gauge' | 'histogram' | 'summary';

export interface MetricOptions {
  name: string;
  help: string;
  /** Names of the labels; values come in the same order. */
  labels?: readonly string[];
}

/** A gauge whose values are asked for when somebody reads it. */
export interface CollectedOptions extends MetricOptions {
  type: 'counter' | 'gauge';
  collect: () => Iterable<Sample>;
}

export interface Sample {
  labels?: readonly (string | number)[];
  value: number;
  /** When it was so, where that is not the time of reading. */
  timeMs?: number;
}

/** The series of one metric beyond this number are not told apart any more: one that is unbounded must not fill memory. */
const seriesMax = 20_000;

interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: MetricType;
  lines(): Iterable<string>;
}

export class Value {
  value = 0;

  add(amount = 1): void {
    this.value += amount;
  }

  set(value: number): void {
    this.value = value;
  }
}

export class Distribution {
  readonly counts: Float64Array;
  sum = 0;
  count = 0;
  readonly #bounds: readonly number[];

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.counts = new Float64Array(bounds.length);
  }

  observe(value: number): void {
    this.sum += value;
    this.count++;
    const bounds = this.#bounds;
    for (let index = 0; index < bounds.length; index++) {
      if (value > bounds[index]!) continue;
      this.counts[index]!++;
      return;
    }
  }
}

/** Series by their label values. */
class Family<S> {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly #series = new Map<string, { labels: readonly string[]; series: S }>();
  readonly #make: () => S;

  constructor({ name, help, labels = [] }: MetricOptions, make: () => S) {
    this.name = name;
    this.help = help;
    this.labels = labels;
    this.#make = make;
  }

  /** The series of these label values, made when it is new. */
  with(...labels: string[]): S {
    const key = labels.length === 1 ? labels[0]! : labels.join('\u0000');
    let found = this.#series.get(key);
    if (!found) {
      if (this.#series.size >= seriesMax) return this.#make();
      this.#series.set(key, (found = { labels, series: this.#make() }));
    }
    return found.series;
  }

  remove(...labels: string[]): void {
    this.#series.delete(labels.join('\u0000'));
  }

  /** In order of their label values, in the order of the labels' names. */
  entries(): Iterable<{ labels: readonly string[]; series: S }> {
    const order = this.labels.map((_, index) => index).sort((a, b) => (this.labels[a]! < this.labels[b]! ? -1 : 1));
    const keyOf = ({ labels }: { labels: readonly string[] }) => order.map((index) => labels[index]).join('\u0000');
    return [...this.#series.values()]
      .map((entry) => ({ entry, key: keyOf(entry) }))
      .sort((a, b) => (a.key < b.key ? -1 : 1))
      .map(({ entry }) => entry);
  }
}

export class Counter extends Family<Value> implements Metric {
  readonly type = 'counter';

  constructor(options: MetricOptions) {
    super(options, () => new Value());
  }

  *lines(): Iterable<string> {
    for (const { labels, series } of this.entries())
      yield `${this.name}${textOf(this.labels, labels)} ${format(series.value)}`;
  }
}

export class Gauge extends Family<Value> implements Metric {
  readonly type = 'gauge';

  constructor(options: MetricOptions) {
    super(options, () => new Value());
  }

  *lines(): Iterable<string> {
    for (const { labels, series } of this.entries())
      yield `${this.name}${textOf(this.labels, labels)} ${format(series.value)}`;
  }
}

export class Histogram extends Family<Distribution> implements Metric {
  readonly type = 'histogram';
  readonly bounds: readonly number[];

  constructor(options: MetricOptions & { bounds: readonly number[] }) {
    super(options, () => new Distribution(options.bounds));
    this.bounds = options.bounds;
  }

  *lines(): Iterable<string> {
    const names = [...this.labels, 'le'];
    for (const { labels, series } of this.entries()) {
      let below = 0;
      for (const [index, bound] of this.bounds.entries()) {
        below += series.counts[index]!;
        yield `${this.name}_bucket${textOf(names, [...labels, format(bound)])} ${below}`;
      }
      yield `${this.name}_bucket${textOf(names, [...labels, '+Inf'])} ${series.count}`;
      const own = textOf(this.labels, labels);
      yield `${this.name}_sum${own} ${format(series.sum)}`;
      yield `${this.name}_count${own} ${series.count}`;
    }
  }
}

class Collected implements Metric {
  readonly name: string;
  readonly help: string;
  readonly type: MetricType;
  readonly #options: CollectedOptions;

  constructor(options: CollectedOptions) {
    this.name = options.name;
    this.help = options.help;
    this.type = options.type;
    this.#options = options;
  }

  *lines(): Iterable<string> {
    const { labels: names = [], collect } = this.#options;
    for (const { labels = [], value, timeMs } of collect()) {
      const time = timeMs === undefined ? '' : ` ${Math.round(timeMs)}`;
      yield `${this.name}${textOf(names, labels.map(String))} ${format(value)}${time}`;
    }
  }
}

export class MetricRegistry {
  readonly #metrics = new Map<string, Metric>();

  counter(options: MetricOptions): Counter {
    return this.#add(new Counter(options));
  }

  gauge(options: MetricOptions): Gauge {
    return this.#add(new Gauge(options));
  }

  histogram(options: MetricOptions & { bounds: readonly number[] }): Histogram {
    return this.#add(new Histogram(options));
  }

  /** The same series under another name as well, as long as some still ask for it by that. */
  renamed(metric: Counter | Gauge | Histogram, { name, help }: { name: string; help: string }): void {
    const lines = function* () {
      for (const line of metric.lines()) yield name + line.slice(metric.name.length);
    };
    this.#add({ name, help, type: metric.type, lines });
  }

  collected(options: CollectedOptions): void {
    this.#add(new Collected(options));
  }

  /** One that writes its own lines when somebody reads it. */
  lines(options: { name: string; help: string; type: MetricType; lines: (name: string) => Iterable<string> }): void {
    const { name, lines } = options;
    this.#add({ ...options, lines: () => lines(name) });
  }

  /** All metrics by name; one without a series is left out, as Prometheus' own libraries do it. */
  expose(): string {
    const parts: string[] = [];
    const names = [...this.#metrics.keys()].sort();
    for (const name of names) {
      const { help, type, lines } = this.#metrics.get(name)!;
      const own = [...lines.call(this.#metrics.get(name)!)];
      if (own.length === 0) continue;
      parts.push(
        `# HELP ${name} ${help.replace(/\\/g, '\\\\').replace(/\n/g, '\\n')}`,
        `# TYPE ${name} ${type}`,
        ...own,
      );
    }
    return parts.length === 0 ? '' : `${parts.join('\n')}\n`;
  }

  #add<M extends Metric>(metric: M): M {
    if (this.#metrics.has(metric.name)) throw new TypeError(`metric ${metric.name} exists already`);
    this.#metrics.set(metric.name, metric);
    return metric;
  }
}

/** So many bounds of a histogram, each the factor times the one before. */
export function growing(first: number, factor: number, count: number): number[] {
  return Array.from({ length: count }, (_, step) => first * factor ** step);
}

/** A summary without labels, of these observations. */
export function* quantileLines(
  name: string,
  summary: { sorted: readonly number[]; quantiles: readonly number[]; sum: number; count: number },
): Iterable<string> {
  const { sorted, quantiles, sum, count } = summary;
  for (const quantile of quantiles) {
    const place = Math.round(quantile * (sorted.length - 1));
    yield `${name}{quantile="${format(quantile)}"} ${format(sorted[place] ?? Number.NaN)}`;
  }
  yield `${name}_sum ${format(sum)}`;
  yield `${name}_count ${count}`;
}

/** Labels in order of their names, as Go's library writes them; a bucket's bound comes last. */
function textOf(names: readonly string[], values: readonly string[]): string {
  if (names.length === 0) return '';
  const pairs = names.map((name, index) => [name, `${name}="${escapeLabel(values[index] ?? '')}"`] as const);
  pairs.sort(([a], [b]) => (a === 'le' ? 1 : b === 'le' ? -1 : a < b ? -1 : 1));
  return `{${pairs.map(([, text]) => text).join(',')}}`;
}

function escapeLabel(value: string): string {
  return /[\\"\n]/.test(value) ? value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n') : value;
}

/** As Go's `%g`, in which Prometheus' libraries write floats. */
function format(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  if (Number.isNaN(value)) return 'NaN';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e21)) {
    return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
  }
  if (size >= 1e6) {
    // Go's shortest form turns to exponents here.
    const digits = value.toExponential();
    return digits.replace(/e([+-])(\d)$/, 'e$10$2');
  }
  return String(value);
}
