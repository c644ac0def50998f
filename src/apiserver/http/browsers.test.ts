import { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { toldToBrowsers } from './browsers.js';
import type { Exchange } from './exchange.js';

const rules = { allowsOrigin: (origin: string) => origin === 'https://a.b', strictTransport: 'max-age=5' };

function answered(method: string, headers: Exchange['headers'], given = rules) {
  const opened: { status: number; headers: Record<string, string | string[]> }[] = [];
  const exchange = {
    method,
    headers,
    open(status: number, told: Record<string, string | string[]>) {
      opened.push({ status, headers: told });
      return new Writable({ write: (_chunk, _encoding, done) => done() });
    },
  } as unknown as Exchange;
  const passed = toldToBrowsers(exchange, given);
  passed?.open(200, { 'content-type': 'text/plain' });
  return { isPassed: passed !== undefined, ...opened[0]! };
}

it('tells a page of an allowed origin that it may read the answer, and answers what its browser asks before', () => {
  const { isPassed, status, headers } = answered('GET', { origin: 'https://a.b' });
  expect([isPassed, status]).toEqual([true, 200]);
  expect(headers).toMatchObject({
    'content-type': 'text/plain',
    'strict-transport-security': 'max-age=5',
    'access-control-allow-origin': 'https://a.b',
    'access-control-allow-credentials': 'true',
    'access-control-expose-headers': 'Date',
  });
  expect(answered('OPTIONS', { origin: 'https://a.b' })).toMatchObject({ isPassed: false, status: 204 });
});

it.each([{}, { origin: '' }, { origin: 'https://a.bc' }])('says nothing of other sites to %j', (headers) => {
  const told = { 'content-type': 'text/plain', 'strict-transport-security': 'max-age=5' };
  expect(answered('OPTIONS', headers)).toEqual({ isPassed: true, status: 200, headers: told });
  const { 'content-type': type } = told;
  expect(answered('GET', headers, { ...rules, strictTransport: '' }).headers).toEqual({ 'content-type': type });
});
