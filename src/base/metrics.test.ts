import { expect, test } from 'vitest';
import { MetricRegistry } from './metrics.js';

test('counters, gauges and histograms are written as Prometheus reads them, in order', () => {
  const registry = new MetricRegistry();
  const requests = registry.counter({ name: 'requests_total', help: 'Requests\nby verb.', labels: ['verb', 'code'] });
  requests.with('get', '404').add();
  requests.with('get', '200').add(2);
  requests.with('a "b" \\', '200').add();
  const seconds = registry.histogram({ name: 'seconds', help: 'Time.', labels: ['verb'], bounds: [0.1, 1] });
  for (const value of [0.05, 0.1, 0.5, 7]) seconds.with('get').observe(value);
  registry.gauge({ name: 'open', help: 'Open.' }).with().set(1.5e9);
  registry.gauge({ name: 'unused', help: 'No series, no lines.' });
  registry.collected({
    name: 'asked',
    type: 'gauge',
    help: 'Asked.',
    collect: () => [{ value: Number.POSITIVE_INFINITY }],
  });
  expect(registry.expose()).toBe(`# HELP asked Asked.
# TYPE asked gauge
asked +Inf
# HELP open Open.
# TYPE open gauge
open 1.5e+09
# HELP requests_total Requests\\nby verb.
# TYPE requests_total counter
requests_total{code="200",verb="a \\"b\\" \\\\"} 1
requests_total{code="200",verb="get"} 2
requests_total{code="404",verb="get"} 1
# HELP seconds Time.
# TYPE seconds histogram
seconds_bucket{verb="get",le="0.1"} 2
seconds_bucket{verb="get",le="1"} 3
seconds_bucket{verb="get",le="+Inf"} 4
seconds_sum{verb="get"} 7.65
seconds_count{verb="get"} 4
`);
});

test('a name is given once', () => {
  const registry = new MetricRegistry();
  registry.counter({ name: 'a', help: '' });
  expect(() => registry.gauge({ name: 'a', help: '' })).toThrow('metric a exists already');
});
