/** Expressions of admission policies: what they see, what they ask the authorizer, and what they make. */
import { describe, expect, test } from 'vitest';
import {
  type AuthorizationQuery,
  type Authorize,
  authorizerValues,
  CelError,
  CompileError,
  compile,
  declareType,
  estimateCost,
  evaluateAsync,
  intType,
  jsonPatchType,
  type List,
  listType,
  plainValue,
  policyEnvironment,
  type Result,
  type StructValue,
  structsOf,
  typeNameProblems,
  type Value,
  variableType,
} from '../index.js';

const environment = policyEnvironment({ hasAuthorizer: true, hasPatchTypes: true, hasParams: true });

const objects: Record<string, Value> = {
  object: plainValue({ metadata: { name: 'web' }, spec: { replicas: 3 } }),
  oldObject: null,
  params: plainValue({ data: { most: '2' } }),
  request: plainValue({ operation: 'CREATE', userInfo: { username: 'jane', groups: ['dev'] }, dryRun: false }),
  namespaceObject: plainValue({ metadata: { name: 'shop', labels: { env: 'test' } } }),
};

function evaluate(expression: string): Result {
  return compile(expression, environment).evaluate((name) => objects[name]).value;
}

function complaint(expression: string): string {
  try {
    compile(expression, environment);
    return '';
  } catch (error) {
    expect(error).toBeInstanceOf(CompileError);
    return (error as CompileError).message.split('\n')[0]!.replace(/^ERROR: <input>:/, '');
  }
}

test.each([
  'object.metadata.name == "web" && oldObject == null',
  'object.spec.replicas > int(params.data.most)',
  'request.operation == "CREATE" && "dev" in request.userInfo.groups && !request.dryRun',
  'namespaceObject.metadata.labels.env == "test" && !has(namespaceObject.metadata.annotations)',
  'object.spec.?paused.orValue(false) == false',
])('%s', (expression) => {
  expect(evaluate(expression)).toBe(true);
});

test.each([
  ['request.nothing == ""', "1:8: undefined field 'nothing'"],
  ['namespaceObject.metadata.managedFields.size() == 1', "1:25: undefined field 'managedFields'"],
  ['request.dryRun + 1', "1:16: found no matching overload for '_+_' applied to '(bool, int)'"],
  ['variables.a', "1:1: undeclared reference to 'variables' (in container '')"],
])('%s: %s', (expression, expected) => {
  expect(complaint(expression)).toBe(expected);
});

test('objects have types where these are known', () => {
  const spec = { type: 'object', properties: { replicas: { type: 'integer' } } };
  const declared = declareType({ type: 'object', properties: { spec } }, { name: 'Deployment', isRoot: true })!;
  const typed = policyEnvironment({ object: declared.type }).extend({ structs: structsOf(declared) });
  expect(compile('object.spec.replicas', typed).type).toBe(intType);
  expect(compile('object.metadata.name + object.kind', typed).type.toString()).toBe('string');
  expect(() => compile('object.spec.replicas + "1"', typed)).toThrow("applied to '(int, string)'");
  expect(() => compile('oldObject.status', typed)).toThrow("undefined field 'status'");
});

test('variables have the types of their expressions, but nothing is known of objects', () => {
  const listOfTexts = compile('["a"]', environment).type;
  const variables = new Map([
    ['texts', variableType(listOfTexts)],
    ['whole', variableType(compile('request', environment).type)],
  ]);
  const withVariables = policyEnvironment({ variables });
  expect(compile('variables.texts[0]', withVariables).type.toString()).toBe('string');
  expect(compile('variables.whole.anything', withVariables).type.toString()).toBe('dyn');
  expect(() => compile('variables.texts[0] + 1', withVariables)).toThrow("applied to '(string, int)'");
  expect(() => compile('variables.none', withVariables)).toThrow("undefined field 'none'");
});

