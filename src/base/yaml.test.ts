import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { formatYaml, formatYamlElement } from './yaml.js';

it('writes as sigs.k8s.io/yaml does', () => {
  const object = {
    kind: 'Pod',
    apiVersion: 'v1',
    spec: { containers: [{ name: 'a', args: ['-x', '--y=1', '', '1', 'yes', 'a: b', '*', "it's"] }, {}], none: [] },
    script: '#!/bin/sh\necho hi\n',
    kept: 'a\n\nb\n\n',
    bare: 'a\nb',
    at: '2026-01-01T00:00:00Z',
    empty: {},
    nothing: null,
    nested: [['a', ['b']], 1.5, true],
    'a/b.c': '~',
  };
  expect(formatYaml(object)).toBe(`a/b.c: "~"
apiVersion: v1
at: "2026-01-01T00:00:00Z"
bare: |-
  a
  b
empty: {}
kept: |+
  a

  b

kind: Pod
nested:
- - a
  - - b
- 1.5
- true
nothing: null
script: |
  #!/bin/sh
  echo hi
spec:
  containers:
  - args:
    - -x
    - --y=1
    - ""
    - "1"
    - "yes"
    - 'a: b'
    - '*'
    - it's
    name: a
  - {}
  none: []
`);
});

it('writes elements that make up a list', () => {
  expect(formatYamlElement({ b: [1], a: { c: 'x\ny' } })).toBe('- a:\n    c: |-\n      x\n      y\n  b:\n  - 1\n');
});

it('writes a lone dot as Go does, to which it is no number', () => {
  expect(formatYaml({ 'f:a': { '.': {} } })).toBe('f:a:\n  .: {}\n');
});

it('breaks long lines at spaces, and escapes as Go does', () => {
  const words = Array.from({ length: 30 }, () => 'word').join(' ');
  const first = Array.from({ length: 16 }, () => 'word').join(' ');
  expect(formatYaml({ a: { b: words } })).toBe(`a:\n  b: ${first}\n    ${words.slice(first.length + 1)}\n`);
  expect(formatYaml([`# ${words}`])).toBe(`- '# ${first}\n  ${words.slice(first.length + 1)}'\n`);
  expect(formatYaml({ a: '\n', b: '\u{1f600}\u0001\ufeff', c: 'c1', d: '-', e: '<<', f: '1e1', g: 'a \nb' })).toBe(
    'a: |2+\n\nb: "\\U0001F600\\x01\\uFEFF"\nc: c1\nd: \'-\'\ne: <<\nf: "1e1"\ng: "a \\nb"\n',
  );
});

it('is read as what was written', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 12 }),
    fc.string({ unit: fc.constantFrom(...'yn01.:-_ \n\t#\'"&*!|>%@`{}[],~=<?e+xT'), maxLength: 8 }),
  );
  // In these this reader sees numbers, and Go none.
  const known = text.filter((one) => !/^[-+]?[_.e][-+_.0-9e]*$/i.test(one));
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      known,
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(known, tie('value'), { maxKeys: 3 }),
    ),
  }));
  const read = (written: string) => parse(written, { version: '1.1', merge: false, maxAliasCount: 0 }) as unknown;
  fc.assert(
    fc.property(value, (written) => {
      expect(JSON.parse(JSON.stringify(read(formatYaml(written)) ?? null))).toEqual(
        JSON.parse(JSON.stringify(written)),
      );
    }),
    { numRuns: 2000 },
  );
});
