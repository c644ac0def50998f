import { expect, it } from 'vitest';
import { Warnings } from './warnings.js';

it('tells each warning once, and nothing that is empty', () => {
  const warnings = new Warnings();
  for (const text of ['a', 'b', '', 'a']) warnings.add(text);
  expect(warnings.texts).toEqual(['a', 'b']);
});

it('cuts all of them short when they are too long together, and takes no more beyond that', () => {
  const numbered = new Warnings();
  for (let index = 0; index < 100; index++) numbered.add(String(index).padEnd(300, 'x'));
  expect(numbered.texts).toHaveLength(16);
  expect(new Set(numbered.texts.map(({ length }) => length))).toEqual(new Set([256]));
  const long = new Warnings();
  long.add('\u{1f600}'.repeat(100_000));
  expect([...long.texts[0]!]).toHaveLength(256);
});
