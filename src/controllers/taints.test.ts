import { expect, test } from 'vitest';
import { tolerates } from '#api/core/tolerations.js';
import { stayUnder } from './taints.js';

const taint = { key: 'k', value: 'v', effect: 'NoExecute' };

test.each([
  [{ key: 'k', operator: 'Equal', value: 'v', effect: 'NoExecute' }, true],
  [{ key: 'k', value: 'v' }, true],
  [{ key: 'k', operator: 'Equal', value: 'w' }, false],
  [{ key: 'k', operator: 'Exists' }, true],
  [{ operator: 'Exists' }, true],
  [{ key: 'k', operator: 'Exists', effect: 'NoSchedule' }, false],
  [{ key: 'l', operator: 'Exists' }, false],
])('%j tolerates: %s', (toleration, expected) => {
  expect(tolerates(toleration, taint)).toBe(expected);
});

test('the least patient toleration decides, and one missing ends it at once', () => {
  const other = { key: 'l', effect: 'NoExecute' };
  const forever = { key: 'k', operator: 'Exists' };
  expect(stayUnder([taint], [forever])).toBe('unbounded');
  expect(stayUnder([taint, other], [forever])).toEqual({ seconds: 0 });
  expect(
    stayUnder(
      [taint, other],
      [
        { ...forever, tolerationSeconds: 300 },
        { key: 'l', operator: 'Exists', tolerationSeconds: 20 },
      ],
    ),
  ).toEqual({ seconds: 20 });
  expect(stayUnder([taint], [{ ...forever, tolerationSeconds: -5 }])).toEqual({ seconds: 0 });
});