describe('the authorizer', () => {
  const asked: AuthorizationQuery[] = [];

  function ask(expression: string, authorize: Authorize) {
    asked.length = 0;
    const { authorizer, requestResource } = authorizerValues({
      authorize: (query) => {
        asked.push(query);
        return authorize(query);
      },
      user: { username: 'jane', groups: ['dev'] },
      resource: { group: 'apps', resource: 'deployments', subresource: '', namespace: 'shop', name: 'web' },
    });
    const values: Record<string, Value> = { authorizer, 'authorizer.requestResource': requestResource };
    const program = compile(expression, environment);
    return { program, result: evaluateAsync(program, (name) => values[name]) };
  }

  const allow: Authorize = () => ({ isAllowed: true, reason: 'because' });

  test.each([
    ["authorizer.path('/healthz')", 2],
    ["authorizer.group('apps').resource('deployments').subresource('status').namespace('test').name('backend')", 6],
    [
      "authorizer.group('').resource('pods').fieldSelector('spec.nodeName=example-node-name.fully.qualified.domain.name.example.com')",
      1821,
    ],
    [
      "authorizer.group('').resource('pods').labelSelector('spec.nodeName=example-node-name.fully.qualified.domain.name.example.com')",
      1821,
    ],
    ["authorizer.path('/healthz').check('get').allowed()", 350_003],
    [
      "authorizer.group('apps').resource('deployments').subresource('status').namespace('test').name('backend').check('create').errored()",
      350_007,
    ],
  ])('%s costs %d', async (expression, cost) => {
    const { program, result } = ask(expression, allow);
    expect(estimateCost(program.root)).toEqual({ min: cost, max: cost });
    expect((await result).cost).toBe(cost);
  });

  const unset = { subresource: '', namespace: '', name: '', fieldSelector: '', labelSelector: '' };
  const jane = { username: 'jane', groups: ['dev'] };

  test('is asked about resources, paths and the object of the request', async () => {
    const pods = ask(
      "authorizer.group('').resource('pods').namespace('a').labelSelector('x=y').check('list').allowed()",
      allow,
    );
    expect((await pods.result).value).toBe(true);
    expect(asked).toEqual([
      { user: jane, verb: 'list', ...unset, group: '', resource: 'pods', namespace: 'a', labelSelector: 'x=y' },
    ]);
    expect((await ask("authorizer.path('/metrics').check('get').reason()", allow).result).value).toBe('because');
    expect(asked).toEqual([{ user: jane, verb: 'get', path: '/metrics' }]);
    expect((await ask("authorizer.requestResource.check('approve').allowed()", allow).result).value).toBe(true);
    const web = { group: 'apps', resource: 'deployments', namespace: 'shop', name: 'web' };
    expect(asked).toEqual([{ user: jane, verb: 'approve', ...unset, ...web }]);
  });

  test('is asked about service accounts', async () => {
    const about = (account: string) => `authorizer.serviceAccount(${account}).path('/').check('get').allowed()`;
    expect((await ask(about("'shop', 'bot'"), allow).result).value).toBe(true);
    const groups = ['system:serviceaccounts', 'system:serviceaccounts:shop'];
    expect(asked).toEqual([{ user: { username: 'system:serviceaccount:shop:bot', groups }, verb: 'get', path: '/' }]);
    const message = async (account: string) => ((await ask(about(account), allow).result).value as CelError).message;
    expect(await message("'shop', 'No Name'")).toBe('Invalid service account name');
    expect(await message("'No Space', 'bot'")).toBe('Invalid service account namespace');
  });

  test('tells of its errors', async () => {
    const failing: Authorize = () => ({ isAllowed: false, reason: '', error: 'out of order' });
    const check = "authorizer.group('').resource('pods').check('get')";
    const texts = `${check}.errored() ? ${check}.error() : "fine"`;
    expect((await ask(texts, failing).result).value).toBe('out of order');
    expect((await ask(`${check}.allowed()`, failing).result).value).toBe(false);
    const empty = await ask("authorizer.group('').resource(' ')", failing).result;
    expect(empty.value).toEqual(new CelError('resource must not be empty'));
    const noPath = await ask("authorizer.path('')", failing).result;
    expect(noPath.value).toEqual(new CelError('path must not be empty'));
  });

  test('may take its time, and is asked each question once', async () => {
    const slow: Authorize = async (query) => ({ isAllowed: 'path' in query && query.path === '/b', reason: '' });
    const may = (path: string) => `authorizer.path('${path}').check('get').allowed()`;
    const { result } = ask(`${may('/a')} || ${may('/b')}`, slow);
    expect(await result).toEqual({ value: true, cost: 2 * 350_003 });
    expect(asked.map((query) => 'path' in query && query.path)).toEqual(['/a', '/b']);
    const broken: Authorize = () => Promise.reject(new Error('gone'));
    await expect(ask(may('/a'), broken).result).rejects.toThrow('gone');
  });
});

