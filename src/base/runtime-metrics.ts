/**
 * Memory, garbage collection and work of the JavaScript engine, under the names that Go's client library has for its own
 * runtime, as far as they mean the same: what watches Kubernetes' components looks for these.
 */
import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import { type MetricRegistry, quantileLines } from './metrics.js';
import { readProc } from './process-metrics.js';

/** Collections looked at for the quantiles of their pauses. */
const pausesMax = 512;
const quantiles = [0, 0.25, 0.5, 0.75, 1];

/** `goVersion` is what the server says of itself in `/version`. */
export function addRuntimeMetrics(registry: MetricRegistry, goVersion: string): void {
  const gauge = (name: string, help: string, read: () => number | undefined) =>
    registry.collected({
      name: `go_${name}`,
      type: 'gauge',
      help,
      collect: () => {
        const value = read();
        return value === undefined ? [] : [{ value }];
      },
    });
  registry.collected({
    name: 'go_info',
    type: 'gauge',
    help: 'Always 1; the label tells the version.',
    labels: ['version'],
    collect: () => [{ labels: [goVersion], value: 1 }],
  });
  gauge(
    'goroutines',
    'Timers, sockets, requests and the like that are under way.',
    () => process.getActiveResourcesInfo().length,
  );
  gauge('threads', 'Threads of the process.', () => {
    const threads = /^Threads:\s+(\d+)/m.exec(readProc('status'))?.[1];
    return threads === undefined ? undefined : Number(threads);
  });
  const memory = () => process.memoryUsage();
  gauge('memstats_alloc_bytes', 'Bytes of the heap in use.', () => memory().heapUsed);
  gauge('memstats_heap_alloc_bytes', 'Bytes of the heap in use.', () => memory().heapUsed);
  gauge('memstats_heap_inuse_bytes', 'Bytes of the heap in use.', () => memory().heapUsed);
  gauge('memstats_heap_idle_bytes', 'Bytes of the heap that wait to be used.', () => {
    const { heapTotal, heapUsed } = memory();
    return heapTotal - heapUsed;
  });
  gauge('memstats_heap_sys_bytes', 'Bytes of the heap.', () => memory().heapTotal);
  gauge('memstats_other_sys_bytes', 'Bytes outside of the heap that its objects hold.', () => memory().external);
  gauge('memstats_sys_bytes', 'Bytes of memory that the process has.', () => memory().rss);
  gauge('memstats_next_gc_bytes', 'Bytes that the heap may grow to.', () => getHeapStatistics().heap_size_limit);
  addPauses(registry);
}

/** Pauses are counted from the first time that somebody asks: watching them is not free. */
function addPauses(registry: MetricRegistry): void {
  const pauses: number[] = [];
  let count = 0;
  let seconds = 0;
  let lastMs: number | undefined;
  let observer: PerformanceObserver | undefined;
  const observe = () => {
    observer ??= new PerformanceObserver((list) => {
      for (const { duration, startTime } of list.getEntries()) {
        count++;
        seconds += duration / 1000;
        lastMs = performance.timeOrigin + startTime;
        pauses.push(duration / 1000);
        if (pauses.length > pausesMax) pauses.shift();
      }
    });
    observer.observe({ entryTypes: ['gc'] });
  };
  registry.lines({
    name: 'go_gc_duration_seconds',
    type: 'summary',
    help: 'Pauses for garbage collection, since the first time that this was read.',
    lines: (name) => {
      if (!observer) observe();
      return quantileLines(name, { sorted: [...pauses].sort((a, b) => a - b), quantiles, sum: seconds, count });
    },
  });
  registry.collected({
    name: 'go_memstats_last_gc_time_seconds',
    type: 'gauge',
    help: 'When garbage was last collected, since the Unix epoch.',
    collect: () => (lastMs === undefined ? [] : [{ value: lastMs / 1000 }]),
  });
}
