/** The page of conformance results is of the labels that the tests carry, and can be read back. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { assertOfficial, isOfficial, officialNames } from './official.js';
import { labelsInTree, pagePath, readPage, renderPage } from './page.js';

test('a test under a name that is not official is refused, with the names that begin like it', () => {
  expect(() => assertOfficial('[sig-node] Lease lease API should be there')).toThrow(
    'there are:\n[sig-node] Lease lease API should be available [Conformance]',
  );
});

test('every label in the tree is an official name', () => {
  const labels = labelsInTree();
  expect(labels.size).toBeGreaterThan(0);
  expect([...labels.keys()].filter((name) => !isOfficial(name))).toEqual([]);
});

// A run that writes the page does so after its tests.
const isBeingWritten = process.env['CONFORMANCE_PAGE'] === 'write';

test.skipIf(isBeingWritten)('docs/conformance.md is of these labels: `npm run conformance` rewrites it', () => {
  const results = readPage();
  const labels = labelsInTree();
  expect([...results.keys()].sort()).toEqual([...labels.keys()].sort());
  expect(readFileSync(pagePath, 'utf8')).toBe(renderPage(results, labels));
});

test('a page that is read back tells what was written', () => {
  const names = [...officialNames.values()].flat();
  expect(names.length).toBe(462);
  for (const name of names) expect(renderPage(new Map([[name, 'pass']]), new Map())).toContain('| 1 | 0 | 461 |');
});
