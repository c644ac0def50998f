import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openLog } from './logging.js';

test('a level that is set later holds for logs that were made before', () => {
  const folder = mkdtempSync(join(tmpdir(), 't8s-log-'));
  const file = join(folder, 'log');
  const log = openLog({ file, level: 'info' });
  const child = log.child({ component: 'scheduler' });
  child.debug('first');
  log.setLevel('debug');
  child.debug('second', { pod: 'a' });
  log.setLevel('error');
  child.warn('third');
  log.error('fourth');
  const lines = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  rmSync(folder, { recursive: true });
  expect(lines.map(({ msg, component, pod }) => [msg, component, pod])).toEqual([
    ['second', 'scheduler', 'a'],
    ['fourth', undefined, undefined],
  ]);
});
