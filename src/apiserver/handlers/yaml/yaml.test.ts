import { describe, expect, it } from 'vitest';
import { readYaml, YamlError } from './index.js';

const read = async (text: string) => readYaml(Buffer.from(text));
const value = async (text: string) => (await read(text)).value;

async function problem(text: string): Promise<string> {
  const error = await read(text).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(YamlError);
  return (error as YamlError).message;
}

describe('readYaml', () => {
  it('takes words and numbers as Go’s yaml.v2 does', async () => {
    const scalars =
      'y, yes, On, NO, off, n, 010, 0o17, 1_000, 12:30, 2020-01-01, !!binary aGk=, 1e3, .5, 5., 0b11, 08, +1, -0x1F, ~, "yes", +.5, !!str 5, !!float 5, !foo 7, 0x, "-", 1__0, Null, 0xg, .5.1, 1e';
    expect(await value(`v: [${scalars}]`)).toEqual({
      v: [
        ...[
          true,
          true,
          true,
          false,
          false,
          false,
          8,
          15,
          1000,
          '12:30',
          '2020-01-01',
          'hi',
          1000,
          0.5,
          5,
          3,
          8,
          1,
          -31,
        ],
        ...[null, 'yes', 0.5, '5', 5, '7', '0x', '-', 10, null, '0xg', '.5.1', '1e'],
      ],
    });
    expect(await value('a: |\n  yes\nb: >-\n  1\n')).toEqual({ a: 'yes\n', b: '1' });
  });

  it('makes text of keys', async () => {
    const keys = 'm: {1: a, true: b, 1.5: d, y: e, 2020-01-01: f, 1e30: g}';
    expect(await value(keys)).toEqual({
      m: { 1: 'a', '1.5': 'd', '1e+30': 'g', '2020-01-01': 'f', true: 'e' },
    });
    expect(JSON.stringify(await value('__proto__: {x: 1}'))).toBe('{"__proto__":{"x":1}}');
  });

  it('merges in the order of the text', async () => {
    expect(await value('{<<: {x: 1, q: 2}, x: 3}')).toEqual({ q: 2, x: 3 });
    expect(await value('{x: 3, <<: {x: 1, q: 2}}')).toEqual({ q: 2, x: 1 });
    expect(await value('{<<: [{x: 1}, {x: 2}]}')).toEqual({ x: 1 });
    expect(await value('a: &a {x: 1}\nb: {<<: *a, y: 2}')).toEqual({ a: { x: 1 }, b: { x: 1, true: 2 } });
  });

  it('tells keys that are given twice, and by which line', async () => {
    const { value: held, duplicates } = await read('a: 1\nb:\n  c: 1\n  c: 2\na: 2\n1: x\n1: z\n');
    expect(held).toEqual({ a: 2, b: { c: 2 }, 1: 'z' });
    expect(duplicates).toEqual([
      'line 4: key "c" already set in map',
      'line 5: key "a" already set in map',
      'line 7: key 1 already set in map',
    ]);
  });

  it('reads the first document, and null where there is none', async () => {
    expect(await value('a: 1\n---\nb: [')).toEqual({ a: 1 });
    expect(await value('---\na: 1\n...\n')).toEqual({ a: 1 });
    expect(await value('')).toBeNull();
    expect(await value('- a')).toEqual(['a']);
  });

  it('joins the lines of scalars', async () => {
    const blocks =
      'a: |\n  x\n   y\n\n  z\n\nb: >\n  x\n  y\n\n  z\n   deep\n  t\nc: |-\n  x\n\nd: |+\n  x\n\ne: |2\n    x\n';
    expect(await value(blocks)).toEqual({
      ...{ a: 'x\n y\n\nz\n', b: 'x y\nz\n deep\nt\n', c: 'x', d: 'x\n\n', e: '  x\n' },
    });
    expect(await value('a: |\n  x')).toEqual({ a: 'x' });
    const quoted = "a: \"x\n  y\\n\\\n  z\\u00e9\"\nb: 'it''s\n\n  so'\nc: p\n  q#r # not\nd: http://x:80\n";
    expect(await value(quoted)).toEqual({ a: 'x y\nzé', b: "it's\nso", c: 'p q#r', d: 'http://x:80' });
  });

  it('tells what belongs to what', async () => {
    expect(await value('- - a\n  - b\n-\n  c: d\n- ? x\n  : y\n')).toEqual([['a', 'b'], { c: 'd' }, { x: true }]);
    expect(await value('k:\n- a\n- b: 1\n  c:\n  - 2\nm:\nn: {o, p: [q: r, s], "t":u}\n')).toEqual({
      ...{ k: ['a', { b: 1, c: [2] }], m: null, false: { o: null, p: [{ q: 'r' }, 's'], t: 'u' } },
    });
    expect(await value('%YAML 1.1\n# c\n--- # d\n"a b": 1 # e\n')).toEqual({ 'a b': 1 });
  });

  it.each([
    ['a: [1,\n', 'yaml: line 1: did not find expected node content'],
    ['a: 1\nb: "x', 'yaml: line 2: found unexpected end of stream'],
    ['a: 1\n b: 2', 'yaml: line 2: mapping values are not allowed in this context'],
    ['a: "x" y', 'yaml: did not find expected key'],
    ['a: "\\q"', 'yaml: found unknown escape character'],
    ['a: x\n\ty: z', 'yaml: line 2: found a tab character that violates indentation'],
    ['a: - b', 'yaml: block sequence entries are not allowed in this context'],
    ['a: *x', "yaml: unknown anchor 'x' referenced"],
    ['a: &x {b: *x}', "yaml: anchor 'x' value contains itself"],
    ['a: b: c', 'yaml: mapping values are not allowed in this context'],
    ['a: 1\nb: c: d', 'yaml: line 2: mapping values are not allowed in this context'],
    ['\ta: 1', 'yaml: found character that cannot start any token'],
    ['a: @b', 'yaml: found character that cannot start any token'],
    ['<<: 5', 'yaml: map merge requires map or sequence of maps as the value'],
    ['b: !!int foo', 'yaml: cannot decode !!str `foo` as a !!int'],
    ['a: !!binary "*"', 'yaml: !!binary value contains invalid base64 data'],
    ['x: .inf', 'json: unsupported value: +Inf'],
    ['~: 1', 'unsupported map key of type: %!s(<nil>), key: <nil>, value: 1'],
    ['a: "\u0001"', 'yaml: control characters are not allowed'],
  ])('refuses %j', async (text, message) => {
    expect(await problem(text)).toBe(message);
  });

  it('bounds what aliases expand to, and how deep it goes', async () => {
    const bomb = ['a0: &a0 [x, x, x, x, x, x, x, x, x]'];
    for (let level = 1; level < 9; level++)
      bomb.push(
        `a${level}: &a${level} [${Array(9)
          .fill(`*a${level - 1}`)
          .join(', ')}]`,
      );
    expect(await problem(bomb.join('\n'))).toBe('yaml: document contains excessive aliasing');
    const few = `a: &a {x: 1}\nb: [${Array(99).fill('*a').join(', ')}]`;
    expect((await value(few)) as object).toMatchObject({ a: { x: 1 } });
    expect(await value('['.repeat(250) + ']'.repeat(250))).toBeInstanceOf(Array);
    expect(await problem('['.repeat(1200) + ']'.repeat(1200))).toContain('exceeded max depth');
    expect(await problem('['.repeat(200_000) + ']'.repeat(200_000))).toContain('exceeded max depth');
  });
});
