import { expect, test } from 'vitest';
import { keepDecisions } from './rules.js';

const condition = (type: string, reason?: string) => ({ type, status: 'True', ...(reason && { reason }) });

test.each([
  ['a decision that is written again stays as it was', [condition('Approved')], [condition('Approved', 'mine')]],
  [
    'also between others, which are as written',
    [condition('Failed'), condition('Approved', 'x')],
    [condition('Failed'), condition('Approved', 'mine')],
  ],
  ['one that is left out is missed later', [condition('Failed')], [condition('Failed')]],
  [
    'as is one too many',
    [condition('Approved'), condition('Denied')],
    [condition('Approved', 'mine'), condition('Denied')],
  ],
])('%s', (_, written, kept) => {
  expect(keepDecisions(written, [condition('Approved', 'mine')])).toEqual(kept);
});
