/** The catalogue of hostile requests: each large object in every form in which it can be sent, and texts made to be slow. */
import { created, deployments, maps, patched, queries } from '#apiserver/test-hostile.js';
import { customCases } from './custom.js';
import { type Case, objectCase } from './object-case.js';
import { largeObjects } from './objects.js';

export function cases(): Case[] {
  return [
    ...textCases(),
    ...Object.entries(largeObjects).map(([name, make]) => objectCase(name, make)),
    ...customCases(),
  ];
}

/** The texts of the tests, in one case each kind. */
function textCases(): Case[] {
  const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  const spec = { selector: { matchLabels: { a: 'b' } }, template };
  return [
    {
      name: 'a body that is',
      steps: () =>
        Object.entries(created).map(([name, { path = maps, type, body }]) => ({
          name,
          sent: { method: 'POST', path, ...(type && { type }), ...(body !== undefined && { body }) },
        })),
    },
    {
      name: 'a patch that is',
      steps: () => [
        { name: 'ready', sent: { method: 'POST', path: maps, body: '{"metadata":{"name":"a"},"data":{"x":"1"}}' } },
        {
          name: 'ready too',
          sent: { method: 'POST', path: deployments, body: JSON.stringify({ metadata: { name: 'd' }, spec }) },
        },
        ...Object.entries(patched).map(([name, { path = `${maps}/a`, type, body }]) => ({
          name,
          sent: { method: 'PATCH', path, ...(type && { type }), ...(body !== undefined && { body }) },
        })),
      ],
    },
    {
      name: 'a query that is',
      steps: () =>
        Object.entries(queries).map(([name, query]) => ({
          name,
          sent: { method: 'GET', path: `${maps}?${query.slice(0, 12_000)}` },
        })),
    },
  ];
}
