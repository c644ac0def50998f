import { describe, expect, it, test } from 'vitest';
import type { Node, Pod } from '#api/gen/core-v1.js';
import { StatusError } from '#apimachinery/errors.js';
import { addressOf, authority, dialText, splitSchemeNamePort } from './backend.js';
import { containerOf, nodeNameOf } from './pod-container.js';
import { logQuery } from './pod-log.js';
import { commandQuery } from './pod-streams.js';
import { answerHeaders, encodePath, relocated } from './reverse-proxy.js';
import { handedOn } from './tunnel.js';

const podWith = (...names: string[]) =>
  ({
    metadata: { name: 'web', namespace: 'default' },
    spec: { initContainers: [{ name: 'init' }], containers: names.map((name) => ({ name })) },
  }) as unknown as Pod;

function refusal(run: () => unknown): { code: number; message?: string } {
  try {
    run();
  } catch (error) {
    if (error instanceof StatusError) return { code: error.code, message: error.status.message };
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('the container of a request', () => {
  it('is the one asked for, or the only one', () => {
    expect(containerOf(podWith('main'), '')).toBe('main');
    expect(containerOf(podWith('a', 'b'), 'init')).toBe('init');
  });

  it('must be told when there are several', () => {
    const message = 'a container name must be specified for pod web, choose one of: [init a b]';
    expect(refusal(() => containerOf(podWith('a', 'b'), ''))).toEqual({ code: 400, message });
    const unknown = { code: 400, message: 'container x is not valid for pod web' };
    expect(refusal(() => containerOf(podWith('a'), 'x'))).toEqual(unknown);
  });

  it('is nowhere before the pod is scheduled', () => {
    const message = 'pod web does not have a host assigned';
    expect(refusal(() => nodeNameOf(podWith('a')))).toEqual({ code: 400, message });
  });
});

describe('log options', () => {
  const asked = (query: string) => logQuery(new URLSearchParams(query), 'web').toString();

  it('reach the kubelet, flags by Go’s rule', () => {
    expect(asked('follow=true&previous=false&timestamps&tailLines=5&container=a')).toBe(
      'follow=true&timestamps=true&tailLines=5',
    );
  });

  it.each([
    ['tailLines=-1', 422, 'tailLines: Invalid value: -1: must be greater than or equal to 0'],
    ['limitBytes=0', 422, 'limitBytes: Invalid value: 0: must be greater than 0'],
    ['sinceSeconds=0', 422, 'sinceSeconds: Invalid value: 0: must be greater than 0'],
    ['tailLines=many', 400, 'invalid syntax'],
    ['sinceTime=x', 400, 'parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006"'],
    ['stream=Stdout', 422, 'stream: Forbidden: may not be specified'],
    ['sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z', 422, 'at most one of `sinceTime` or `sinceSeconds`'],
  ])('are refused: %s', (query, code, text) => {
    const { code: given, message } = refusal(() => asked(query));
    expect([given, message]).toEqual([code, expect.stringContaining(text)]);
  });
});

describe('what a backend is told', () => {
  it('are the kubelet’s names for the streams', () => {
    const query = new URLSearchParams('stdin=true&stdout=true&stderr=false&tty=1&command=sh&command=-c&container=a');
    expect(commandQuery(query)).toBe('input=1&output=1&tty=1&command=sh&command=-c');
  });

  it('is not the client’s credential', () => {
    const token = 'base64url.bearer.authorization.k8s.io.c2VjcmV0';
    const raw = ['Host', 'a', 'Authorization', 'Bearer x', 'Impersonate-User', 'jane', 'Upgrade', 'websocket'];
    const lines = handedOn([...raw, 'Sec-WebSocket-Protocol', `v5.channel.k8s.io, ${token}`]);
    expect(lines).toEqual(['Upgrade: websocket', 'Sec-WebSocket-Protocol: v5.channel.k8s.io']);
  });
});

it('what a backend puts into headers that none may hold is left out', () => {
  expect(answerHeaders({ 'x-good': 'caf\xe9', 'x-bad': 'a\u0001b', connection: 'close' })).toEqual({
    'x-good': 'caf\xe9',
  });
});

describe('backends', () => {
  it('are named with or without scheme and port', () => {
    expect(splitSchemeNamePort('web')).toEqual({ scheme: '', name: 'web', port: '' });
    expect(splitSchemeNamePort('web:80')).toEqual({ scheme: '', name: 'web', port: '80' });
    expect(splitSchemeNamePort('https:web:')).toEqual({ scheme: 'https', name: 'web', port: '' });
    for (const bad of ['', 'ftp:web:80', 'http::80', 'a:b:c:d']) expect(splitSchemeNamePort(bad)).toBeUndefined();
  });

  it('are called on a node’s internal address first', () => {
    const addresses = [
      { type: 'Hostname', address: 'vm' },
      { type: 'ExternalIP', address: '203.0.113.1' },
      { type: 'InternalIP', address: '192.0.2.2' },
    ];
    expect(addressOf({ metadata: {}, status: { addresses } } as unknown as Node)).toBe('192.0.2.2');
    expect(authority({ host: '2001:db8::1', port: 80 })).toBe('[2001:db8::1]:80');
  });

  it('that refuse are named as Go names them', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    const text = 'dial tcp 192.0.2.2:10250: connect: connection refused';
    expect(dialText(refused, { host: '192.0.2.2', port: 10250 })).toBe(text);
  });
});

test.each([
  ['/x', '/p/x'],
  ['/', '/p/'],
  ['x', 'x'],
  ['//elsewhere/x', '//elsewhere/x'],
  ['http://10.0.0.1:80/x?y#z', '/p/x?y#z'],
  ['//10.0.0.1:80/x', '/p/x'],
  ['http://10.0.0.1:8080/x', 'http://10.0.0.1:8080/x'],
  ['/p/x', '/p/x'],
  ['mailto:a@b', 'mailto:a@b'],
])('an address of the backend stays behind the proxy: %s', (address, expected) => {
  const origins = ['http://10.0.0.1:80', '//10.0.0.1:80'];
  expect(relocated(address, { prefix: '/p', origins })).toBe(expected);
});

test('a path is written as Go writes it', () => {
  expect(encodePath('/pods/http:web:80/proxy/a b?c#d%é,;=@&+$')).toBe(
    '/pods/http:web:80/proxy/a%20b%3Fc%23d%25%C3%A9,;=@&+$',
  );
});
