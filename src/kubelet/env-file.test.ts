import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { valueInEnvFile } from './env-file.js';
import { KubeletError } from './kubelet-error.js';

describe('the value of KEY in', () => {
  test.each([
    ["KEY='value'", 'value'],
    ["  \tKEY='value'\n", 'value'],
    ["# KEY='no'\n\n \nOTHER='x'\nKEY='a b' # told", 'a b'],
    ["KEY='one\n two # no comment\n'\nOTHER='x'", 'one\n two # no comment\n'],
    ["KEY='first'\nKEY='second'", 'first'],
    ["KEY='dos'\r\n", 'dos'],
    ["KEY=''", ''],
    ["KEY= 'value'", ''],
    ["OTHER= 'value'\nKEY='yes'", 'yes'],
    ["KEYS='x'", ''],
    ["KEY='\\n$A'", '\\n$A'],
    ["KEY='read before'\nnot read", 'read before'],
    ['', ''],
  ])('%j is %j', (text, value) => {
    expect(valueInEnvFile(text, 'KEY')).toBe(value);
  });

  test.each([
    ['KEY'],
    ["='x'"],
    ["KEY ='x'"],
    ['KEY=x'],
    ['KEY="x"'],
    ["KEY='x"],
    ["KEY='x'y"],
    ["OTHER='x'y\nKEY='x'"],
    [`KEY='${'x'.repeat(70_000)}'`],
  ])('%j cannot be read', (text) => {
    expect(() => valueInEnvFile(text, 'KEY')).toThrow("couldn't parse env file");
  });

  test('any text is read or refused', () => {
    const parts = fc.array(fc.constantFrom('KEY', '=', "'", ' ', '\n', '#', 'x', '\r', '\t'), { maxLength: 60 });
    const act = (text: string) => {
      try {
        expect(valueInEnvFile(text, 'KEY')).not.toContain("'");
      } catch (error) {
        expect(error).toBeInstanceOf(KubeletError);
      }
    };
    fc.assert(fc.property(parts, (all) => act(all.join(''))));
  });
});
