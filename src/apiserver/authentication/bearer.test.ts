import { expect, it } from 'vitest';
import { bearerOf } from './bearer.js';

const warning = expect.stringContaining('extra space before the bearer token');

it.each([
  ['Bearer t', { token: 't' }],
  [' bearer t ', { token: 't' }],
  ['Bearer t x', { token: 't' }],
  ['Bearer  t', { warning }],
  ['Bearer', {}],
  ['Token t', {}],
  ['Bearer\tt', {}],
  ['', {}],
])('reads %j', (authorization, found) => {
  expect(bearerOf({ authorization })).toEqual(found);
});

it('reads the token of a WebSocket', () => {
  const protocol = `v4.channel.k8s.io, base64url.bearer.authorization.k8s.io.${Buffer.from('t').toString('base64url')}`;
  expect(bearerOf({ 'sec-websocket-protocol': protocol })).toEqual({ token: 't' });
});
