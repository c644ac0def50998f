import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '#base/clock.js';
import { silentLog } from '#base/log.js';
import { KubeletAccess, type Reviews, subresourcesOf } from './access.js';

describe('what is asked for', () => {
  it.each([
    ['/metrics', 'metrics'],
    ['/metrics/resource', 'metrics'],
    ['/stats/summary', 'stats'],
    ['/logs/', 'log'],
    ['/checkpoint/ns/pod/c', 'checkpoint'],
    ['/statusz', 'statusz'],
    ['/flagz', 'configz'],
    ['/pods', 'pods proxy'],
    ['/runningpods/', 'pods proxy'],
    ['/healthz/ping', 'healthz proxy'],
    ['/configz', 'configz proxy'],
    ['/exec/ns/pod/c', 'proxy'],
    ['/podsies', 'proxy'],
    ['/constructor', 'proxy'],
    ['/', 'proxy'],
  ])('of %s is nodes/%s', (path, wanted) => {
    expect(subresourcesOf(path).join(' ')).toBe(wanted);
  });
});

function request(token: string, url = '/metrics'): IncomingMessage {
  return { url, method: 'GET', headers: { authorization: `bearer ${token}` }, socket: {} } as IncomingMessage;
}

describe('the API server', () => {
  it('is asked again when what it said is old', async () => {
    const clock = new VirtualClock();
    const asked: string[] = [];
    const allowed = new Set(['jane']);
    const reviews: Reviews = {
      user: async (token) => {
        asked.push('token');
        return token === 'none' ? undefined : { username: token };
      },
      isAllowed: async ({ user }) => {
        asked.push('access');
        return allowed.has(user ?? '');
      },
    };
    const access = new KubeletAccess({ reviews, clock, log: silentLog });
    const ask = async (token: string) => (await access.refusal(request(token), 'node'))?.code;
    const since = () => asked.splice(0).join(' ');
    expect(await Promise.all([ask('jane'), ask('jane')])).toEqual([undefined, undefined]);
    expect(since()).toBe('token access');
    expect([await ask('joe'), await ask('none')]).toEqual([403, 401]);
    expect(since()).toBe('token access token');
    await clock.advance(31_000);
    expect([await ask('jane'), await ask('joe'), await ask('none')]).toEqual([undefined, 403, 401]);
    expect(since()).toBe('access');
    await clock.advance(90_000);
    expect(await ask('jane')).toBe(undefined);
    expect(since()).toBe('token');
    await clock.advance(300_000);
    expect(await ask('jane')).toBe(undefined);
    expect(since()).toBe('token access');
  });

  it('that does not answer lets nobody in', async () => {
    const failing = async () => {
      throw new Error('no answer');
    };
    const options = { clock: new VirtualClock(), log: silentLog };
    const first = new KubeletAccess({ ...options, reviews: { user: failing, isAllowed: failing } });
    expect(await first.refusal(request('jane'), 'node')).toEqual({ code: 401, text: 'Unauthorized' });
    const user = async () => ({ username: 'jane' });
    const second = new KubeletAccess({ ...options, reviews: { user, isAllowed: failing } });
    const text = 'Authorization error (user=jane, verb=get, resource=nodes, subresource=metrics)';
    expect(await second.refusal(request('jane'), 'node')).toEqual({ code: 500, text });
  });
});
