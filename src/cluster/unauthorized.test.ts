/** Walks all that the server serves as somebody who may nothing, and as nobody: each answer must be the refusal. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AnyResource } from '#api/resource.js';
import type { UserInfo } from '#apiserver/authentication/authenticator.js';
import type { Call, Outcome } from '#apiserver/call.js';
import { VirtualClock } from '#base/clock.js';
import { silentLog } from '#base/log.js';
import { SeededPrng } from '#base/prng.js';
import type { ApiServerSettings } from './api-server/settings.js';
import { EphemeralCluster } from './ephemeral-cluster.js';

const methods: Record<string, string> = {
  create: 'POST',
  get: 'GET',
  list: 'GET',
  watch: 'GET',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
  deletecollection: 'DELETE',
};
const onCollection = new Set(['create', 'list', 'watch', 'deletecollection']);
const everyVerb = Object.keys(methods);

interface Question {
  verb: string;
  method: string;
  target: string;
  group: string;
  resource: string;
  namespace: string;
  name: string;
}

/** All verbs on the resource and all its subresources, in one namespace, in all, and at the cluster's scope. */
function* questionsOn(resource: AnyResource): Iterable<Question> {
  const { group, plural, versions, namespaced } = resource;
  const subresources = ['', ...subresourcesOf(resource)];
  for (const version of versions)
    for (const namespace of namespaced ? ['', 'default'] : [''])
      for (const subresource of subresources)
        for (const verb of everyVerb) {
          const isNamed = subresource !== '' || !onCollection.has(verb);
          if (subresource && (verb === 'list' || verb === 'watch' || verb === 'deletecollection')) continue;
          const name = isNamed ? 'x' : '';
          const parts = [
            group ? `/apis/${group}/${version}` : `/api/${version}`,
            ...(namespace ? ['namespaces', namespace] : []),
            plural,
            ...(name ? [name] : []),
            ...(subresource ? [subresource] : []),
          ];
          const target = `${parts.join('/')}${verb === 'watch' ? '?watch=true' : ''}`;
          const asked = subresource ? `${plural}/${subresource}` : plural;
          // A namespace stands in itself.
          const within = plural === 'namespaces' ? name : namespace;
          yield { verb, method: methods[verb]!, target, group, resource: asked, namespace: within, name };
        }
}

function subresourcesOf({ subresources }: AnyResource): string[] {
  const { status, scale, others = [] } = subresources ?? {};
  return [...(status ? ['status'] : []), ...(scale ? ['scale'] : []), ...others.map(({ name }) => name)];
}

const paths = ['/', '/api', '/api/v1', '/apis', '/apis/apps', '/apis/apps/v1', '/healthz', '/healthz/etcd', '/livez'];
paths.push('/readyz', '/metrics', '/openapi/v2', '/openapi/v3', '/openapi/v3/apis/apps/v1', '/version', '/logs');
paths.push('/.well-known/openid-configuration', '/openid/v1/jwks', '/no/such/path', '/debug/pprof', '/api/v1/');

let cluster: EphemeralCluster;

async function start(apiServer: Partial<ApiServerSettings>): Promise<void> {
  const shared = { clock: new VirtualClock(), prng: new SeededPrng(1), log: silentLog, store: 'memory' as const };
  cluster = await EphemeralCluster.prepare({ ...shared, controllers: [], scheduler: false, apiServer });
  await cluster.start();
}

function send({ method, target }: Pick<Question, 'method' | 'target'>, user?: UserInfo): Promise<Outcome> {
  const call: Call = {
    method,
    target,
    headers: { 'content-type': 'application/json' },
    rawHeaders: [],
    credentials: { rawHeaders: [], target },
    user,
    source: '192.0.2.1',
    readBody: async () => {
      throw new Error('the body of a request that is not allowed must not be read');
    },
    signal: new AbortController().signal,
  };
  return cluster.controlPlane.server.pipeline.handle(call);
}

const quoted = (text: string) => JSON.stringify(text);

describe('somebody who may nothing', () => {
  beforeAll(() => start({ anonymousAuth: true }));
  afterAll(() => cluster.stop());
  const nobody: UserInfo = { name: 'nobody', groups: [] };

  it('is refused every verb on every resource and subresource', async () => {
    let asked = 0;
    for (const resource of cluster.controlPlane.scheme.resources())
      for (const question of questionsOn(resource)) {
        const { verb, group, namespace, name, target } = question;
        const where = namespace ? `in the namespace ${quoted(namespace)}` : 'at the cluster scope';
        const shown = `${resource.plural}${group ? `.${group}` : ''}${name ? ` ${quoted(name)}` : ''}`;
        const message = `${shown} is forbidden: User "nobody" cannot ${verb} resource ${quoted(question.resource)} in API group ${quoted(group)} ${where}`;
        const { error } = await send(question, nobody);
        expect([error?.code, error?.message], `${question.method} ${target}`).toEqual([403, message]);
        asked++;
      }
    expect(asked).toBeGreaterThan(1000);
  });

  it('is refused every path', async () => {
    for (const target of paths)
      for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH']) {
        const { error } = await send({ method, target }, nobody);
        const message = `forbidden: User "nobody" cannot ${method.toLowerCase()} path ${quoted(target)}`;
        expect([error?.code, error?.message], `${method} ${target}`).toEqual([403, message]);
      }
  });

  it('is let in, when known, to what everybody may read and nothing else', async () => {
    const known: UserInfo = { name: 'known', groups: ['system:authenticated'] };
    const allowed: string[] = [];
    for (const resource of cluster.controlPlane.scheme.resources())
      for (const question of questionsOn(resource)) {
        const { error } = await send(question, known);
        if (error?.code !== 403) allowed.push(`${question.verb} ${question.resource}`);
      }
    expect([...new Set(allowed)].sort()).toEqual([
      'create selfsubjectaccessreviews',
      'create selfsubjectreviews',
      'create selfsubjectrulesreviews',
    ]);
    const open: string[] = [];
    for (const target of paths)
      if ((await send({ method: 'GET', target }, known)).error?.code !== 403) open.push(target);
    expect(open).toEqual(
      [
        '/api',
        '/api/v1',
        '/apis',
        '/apis/apps',
        '/apis/apps/v1',
        '/healthz',
        '/livez',
        '/readyz',
        '/openapi/v2',
      ].concat(['/openapi/v3', '/openapi/v3/apis/apps/v1', '/version', '/api/v1/']),
    );
  });

  it('may, unknown, ask only whether the server is there', async () => {
    const open: string[] = [];
    for (const target of paths) if ((await send({ method: 'GET', target })).error?.code !== 403) open.push(target);
    expect(open).toEqual(['/healthz', '/livez', '/readyz', '/version']);
  });
});

describe.each<Partial<ApiServerSettings>>([{ anonymousAuth: false }, { authorizationMode: ['RBAC', 'AlwaysAllow'] }])(
  'nobody, where nobody is let in because of %j',
  (settings) => {
    beforeAll(() => start(settings));
    afterAll(() => cluster.stop());

    it('is unauthorized everywhere', async () => {
      const asked = [...cluster.controlPlane.scheme.resources()].flatMap((resource) => [...questionsOn(resource)]);
      for (const question of [...asked, ...paths.map((target) => ({ method: 'GET', target }))]) {
        const { error } = await send(question);
        expect([error?.code, error?.message], `${question.method} ${question.target}`).toEqual([401, 'Unauthorized']);
      }
    });
  },
);
