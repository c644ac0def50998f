/** Which plugins act where, by what a profile enables and disables. */
import { expect, test } from 'vitest';
import type { Plugins } from '#api/gen/kubescheduler-v1.js';
import { expand } from './extension-points.js';
import { definePlugin, type Plugin } from './framework.js';

const scorer = (name: string): Plugin => definePlugin({ name, filter: () => undefined, score: () => 0 });
const registered = new Map(['A', 'B', 'C', 'Mine'].map((name) => [name, scorer(name)]));
const defaults = [{ name: 'A', weight: 3 }, { name: 'B' }, { name: 'C' }];

function acting(plugins: Plugins) {
  const { filter, score } = expand(plugins, { defaults, registered });
  return { filter: filter.map(({ name }) => name).join(' '), score: score.map(({ name }) => name).join(' ') };
}

test('plugins act in the order of the list of all points, unless a point says otherwise', () => {
  expect(acting({})).toEqual({ filter: 'A B C', score: 'A B C' });
  expect(acting({ multiPoint: { enabled: [{ name: 'Mine' }] } })).toEqual({
    filter: 'A B C Mine',
    score: 'A B C Mine',
  });
  expect(acting({ filter: { enabled: [{ name: 'C' }] } })).toEqual({ filter: 'C A B', score: 'A B C' });
  expect(acting({ filter: { enabled: [{ name: 'Mine' }, { name: 'B' }] } }).filter).toBe('B A C Mine');
  expect(acting({ multiPoint: { disabled: [{ name: '*' }], enabled: [{ name: 'B' }, { name: 'A' }] } }).filter).toBe(
    'B A',
  );
});

test('plugins are off at one point, at all, or off and on again', () => {
  expect(acting({ score: { disabled: [{ name: 'B' }] } })).toEqual({ filter: 'A B C', score: 'A C' });
  expect(acting({ score: { disabled: [{ name: '*' }] } })).toEqual({ filter: 'A B C', score: '' });
  expect(acting({ multiPoint: { disabled: [{ name: 'B' }] } })).toEqual({ filter: 'A C', score: 'A C' });
  expect(acting({ multiPoint: { disabled: [{ name: 'B' }] }, score: { enabled: [{ name: 'B' }] } })).toEqual({
    filter: 'A C',
    score: 'A C B',
  });
  expect(acting({ score: { disabled: [{ name: '*' }], enabled: [{ name: 'C' }] } }).score).toBe('C');
});

test('a weight is that of the point, or else of the list of all points; without one it is 1', () => {
  const weight = (plugins: Plugins) =>
    expand(plugins, { defaults, registered }).score.find(({ name }) => name === 'A')?.weight;
  expect(weight({})).toBe(3);
  expect(weight({ multiPoint: { enabled: [{ name: 'A', weight: 5 }] } })).toBe(5);
  expect(weight({ score: { enabled: [{ name: 'A', weight: 7 }] }, multiPoint: { enabled: [{ name: 'A' }] } })).toBe(7);
  expect(weight({ score: { enabled: [{ name: 'A' }] } })).toBe(1);
});