describe('patches', () => {
  test('are lists of operations', () => {
    const program = compile(
      `[
        JSONPatch{op: "test", path: "/spec/replicas", value: object.spec.replicas},
        JSONPatch{op: "add", path: "/metadata/labels/" + jsonpatch.escapeKey("k8s.io/x~y"), value: "true"},
        JSONPatch{op: "move", from: "/a", path: "/b"},
      ]`,
      environment,
      [listType(jsonPatchType)],
    );
    const { value } = program.evaluate((name) => objects[name]);
    const operations = [...(value as List)].map((one) => Object.fromEntries((one as StructValue).fields));
    expect(operations).toEqual([
      { op: 'test', path: '/spec/replicas', value: 3 },
      { op: 'add', path: '/metadata/labels/k8s.io~1x~0y', value: 'true' },
      { op: 'move', from: '/a', path: '/b' },
    ]);
  });

  test.each([
    'JSONPatch{op: "a"}.op == "a" && string(JSONPatch{value: "b"}.value) == "b"',
    'has(JSONPatch{from: "a"}.from) && !has(JSONPatch{}.from) && !has(JSONPatch{op: ""}.op) && !has(JSONPatch{}.value)',
    'JSONPatch{}.path == ""',
    'JSONPatch{} == JSONPatch{op: ""}',
    'JSONPatch{op: "add", value: 1} == JSONPatch{op: "add", value: 1}',
    'JSONPatch{op: "add", value: "1"} != JSONPatch{op: "add", value: 1}',
    'Object{spec: Object.spec{replicas: 3}} == Object{spec: Object.spec{replicas: 1 + 2}}',
    'Object{list: [1, 2, 3]}.list.sum() == 6',
    'Object{}.field == null && !has(Object{}.field)',
    'Object{}.?field == optional.none()',
    'Object{?spec: optional.ofNonZeroValue(Object.spec{?replicas: Object{}.?replicas})} == Object{}',
  ])('%s', (expression) => {
    expect(evaluate(expression)).toBe(true);
  });

  test.each([
    ['Invalid{}', "1:8: undeclared reference to 'Invalid' (in container '')"],
    ['JSONPatch{op: 1}', "1:13: expected type of field 'op' is 'string' but provided type is 'int'"],
    ['JSONPatch{nothing: 1}', "1:18: undefined field 'nothing'"],
  ])('%s: %s', (expression, expected) => {
    expect(complaint(expression)).toBe(expected);
  });

  test.each([
    ['Object{spec: Object.spec{m: {"a": Object.spec.m{}}, l: [Object.spec.l{}]}}', []],
    ['Object{invalid: Object.spec{}}', [['Object.spec', 'Object.invalid']]],
    ['Object{spec: Object.spec{m: {"a": Object.spec.x{}}}}', [['Object.spec.x', 'Object.spec.m']]],
    [
      'Object{spec: Object.spec{l: [dyn(Object.x{}), dyn(Object.y{})]}}',
      [
        ['Object.x', 'Object.spec.l'],
        ['Object.y', 'Object.spec.l'],
      ],
    ],
  ])('the types in %s are named by the fields that they stand in', (expression, problems) => {
    const value = evaluate(expression);
    if (value instanceof CelError) throw new Error(value.message);
    expect(typeNameProblems(value)).toEqual(
      problems.map(
        ([name, expected]) =>
          `unexpected type name "${name}", expected "${expected}", which matches field name path from root Object type`,
      ),
    );
  });
});
