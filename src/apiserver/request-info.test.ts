import { describe, expect, it } from 'vitest';
import { parseRequestInfo, requestTimeoutMs } from './request-info.js';

/** [method, target, verb, group, version, namespace, resource, subresource, name]; upstream's own table of cases. */
const cases: [string, string, string, string, string, string, string, string, string][] = [
  ['GET', '/api/v1/namespaces', 'list', '', 'v1', '', 'namespaces', '', ''],
  ['GET', '/api/v1/namespaces/other', 'get', '', 'v1', 'other', 'namespaces', '', 'other'],
  ['GET', '/api/v1/namespaces/other/pods', 'list', '', 'v1', 'other', 'pods', '', ''],
  ['GET', '/api/v1/namespaces/other/pods/foo', 'get', '', 'v1', 'other', 'pods', '', 'foo'],
  ['HEAD', '/api/v1/namespaces/other/pods/foo', 'get', '', 'v1', 'other', 'pods', '', 'foo'],
  ['GET', '/api/v1/pods', 'list', '', 'v1', '', 'pods', '', ''],
  ['HEAD', '/api/v1/pods', 'list', '', 'v1', '', 'pods', '', ''],
  ['GET', '/api/v1/watch/pods', 'watch', '', 'v1', '', 'pods', '', ''],
  ['GET', '/api/v1/watch/namespaces/other/pods', 'watch', '', 'v1', 'other', 'pods', '', ''],
  ['GET', '/api/v1/pods?watch=true', 'watch', '', 'v1', '', 'pods', '', ''],
  ['GET', '/api/v1/pods?watch=false', 'list', '', 'v1', '', 'pods', '', ''],
  ['GET', '/api/v1/pods?watch', 'watch', '', 'v1', '', 'pods', '', ''],
  ['GET', '/api/v1/namespaces/other/pods/foo/status', 'get', '', 'v1', 'other', 'pods', 'status', 'foo'],
  ['PUT', '/api/v1/namespaces/other/finalize', 'update', '', 'v1', 'other', 'namespaces', 'finalize', 'other'],
  ['PATCH', '/api/v1/namespaces/other/pods/foo', 'patch', '', 'v1', 'other', 'pods', '', 'foo'],
  ['DELETE', '/api/v1/namespaces/other/pods/foo', 'delete', '', 'v1', 'other', 'pods', '', 'foo'],
  ['DELETE', '/api/v1/namespaces/other/pods', 'deletecollection', '', 'v1', 'other', 'pods', '', ''],
  ['POST', '/api/v1/namespaces/other/pods', 'create', '', 'v1', 'other', 'pods', '', ''],
  ['GET', '/apis/batch/v1/namespaces/other/jobs', 'list', 'batch', 'v1', 'other', 'jobs', '', ''],
  ['GET', '/api/v1/pods?fieldSelector=metadata.name%3Dfoo', 'list', '', 'v1', '', 'pods', '', 'foo'],
  ['GET', '/api/v1/pods?fieldSelector=metadata.name%3Dfoo%2Fbar', 'list', '', 'v1', '', 'pods', '', ''],
];

describe('parseRequestInfo', () => {
  it.each(cases)('%s %s', (method, target, verb, group, version, namespace, resource, subresource, name) => {
    const info = parseRequestInfo(method, target);
    expect(info.verb).toBe(verb);
    expect(info.resource).toMatchObject({ group, version, namespace, resource, subresource, name });
  });

  it.each(['/', '/api', '/api/v1', '/apis/apps/v1', '/healthz', '/healthz/etcd', '/openapi/v3/api/v1'])(
    'takes %s for a path, not a resource',
    (path) => {
      expect(parseRequestInfo('GET', path)).toMatchObject({ verb: 'get', path });
      expect(parseRequestInfo('GET', path).resource).toBeUndefined();
    },
  );

  it('keeps the path below a proxy subresource', () => {
    const { resource } = parseRequestInfo('GET', '/api/v1/namespaces/a/services/b:80/proxy/x/y');
    expect(resource).toMatchObject({ name: 'b:80', subresource: 'proxy', tail: '/x/y' });
  });

  it.each([
    ['', 60_000],
    ['?timeout=', 60_000],
    ['?timeout=1.5s', 1500],
    ['?timeout=0s', 60_000],
    ['?timeout=2h', 60_000],
  ])('gives the time that a caller has to wait: %s', (query, ms) => {
    expect(requestTimeoutMs(parseRequestInfo('GET', `/api/v1/pods${query}`))).toBe(ms);
  });

  it('refuses a time to wait that is none', () => {
    expect(() => requestTimeoutMs(parseRequestInfo('GET', '/api/v1/pods?timeout=x'))).toThrow(
      'invalid timeout specified in the request URL - time: invalid duration "x"',
    );
  });

  it('refuses what cannot be read', () => {
    expect(() => parseRequestInfo('GET', '/api/v1/pods/%zz')).toThrow('400 Bad Request');
    expect(() => parseRequestInfo('GET', '/api/v1/watch')).toThrow('unable to determine kind and namespace from url');
  });
});
