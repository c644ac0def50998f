import { beforeAll, describe, expect, test } from 'vitest';
import type { AnyResource } from '../resource.js';
import { cells, createErrors, made, statusErrors } from '../test-kind.js';
import { loadExpressions } from './expressions.js';
import changes from './mutatingadmissionpolicy.js';
import changeBindings from './mutatingadmissionpolicybinding.js';
import changers from './mutatingwebhookconfiguration.js';
import policies from './validatingadmissionpolicy.js';
import bindings from './validatingadmissionpolicybinding.js';
import judges from './validatingwebhookconfiguration.js';

beforeAll(loadExpressions);

const rule = { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] };
const webhook = {
  name: 'check.example.com',
  clientConfig: { url: 'https://example.com/check' },
  rules: [rule],
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
};
const hook = (more: object) => ({ webhooks: [{ ...webhook, ...more }] });
const called = (clientConfig: object) => hook({ clientConfig });
const ruled = (more: object) => hook({ rules: [{ ...rule, ...more }] });
const at = 'webhooks[0]';

const matchConstraints = { resourceRules: [rule] };
const policy = (more: object) => ({ spec: { matchConstraints, validations: [{ expression: 'true' }], ...more } });
const change = (more: object) => ({
  spec: {
    matchConstraints,
    reinvocationPolicy: 'Never',
    mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression: '[JSONPatch{op: "remove", path: "/spec"}]' } }],
    ...more,
  },
});

test('webhooks are defaulted', () => {
  const expected = {
    failurePolicy: 'Fail',
    matchPolicy: 'Equivalent',
    namespaceSelector: {},
    objectSelector: {},
    timeoutSeconds: 10,
    clientConfig: { service: { name: 'a', namespace: 'b', port: 443 } },
    rules: [{ ...rule, scope: '*' }],
  };
  const service = { name: 'a', namespace: 'b' };
  expect(made(changers, called({ service }))).toMatchObject(hook({ ...expected, reinvocationPolicy: 'Never' }));
  expect(made(judges, called({ service }))).toMatchObject(hook(expected));
});

test('policies and bindings are defaulted', () => {
  const match = { matchPolicy: 'Equivalent', namespaceSelector: {}, objectSelector: {} };
  const withScope = { ...match, resourceRules: [{ ...rule, scope: '*' }] };
  for (const kind of [policies, changes])
    expect(made(kind as AnyResource, policy({}))).toMatchObject({
      spec: { failurePolicy: 'Fail', matchConstraints: withScope },
    });
  for (const kind of [bindings, changeBindings])
    expect(made(kind as AnyResource, { spec: { matchResources: {} } })).toMatchObject({
      spec: { matchResources: match },
    });
});

