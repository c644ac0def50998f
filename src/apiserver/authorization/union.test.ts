import { expect, test } from 'vitest';
import { forbiddenError } from './union.js';

test('what a refusal quotes of the request cannot pass for HTML', () => {
  const user = { name: '<b>&', groups: [] };
  expect(forbiddenError({ user, verb: 'get', path: '/<i>' }, 'a <reason>').message).toBe(
    'forbidden: User "&lt;b&gt;&amp;" cannot get path "/&lt;i&gt;": a <reason>',
  );
});
