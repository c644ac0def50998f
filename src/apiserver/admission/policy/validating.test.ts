import { describe, expect, it } from 'vitest';
import { config, failure, putValidating, setUp } from './test-setup.js';

const told = (message: string) => `ValidatingAdmissionPolicy 'p' with binding 'b' denied request: ${message}`;
const forbidden = (message: string) => `configmaps "x" is forbidden: ${told(message)}`;

describe('ValidatingAdmissionPolicy', () => {
  it('denies with the message, the reason and the code that are asked for', async () => {
    const server = await setUp();
    putValidating(server, { validations: [{ expression: "object.data.a == '1'" }] });
    await server.configs.create(config('fine'));
    putValidating(server, { validations: [{ expression: "object.data.a == '2' " }] });
    const { status } = await failure(server.configs.create(config('x')));
    expect(status).toMatchObject({
      message: forbidden("failed expression: object.data.a == '2'"),
      reason: 'Invalid',
      code: 422,
    });
    expect(status.details).toEqual({
      name: 'x',
      kind: 'configmaps',
      causes: [{ message: told("failed expression: object.data.a == '2'") }],
    });
    putValidating(server, { validations: [{ expression: 'false', message: ' no more ', reason: 'Forbidden' }] });
    expect((await failure(server.configs.create(config('x')))).status).toMatchObject({
      message: forbidden('no more'),
      reason: 'Forbidden',
      code: 403,
    });
  });

  it.each([
    ["'has ' + object.metadata.name + ' of ' + request.userInfo.username", 'has x of tester'],
    ["''", 'plain'],
    ["'two\\nlines'", 'plain'],
    ['object.none', 'plain'],
    ["string(namespaceObject.metadata.labels['team'])", 'a'],
  ])('words its message by an expression where that gives one: %s', async (messageExpression, expected) => {
    const server = await setUp();
    putValidating(server, { validations: [{ expression: 'false', message: 'plain', messageExpression }] });
    expect((await failure(server.configs.create(config('x')))).message).toBe(forbidden(expected));
  });

  it('evaluates variables lazily, each of which may name those before it', async () => {
    const server = await setUp();
    const variables = [
      { name: 'count', expression: 'size(object.data)' },
      { name: 'broken', expression: 'object.nothing.there' },
      { name: 'many', expression: 'variables.count > 1' },
    ];
    putValidating(server, { variables, validations: [{ expression: 'variables.many' }] });
    expect((await failure(server.configs.create(config('x')))).message).toBe(
      forbidden('failed expression: variables.many'),
    );
    await server.configs.create(config('y', { data: { a: '1', b: '2' } }));
    putValidating(server, { variables, validations: [{ expression: 'variables.broken == 1' }] });
    expect((await failure(server.configs.create(config('x')))).message).toBe(
      forbidden(
        'expression \'variables.broken == 1\' resulted in error: composited variable "broken" fails to evaluate: no such key: nothing',
      ),
    );
  });

  it.each([
    ['object.nothing == 1', "expression 'object.nothing == 1' resulted in error: no such key: nothing"],
    ['nobody == 1', /^compilation error: compilation failed: ERROR: <input>:1:1: undeclared reference to 'nobody'/],
  ])('leaves what cannot be evaluated to its failurePolicy: %s', async (expression, expected) => {
    const server = await setUp();
    putValidating(server, { validations: [{ expression }] });
    const { message } = await failure(server.configs.create(config('x')));
    const start = forbidden('');
    expect(message.slice(0, start.length)).toBe(start);
    expect(message.slice(start.length)).toMatch(expected);
    putValidating(server, { failurePolicy: 'Ignore', validations: [{ expression }] });
    await server.configs.create(config('x'));
  });

  it('asks the authorizer, which may take its time', async () => {
    const server = await setUp();
    const expression = "authorizer.group('apps').resource('deployments').namespace('ns').check('VERB').allowed()";
    putValidating(server, { validations: [{ expression: expression.replace('VERB', 'get') }] });
    await server.configs.create(config('x'));
    expect(server.asked).toEqual([
      {
        user: { name: 'tester', groups: [] },
        verb: 'get',
        resource: expect.objectContaining({ group: 'apps', resource: 'deployments', namespace: 'ns', name: '' }),
      },
    ]);
    putValidating(server, { validations: [{ expression: expression.replace('VERB', 'delete') }] });
    await failure(server.configs.create(config('y')));
    putValidating(server, {
      validations: [{ expression: "authorizer.requestResource.check('get').reason() == 'because'" }],
    });
    await server.configs.create(config('y'));
  });

  it('warns and tells the audit, where its binding says so', async () => {
    const server = await setUp();
    const spec = {
      validations: [{ expression: 'true' }, { expression: 'false', message: 'no' }],
      auditAnnotations: [
        { key: 'size', valueExpression: 'string(size(object.data))' },
        { key: 'none', valueExpression: 'null' },
      ],
    };
    putValidating(server, spec, { validationActions: ['Warn', 'Audit'] });
    await server.configs.create(config('x'));
    const observed = { kind: 'validating', policy: 'p', binding: 'b', error: 'invalid_error', durationMs: 0 };
    expect(server.observed).toEqual([
      { ...observed, action: 'warn' },
      { ...observed, action: 'audit' },
    ]);
    expect(server.warnings).toEqual(["Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': no"]);
    expect(server.annotations).toEqual({
      'p/size': '1',
      'validation.policy.admission.k8s.io/validation_failure': JSON.stringify([
        { message: 'no', policy: 'p', binding: 'b', expressionIndex: 1, validationActions: ['Warn', 'Audit'] },
      ]),
    });
  });

  it('passes over requests that its conditions or its binding narrow out', async () => {
    const server = await setUp();
    const validations = [{ expression: 'false' }];
    putValidating(server, { validations, matchConditions: [{ name: 'm', expression: "object.metadata.name == 'x'" }] });
    await server.configs.create(config('y'));
    await failure(server.configs.create(config('x')));
    const objectSelector = { matchLabels: { strict: 'yes' } };
    putValidating(server, { validations }, { matchResources: { objectSelector } });
    await server.configs.create(config('x'));
    const labelled = config('z', { metadata: { name: 'z', namespace: 'ns', labels: { strict: 'yes' } } });
    await failure(server.configs.create(labelled));
    const excluded = { ...server.validating.hooks[0]!.policy.spec!.matchConstraints };
    const excludeResourceRules = [{ ...excluded.resourceRules![0]!, resources: ['configmaps'] }];
    putValidating(server, { validations, matchConstraints: { ...excluded, excludeResourceRules } });
    await server.configs.create(config('zz'));
  });

  it('sees deletion, with the old object only', async () => {
    const server = await setUp();
    await server.configs.create(config('x'));
    const expression = "request.operation != 'DELETE' || (object == null && oldObject.data.a == '2')";
    putValidating(server, { validations: [{ expression, message: 'kept' }] });
    expect((await failure(server.configs.delete('x', { namespace: 'ns' }))).message).toBe(forbidden('kept'));
  });

  it('stops at its budget', async () => {
    const server = await setUp();
    const list = '[1,2,3,4,5,6,7,8,9,10]';
    const expression = `${list}.all(a, ${list}.all(b, ${list}.all(c, ${list}.all(d, ${list}.all(e, a > 0)))))`;
    const validations = new Array(20).fill({ expression: `${expression} || true` });
    putValidating(server, { validations });
    expect((await failure(server.configs.create(config('x')))).message).toBe(
      forbidden('validation failed due to running out of cost budget, no further validation rules will be run'),
    );
  });

  it('is gone with its binding', async () => {
    const server = await setUp();
    putValidating(server, { validations: [{ expression: 'false' }] });
    await failure(server.configs.create(config('x')));
    server.validating.removeBinding('b');
    await server.configs.create(config('x'));
  });
});