test.each<[string, object, string[]]>([
  ['is well', {}, []],
  [
    'has a long name',
    hook({ name: 'example.com' }),
    [`${at}.name: Invalid value: "example.com": should be a domain with at least three segments separated by dots`],
  ],
  [
    'has a name of its own',
    { webhooks: [webhook, webhook] },
    ['webhooks[1].name: Duplicate value: "check.example.com"'],
  ],
  [
    'says whether it does more than answer',
    hook({ sideEffects: undefined }),
    [`${at}.sideEffects: Required value: must specify one of None, NoneOnDryRun`],
  ],
  [
    'does no more than answer',
    hook({ sideEffects: 'Some' }),
    [`${at}.sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"`],
  ],
  [
    'answers in half a minute',
    hook({ timeoutSeconds: 31 }),
    [`${at}.timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds`],
  ],
  [
    'knows how it is asked',
    hook({ admissionReviewVersions: [] }),
    [`${at}.admissionReviewVersions: Required value: must specify one of v1, v1beta1`],
  ],
  [
    'is asked as this server can',
    hook({ admissionReviewVersions: ['v2', 'v2'] }),
    [
      `${at}.admissionReviewVersions[1]: Invalid value: "v2": duplicate version`,
      `${at}.admissionReviewVersions: Invalid value: ["v2","v2"]: must include at least one of v1, v1beta1`,
    ],
  ],
  ['is somewhere', called({}), [`${at}.clientConfig: Required value: exactly one of url or service is required`]],
  [
    'is asked over TLS',
    called({ url: 'http://example.com' }),
    [
      `${at}.clientConfig.url: Invalid value: "http": 'https' is the only allowed URL scheme; desired format: https://host[/path]`,
    ],
  ],
  [
    'has a plain URL',
    called({ url: 'https://u@example.com?q=1#f' }),
    [
      `${at}.clientConfig.url: Invalid value: "u": user information is not permitted in the URL`,
      `${at}.clientConfig.url: Invalid value: "f": fragments are not permitted in the URL`,
      `${at}.clientConfig.url: Invalid value: "q=1": query parameters are not permitted in the URL`,
    ],
  ],
  [
    'has a URL',
    called({ url: 'https://a:b' }),
    [
      `${at}.clientConfig.url: Required value: url must be a valid URL: parse "https://a:b": invalid port ":b" after host; desired format: https://host[/path]`,
    ],
  ],
  [
    'names its service, which upstream tells the wrong way round',
    called({ service: { name: 'a', path: '/A//b' } }),
    [
      `${at}.clientConfig.service.name: Required value`,
      `${at}.clientConfig.service.path: Invalid value: "/A//b": segment[0]: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
      `${at}.clientConfig.service.path: Invalid value: "/A//b": segment[1] may not be empty`,
    ],
  ],
  [
    'is for all operations or some',
    ruled({ operations: ['*', 'READ'] }),
    [
      `${at}.rules[0].operations: Invalid value: ["*","READ"]: if '*' is present, must not specify other operations`,
      `${at}.rules[0].operations[1]: Unsupported value: "READ": supported values: "*", "CONNECT", "CREATE", "DELETE", "UPDATE"`,
    ],
  ],
  [
    'is for some group and version',
    ruled({ apiGroups: [], apiVersions: [''] }),
    [`${at}.rules[0].apiGroups: Required value`, `${at}.rules[0].apiVersions[0]: Required value`],
  ],
  [
    'names a resource once',
    ruled({ resources: ['pods/*', 'pods/status', '*/scale', 'jobs/scale'] }),
    [
      `${at}.rules[0].resources[1]: Invalid value: "pods/status": if 'pods/*' is present, must not specify pods/status`,
      `${at}.rules[0].resources[3]: Invalid value: "jobs/scale": if '*/scale' is present, must not specify jobs/scale`,
    ],
  ],
  [
    'names all resources or some',
    ruled({ resources: ['*', 'pods'] }),
    [
      `${at}.rules[0].resources: Invalid value: ["*","pods"]: if '*' is present, must not specify other resources without subresources`,
    ],
  ],
  [
    'has conditions by name',
    hook({
      matchConditions: [
        { name: 'a', expression: ' ' },
        { name: 'a', expression: 'true' },
      ],
    }),
    [`${at}.matchConditions[0].expression: Required value`, `${at}.matchConditions[1].name: Duplicate value: "a"`],
  ],
])('a webhook %s', (_, fields, messages) => {
  for (const kind of [changers, judges])
    expect(createErrors(kind as AnyResource, made(kind as AnyResource, fields))).toEqual(messages);
});

describe('a policy', () => {
  test.each<[string, AnyResource, object, string[]]>([
    ['is well', policies, policy({}), []],
    [
      'is about something, and says something',
      policies,
      { spec: {} },
      [
        'spec.matchConstraints: Required value',
        'spec.validations: Required value: validations or auditAnnotations must contain at least one item',
        'spec.auditAnnotations: Required value: validations or auditAnnotations must contain at least one item',
      ],
    ],
    [
      'names some resource',
      policies,
      policy({ matchConstraints: {} }),
      ['spec.matchConstraints.resourceRules: Required value'],
    ],
    [
      'has parameters of a kind',
      policies,
      policy({ paramKind: { apiVersion: 'a/b/c', kind: 'No Kind' } }),
      [
        'spec.paramKind.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
        `spec.paramKind.kind: Invalid value: "No Kind": may have mixed case, but should otherwise match: a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')`,
      ],
    ],
    [
      'has names for variables',
      policies,
      policy({ variables: [{ name: 'for', expression: '' }, { name: '' }] }),
      [
        'spec.variables[0].name: Invalid value: "for": must be a valid CEL identifier',
        'spec.variables[0].expression: Required value: expression is not specified',
        'spec.variables[1].name: Required value: name is not specified',
        'spec.variables[1].expression: Required value: expression is not specified',
      ],
    ],
    [
      'says why in one line',
      policies,
      policy({ validations: [{ expression: '', message: 'a\nb', messageExpression: ' ', reason: 'Odd' }] }),
      [
        'spec.validations[0].expression: Required value: expression is not specified',
        'spec.validations[0].messageExpression: Invalid value: " ": must be non-empty if specified',
        'spec.validations[0].message: Invalid value: "a\\nb": must not contain line breaks',
        'spec.validations[0].reason: Unsupported value: "Odd": supported values: "Forbidden", "Invalid", "RequestEntityTooLarge"',
      ],
    ],
    [
      'has keys for annotations',
      policies,
      policy({ auditAnnotations: [{ key: 'a', valueExpression: "'b'" }, { key: 'a' }] }),
      [
        'spec.auditAnnotations[1].valueExpression: Required value: valueExpression is not specified',
        'spec.auditAnnotations[1].key: Duplicate value: "a"',
      ],
    ],
    ['of changes is well', changes, change({}), []],
    [
      'of changes changes something',
      changes,
      change({ mutations: [], reinvocationPolicy: undefined }),
      [
        'spec.mutations: Required value: mutations must contain at least one item',
        'spec.reinvocationPolicy: Required value',
      ],
    ],
    [
      'of changes cannot change what goes',
      changes,
      change({ matchConstraints: { resourceRules: [{ ...rule, operations: ['DELETE'] }] } }),
      [
        'spec.matchConstraints.resourceRules.operations: Unsupported value: "DELETE": supported values: "*", "CONNECT", "CREATE", "UPDATE"',
      ],
    ],
    [
      'of changes has the patch that it says',
      changes,
      change({
        mutations: [{ patchType: 'ApplyConfiguration', jsonPatch: { expression: '[]' } }, {}, { patchType: 'Merge' }],
      }),
      [
        'spec.mutations[0].applyConfiguration: Required value: must be specified when patchType is ApplyConfiguration',
        'spec.mutations[0].jsonPatch: Invalid value: "{jsonPatch}": must not be specified when patchType is ApplyConfiguration',
        'spec.mutations[1].patchType: Required value',
        'spec.mutations[2].patchType: Unsupported value: "Merge": supported values: "ApplyConfiguration", "JSONPatch"',
      ],
    ],
    [
      'has expressions that compile',
      policies,
      policy({
        matchConditions: [{ name: 'a', expression: 'request.nam == "b"' }],
        variables: [
          { name: 'names', expression: '[request.name]' },
          { name: 'wrong', expression: 'authorizer.' },
        ],
        validations: [
          { expression: 'variables.names.all(n, n + 1)' },
          { expression: 'object.spec.replicas > 1 && variables.wrong == 1 && variables.none == 1' },
          { expression: 'size(params)' },
        ],
      }),
      [
        `spec.matchConditions[0].expression: Invalid value: "request.nam == \\"b\\"": compilation failed: ERROR: <input>:1:8: undefined field 'nam'\n | request.nam == "b"\n | .......^`,
        `spec.variables[1].expression: Invalid value: "authorizer.": compilation failed: ERROR: <input>:1:12: Syntax error: no viable alternative at input '.'\n | authorizer.\n | ...........^`,
        `spec.validations[0].expression: Invalid value: "variables.names.all(n, n + 1)": compilation failed: ERROR: <input>:1:26: found no matching overload for '_+_' applied to '(string, int)'\n | variables.names.all(n, n + 1)\n | .........................^`,
        `spec.validations[1].expression: Invalid value: "object.spec.replicas > 1 && variables.wrong == 1 && variables.none == 1": compilation failed: ERROR: <input>:1:62: undefined field 'none'\n | object.spec.replicas > 1 && variables.wrong == 1 && variables.none == 1\n | .............................................................^`,
        `spec.validations[2].expression: Invalid value: "size(params)": compilation failed: ERROR: <input>:1:6: undeclared reference to 'params' (in container '')\n | size(params)\n | .....^`,
      ],
    ],
    [
      'of changes makes patches',
      changes,
      change({ mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression: '[]' } }] }),
      [
        'spec.mutations[0].jsonPatch.expression: Invalid value: "[]": must evaluate to list(JSONPatch) but got list(dyn)',
      ],
    ],
    [
      'of changes knows of variables, though there be none',
      changes,
      change({ mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression: 'variables.a' } }] }),
      [
        `spec.mutations[0].jsonPatch.expression: Invalid value: "variables.a": compilation failed: ERROR: <input>:1:10: undefined field 'a'\n | variables.a\n | .........^`,
      ],
    ],
    [
      'is bound to actions',
      bindings,
      { spec: { policyName: 'a', validationActions: ['Deny', 'Warn', 'Log'] } },
      [
        'spec.validationActions[2]: Unsupported value: "Log": supported values: "Audit", "Deny", "Warn"',
        'spec.validationActions: Invalid value: ["Deny","Warn","Log"]: must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
      ],
    ],
    [
      'is bound by name',
      bindings,
      { spec: {} },
      [
        'spec.policyName: Required value',
        'spec.validationActions: Required value: at least one validation action is required',
      ],
    ],
    [
      'is bound to parameters one way',
      changeBindings,
      { spec: { policyName: 'a', paramRef: { name: 'b', selector: {} } } },
      [
        'spec.paramRef.name: Forbidden: name and selector are mutually exclusive',
        'spec.paramRef.selector: Forbidden: name and selector are mutually exclusive',
        'spec.paramRef.parameterNotFoundAction: Required value',
      ],
    ],
  ])('%s', (_, kind, fields, messages) => {
    expect(createErrors(kind, made(kind, fields))).toEqual(messages);
  });

  test('tells of its expressions in its status', () => {
    const status = { typeChecking: { expressionWarnings: [{ fieldRef: ' ', warning: '' }] } };
    expect(statusErrors(policies, made(policies, { ...policy({}), status }))).toEqual([
      'status.typeChecking.expressionWarnings[0].warning: Required value',
      'status.typeChecking.expressionWarnings[0].fieldRef: Required value',
    ]);
  });
});

