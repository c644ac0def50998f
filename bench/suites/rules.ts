/** How long rules of custom resources take to compile, and to hold against an object. */
import {
  boolType,
  CelError,
  compile,
  declareType,
  kubernetesEnvironment,
  type Program,
  resourceReaderOf,
  structsOf,
} from '#apimachinery/cel/index.js';
import type { Schema } from '#apimachinery/structural/schema.js';
import { clock } from '../cluster.js';
import type { Figure } from '../figures.js';
import type { Settings } from '../settings.js';

const text = (maxLength: number): Schema => ({ type: 'string', maxLength });
const object = (properties: Record<string, Schema>): Schema => ({ type: 'object', properties });

const listener = object({
  name: text(63),
  port: { type: 'integer' },
  protocol: text(20),
  hostname: text(253),
  tls: object({ mode: text(20) }),
});
const schema = object({
  spec: object({
    replicas: { type: 'integer' },
    minReplicas: { type: 'integer' },
    name: text(63),
    listeners: { type: 'array', maxItems: 64, items: listener },
    labels: { type: 'object', maxProperties: 20, additionalProperties: text(63) },
    cpu: text(20),
  }),
});

/** By what they are typical of. */
const expressions: Readonly<Record<string, string>> = {
  'two fields': 'self.spec.minReplicas <= self.spec.replicas',
  'a transition': 'self.spec.name == oldSelf.spec.name',
  'a pattern': 'self.spec.name.matches("^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")',
  'a quantity': 'quantity(self.spec.cpu).isLessThan(quantity("10"))',
  'all of 16':
    "self.spec.listeners.all(l, l.protocol in ['HTTP', 'TCP'] ? !has(l.tls) : has(l.tls) && l.tls.mode != '')",
  'all of 20 entries': 'self.spec.labels.all(k, k.startsWith("app") && self.spec.labels[k].size() > 0)',
  '16 times 16':
    'self.spec.listeners.all(a, self.spec.listeners.exists_one(b, a.port == b.port && a.protocol == b.protocol))',
};

const some = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));

const resource = {
  apiVersion: 'example.com/v1',
  kind: 'Example',
  metadata: { name: 'example' },
  spec: {
    replicas: 5,
    minReplicas: 1,
    name: 'a-name',
    cpu: '500m',
    labels: Object.fromEntries(some(20, (i) => [`app${i}`, `value ${i}`])),
    listeners: some(16, (i) => ({
      name: `listener-${i}`,
      port: 8000 + i,
      hostname: `host-${i}.example.com`,
      ...(i % 2 ? { protocol: 'HTTP' } : { protocol: 'HTTPS', tls: { mode: 'Terminate' } }),
    })),
  },
};

export async function rules({ runs }: Settings): Promise<Figure[]> {
  const self = declareType(schema, { name: 'selfType', isRoot: true })!;
  const environment = kubernetesEnvironment().extend({
    variables: [
      ['self', self.type],
      ['oldSelf', self.type],
    ],
    structs: structsOf(self),
  });
  const read = resourceReaderOf(schema);
  const evaluate = (program: Program): void => {
    const { value } = program.evaluate(() => read(resource));
    if (value !== true) throw new Error(`${program.expression}: ${value instanceof CelError ? value.message : value}`);
  };
  const make = (rule: string): Program => compile(rule, environment, [boolType]);
  const all = Object.values(expressions);
  const compiling = samples(runs, () => {
    for (const rule of all) make(rule);
  }).map((us) => us / all.length);
  const evaluating = Object.entries(expressions).map(([name, rule]): Figure => {
    const program = make(rule);
    return { suite: 'rules', name: `evaluate: ${name}`, unit: 'us', samples: samples(runs, () => evaluate(program)) };
  });
  return [{ suite: 'rules', name: 'compile', unit: 'us', samples: compiling }, ...evaluating];
}

const sampleMs = 50;

/** Microseconds that one call takes. The first sample warms up, and is left out. */
function samples(runs: number, run: () => void): number[] {
  return some(runs + 1, () => {
    const start = clock.monotonic();
    let count = 0;
    do {
      run();
      count++;
    } while (clock.monotonic() - start < sampleMs);
    return ((clock.monotonic() - start) * 1000) / count;
  }).slice(1);
}
