import { describe, expect, it } from 'vitest';
import { type StatusError, StatusError as StatusErrorClass } from '#apimachinery/errors.js';
import type { UserInfo } from '../authentication/authenticator.js';
import type { Attributes } from './authorizer.js';
import { Impersonation } from './impersonation.js';
import { wantedUserOf } from './impersonation-request.js';

const alice: UserInfo = { name: 'alice', groups: ['system:authenticated'] };
const pods = { group: '', version: 'v1', resource: 'pods', subresource: '', namespace: 'default', name: '' };

/** What was asked, as `verb group/resource/subresource namespace/name`. */
const textOf = ({ verb, resource }: Attributes) => {
  const { group, resource: plural, subresource, namespace, name } = resource!;
  return `${verb} ${group}/${plural}${subresource ? `/${subresource}` : ''} ${namespace}/${name}`;
};

function setUp(allowed: readonly string[] | 'all') {
  const asked: string[] = [];
  const impersonation = new Impersonation({
    authorize(attributes) {
      asked.push(textOf(attributes));
      const isAllowed = allowed === 'all' || allowed.includes(textOf(attributes));
      return { decision: isAllowed ? 'allow' : 'no opinion', reason: '' };
    },
  });
  const as = (headers: string[], user = alice) =>
    impersonation.impersonate(wantedUserOf(headers)!, { user, verb: 'list', resource: pods });
  return { asked, as };
}

async function refusal(promise: Promise<unknown>): Promise<StatusError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(StatusErrorClass);
  return error as StatusError;
}

describe('wantedUserOf', () => {
  it('reads each header as sent: commas belong to names, keys are escaped, letters of headers do not matter', () => {
    const wanted = wantedUserOf([
      ...['impersonate-USER', 'bob', 'Impersonate-Group', 'a, b', 'Impersonate-Group', 'c'],
      ...['Impersonate-Uid', '7', 'Impersonate-Extra-Acme.io%2fScope', 'x', 'impersonate-extra-acme.io%2Fscope', 'y'],
    ]);
    expect(wanted).toEqual({
      name: 'bob',
      uid: '7',
      groups: ['a, b', 'c'],
      extra: new Map([['acme.io/scope', ['x', 'y']]]),
    });
    expect(wantedUserOf(['accept', '*/*'])).toBeUndefined();
  });

  it('wants a name', () => {
    expect(() => wantedUserOf(['Impersonate-Group', 'g'])).toThrow(
      'requested &user.DefaultInfo{Name:"", UID:"", Groups:[]string{"g"}, Extra:map[string][]string(nil)} without impersonating a user name',
    );
  });
});

describe('impersonate', () => {
  it('asks for each part by the verb impersonate, which covers every request', async () => {
    const allowed = [
      'impersonate /users /bob',
      'impersonate /groups /g',
      'impersonate authentication.k8s.io/uids /7',
      'impersonate authentication.k8s.io/userextras/acme.io/s /x',
    ];
    const headers = ['Impersonate-User', 'bob', 'Impersonate-Group', 'g', 'Impersonate-Uid', '7'];
    headers.push('Impersonate-Extra-acme.io%2fs', 'x');
    const { as } = setUp(allowed);
    expect((await as(headers)).user).toEqual({
      name: 'bob',
      uid: '7',
      groups: ['g', 'system:authenticated'],
      extra: { 'acme.io/s': ['x'] },
    });
    for (const missing of allowed)
      expect((await refusal(setUp(allowed.filter((one) => one !== missing)).as(headers))).code).toBe(403);
  });

  it('tells the first refusal, and that of the mode that held last', async () => {
    const { as } = setUp(['impersonate /users /bob']);
    expect((await refusal(as(['Impersonate-User', 'carol']))).message).toBe(
      'pods is forbidden: User "alice" cannot impersonate-on:user-info:list resource "pods" in API group "" in the namespace "default"',
    );
    await as(['Impersonate-User', 'bob']);
    expect((await refusal(as(['Impersonate-User', 'carol']))).message).toBe(
      'users "carol" is forbidden: User "alice" cannot impersonate resource "users" in API group "" at the cluster scope',
    );
  });

  it('gives service accounts their groups unless groups are named', async () => {
    const { as, asked } = setUp(['impersonate /serviceaccounts ns/sa', 'impersonate /groups /g']);
    const name = ['Impersonate-User', 'system:serviceaccount:ns:sa'];
    const own = ['system:serviceaccounts', 'system:serviceaccounts:ns', 'system:authenticated'];
    expect((await as(name)).user.groups).toEqual(own);
    expect((await as([...name, 'Impersonate-Group', 'g'])).user.groups).toEqual(['g', 'system:authenticated']);
    expect(asked).toContain('impersonate /serviceaccounts ns/sa');
  });

  it('knows whom nobody knows', async () => {
    const { as } = setUp('all');
    const groups = async (...headers: string[]) => (await as(['Impersonate-User', ...headers])).user.groups;
    expect(await groups('system:anonymous')).toEqual(['system:unauthenticated']);
    expect(await groups('x', 'Impersonate-Group', 'system:unauthenticated')).toEqual(['system:unauthenticated']);
  });

  it('constrained, holds for the named verb only and never for system:masters', async () => {
    const { as } = setUp([
      'impersonate-on:user-info:list /pods default/',
      'impersonate:user-info authentication.k8s.io/users /bob',
    ]);
    expect((await as(['Impersonate-User', 'bob'])).user.name).toBe('bob');
    const on = setUp(['impersonate:user-info authentication.k8s.io/users /bob']);
    expect((await refusal(on.as(['Impersonate-User', 'bob']))).message).toContain('impersonate-on:user-info:list');
    const all = setUp([
      'impersonate-on:user-info:list /pods default/',
      'impersonate:user-info authentication.k8s.io/users /bob',
      'impersonate:user-info authentication.k8s.io/groups /system:masters',
    ]);
    const error = await refusal(all.as(['Impersonate-User', 'bob', 'Impersonate-Group', 'system:masters']));
    expect(error.message).toContain('impersonating the system:masters group is not allowed');
  });

  it('lets an account act as its own node', async () => {
    const allowed = [
      'impersonate-on:associated-node:list /pods default/',
      'impersonate:associated-node authentication.k8s.io/nodes /*',
    ];
    const account = (node: string): UserInfo => ({
      name: 'system:serviceaccount:ns:agent',
      groups: [],
      extra: { 'authentication.kubernetes.io/node-name': [node] },
    });
    const headers = ['Impersonate-User', 'system:node:n1'];
    expect((await setUp(allowed).as(headers, account('n1'))).user.groups).toEqual([
      'system:nodes',
      'system:authenticated',
    ]);
    expect((await refusal(setUp(allowed).as(headers, account('n2')))).code).toBe(403);
  });
});
