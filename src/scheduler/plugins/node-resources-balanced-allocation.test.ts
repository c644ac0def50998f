import { expect, test } from 'vitest';
import { decide, node, pod } from '../test-snapshot.js';
import plugin from './node-resources-balanced-allocation.js';

const asking = (cpu: string, memory: string) =>
  pod({ containers: [{ name: 'c', resources: { requests: { cpu, memory } } }] });
const sized = (name: string, cpu: string, memory: string) =>
  node(name, { status: { allocatable: { cpu, memory, pods: '20' } } });

test.each([
  ['an even share on an empty node', asking('1', '1Gi'), undefined, 75],
  ['processors alone', asking('4', '0'), undefined, 50],
  ['memory, where processors are taken', asking('0', '4Gi'), asking('4', '0'), 100],
  ['more of what is taken most', asking('1', '0'), asking('2', '0'), 68],
])('it is told how much better the balance gets: %s', (_, wanted, there, score) => {
  const empty = sized('n', '4', '4Gi');
  const where = there ? empty.withPod(there) : empty;
  const prepared = plugin.preScore!(wanted, [where], undefined as never);
  expect(prepared).not.toBe('skip');
  const { state } = prepared as { state: unknown };
  expect(plugin.score!({ pod: wanted, state }, where)).toBe(score);
});

test('pods go where kube-scheduler 1.36 puts them', () => {
  let nodes = [sized('small', '4', '4Gi'), sized('large', '4', '16Gi')];
  const went: string[] = [];
  for (let index = 0; index < 6; index++) {
    const next = index % 2 === 0 ? asking('400m', '200Mi') : asking('100m', '1Gi');
    const where = decide(next, nodes);
    went.push(where);
    nodes = nodes.map((one) => (one.name === where ? one.withPod(next) : one));
  }
  expect(went).toEqual(['large', 'large', 'small', 'large', 'small', 'large']);
});
