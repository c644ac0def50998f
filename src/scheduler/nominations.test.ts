/** Room that was promised, until it is taken or given up. */
import { expect, test } from 'vitest';
import { Nominations } from './nominations.js';
import { pod } from './test-snapshot.js';

test('a promise that the API has not heard of stands until it says otherwise', () => {
  const nominations = new Nominations();
  const waiting = pod();
  nominations.set(waiting, 'a');
  nominations.observe({ ...waiting, metadata: { ...waiting.metadata, generation: 2 } }, waiting);
  expect(nominations.of(waiting)).toBe('a');
  const told = { ...waiting, status: { nominatedNodeName: 'a' } };
  nominations.observe(told, waiting);
  nominations.observe(waiting, told);
  expect(nominations.of(waiting)).toBeUndefined();
  expect(nominations.on('a')).toEqual([]);
});

test('tells which node has room again when a promise ends', () => {
  const nominations = new Nominations();
  const [first, second] = [pod(), pod()];
  nominations.set(first, 'a');
  nominations.set(second, 'a');
  expect(nominations.on('a')).toEqual([first, second]);
  expect(nominations.delete(first.metadata.uid!)).toBe('a');
  expect(nominations.delete(first.metadata.uid!)).toBeUndefined();
  expect(nominations.on('a')).toEqual([second]);
});