describe('parameters', () => {
  const paramKind = { apiVersion: 'v1', kind: 'ConfigMap' };
  const validations = [
    { expression: 'params == null || object.data.a == params.data.a', messageExpression: 'string(params.data.a)' },
  ];
  const matchConditions = [{ name: 'm', expression: "!object.metadata.name.startsWith('param')" }];

  it('are those that the binding names, in the namespace of the request', async () => {
    const server = await setUp();
    const spec = { paramKind, validations, matchConditions };
    const paramRef = { name: 'param', parameterNotFoundAction: 'Allow' };
    putValidating(server, spec);
    await server.configs.create(config('none'));
    putValidating(server, spec, { paramRef });
    await server.configs.create(config('not-found'));
    await server.configs.create(config('param', { data: { a: '3' } }));
    expect((await failure(server.configs.create(config('x')))).message).toBe(forbidden('3'));
    putValidating(server, spec, { paramRef: { ...paramRef, namespace: 'other', parameterNotFoundAction: 'Deny' } });
    expect((await failure(server.configs.create(config('x')))).message).toBe(
      forbidden('failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction'),
    );
  });

  it('are each those that the binding selects', async () => {
    const server = await setUp();
    for (const a of ['1', '2']) {
      const metadata = { name: `param-${a}`, namespace: 'ns', labels: { kind: 'param' } };
      await server.configs.create(config('', { metadata, data: { a } }));
    }
    const paramRef = { selector: { matchLabels: { kind: 'param' } }, parameterNotFoundAction: 'Deny' };
    putValidating(server, { paramKind, validations, matchConditions }, { paramRef });
    const { status } = await failure(server.configs.create(config('x')));
    expect(status.message).toBe(forbidden('2'));
  });

  it('must be of a kind that is served', async () => {
    const server = await setUp();
    putValidating(server, { paramKind: { apiVersion: 'example.com/v1', kind: 'Rule' }, validations });
    expect((await failure(server.configs.create(config('x')))).message).toBe(
      `configmaps "x" is forbidden: ValidatingAdmissionPolicy 'p' denied request: failed to configure policy: failed to find resource referenced by paramKind: 'example.com/v1, Kind=Rule'`,
    );
  });
});