test('columns', () => {
  expect(cells(judges, made(judges, hook({})))).toEqual(['one', 1, '60m']);
  const paramKind = { apiVersion: 'v1', kind: 'ConfigMap' };
  expect(cells(policies, made(policies, policy({ paramKind })))).toEqual(['one', 1, 'v1/ConfigMap', '60m']);
  expect(cells(changes, made(changes, change({})))).toEqual(['one', 1, '<unset>', '60m']);
  const bound = (paramRef?: object) => cells(bindings, made(bindings, { spec: { policyName: 'a', paramRef } }))[2];
  expect(bound()).toBe('<unset>');
  expect(bound({ name: 'b' })).toBe('*/b');
  expect(bound({ name: 'b', namespace: 'c' })).toBe('c/b');
  const selector = {
    matchLabels: { b: '2', a: '1' },
    matchExpressions: [{ key: 'k', operator: 'In', values: ['v', 'w'] }],
  };
  expect(bound({ selector })).toBe(
    '&LabelSelector{MatchLabels:map[string]string{a: 1,b: 2,},MatchExpressions:[]LabelSelectorRequirement{LabelSelectorRequirement{Key:k,Operator:In,Values:[v w],},},}',
  );
});

test('a policy of many variables is checked in the time of its expressions', () => {
  const count = 3000;
  const variables = Array.from({ length: count }, (_, i) => ({
    name: `v${i}`,
    expression: i === 0 ? '1' : `variables.v${i - 1} + 1`,
  }));
  const validations = [{ expression: `variables.v${count} > 0` }];
  for (const { name } of variables) validations.push({ expression: `variables.${name} > 0` });
  const start = process.cpuUsage();
  expect(createErrors(policies, made(policies, policy({ variables, validations })))).toHaveLength(1);
  expect(process.cpuUsage(start).user / 1000).toBeLessThan(10_000);
});
