import { describe, expect, it } from 'vitest';
import { SeededPrng } from '#base/prng.js';
import {
  configMapKeyProblems,
  dns1035LabelProblems,
  envNameProblems,
  generateName,
  labelProblems,
  labelValueProblems,
  namePrefixProblems,
  pathSegmentProblems,
  portNameProblems,
  qualifiedNameProblems,
  subdomainProblems,
  wildcardSubdomainProblems,
} from './names.js';

describe('what is allowed', () => {
  it.each([
    [
      subdomainProblems,
      ['a', '1.2.3', 'a-b.c', 'a'.repeat(253)],
      ['', 'A', 'a..b', '-a', 'a_b', 'a\n', 'a'.repeat(254)],
    ],
    [labelProblems, ['a', '1', 'a-1', 'a'.repeat(63)], ['', 'a.b', 'a-', 'a'.repeat(64)]],
    [dns1035LabelProblems, ['a', 'a-1'], ['1a', 'a.b', '']],
    [wildcardSubdomainProblems, ['*.a.b'], ['*', 'a.b', '*.*.a']],
    [qualifiedNameProblems, ['a', 'A_b.c', 'a.b/C', '1/2'], ['', '/a', 'a/', 'a/b/c', 'A/b', '-a', 'a'.repeat(64)]],
    [labelValueProblems, ['', 'a', 'A_b.9'], ['a b', '-', 'a'.repeat(64)]],
    [pathSegmentProblems, ['a:b', 'A b', '', '...'], ['.', '..', 'a/b', 'a%b']],
    [configMapKeyProblems, ['.a', 'a.yml', '...a'.slice(2)], ['', '.', '..', '..a', 'a/b']],
    [portNameProblems, ['http', 'a-1'], ['', '80', 'a--b', '-a', 'HTTP', 'a'.repeat(16)]],
    [envNameProblems, ['A', '1', 'a b'], ['', 'a=b', 'é']],
  ])('%o', (check, good, bad) => {
    for (const name of good) expect([name, check(name)]).toEqual([name, []]);
    for (const name of bad) expect([name, check(name).length > 0]).toEqual([name, true]);
  });
});

it('explains in upstream words', () => {
  expect(subdomainProblems('A')).toEqual([
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
  ]);
  expect(labelProblems('a.b')).toEqual(['must not contain dots']);
  expect(labelProblems('A'.repeat(64))).toEqual([
    'must be no more than 63 characters',
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
  ]);
  expect(qualifiedNameProblems('/a')).toEqual(['prefix part must be non-empty']);
  expect(qualifiedNameProblems('')[1]).toBe(
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
  );
});

it('is not slow on hostile names', () => {
  const start = process.cpuUsage();
  subdomainProblems(`${'a-'.repeat(50_000)}!`);
  qualifiedNameProblems(`${'a.'.repeat(50_000)}!`);
  expect(process.cpuUsage(start).user / 1000).toBeLessThan(2000);
});

it('generates names that stay labels', () => {
  const name = generateName('x'.repeat(80), new SeededPrng(1));
  expect(name).toMatch(/^x{58}[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  expect(generateName('web-', new SeededPrng(1))).toMatch(/^web-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  expect(namePrefixProblems('web-', subdomainProblems)).toEqual([]);
  expect(namePrefixProblems('web_', subdomainProblems)).toHaveLength(1);
  expect(namePrefixProblems('.', pathSegmentProblems)).toEqual([]);
});
