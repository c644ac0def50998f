import { describe, expect, test } from 'vitest';
import type { AnyResource } from '../resource.js';
import { cells, createErrors, made, statusErrors } from '../test-kind.js';
import { mandatoryFlows, mandatoryLevels, suggestedFlows, suggestedLevels } from './bootstrap.js';
import flows from './flowschema.js';
import levels from './prioritylevelconfiguration.js';

const rules = [
  {
    subjects: [{ kind: 'User', user: { name: 'jane' } }],
    resourceRules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'], namespaces: ['*'] }],
  },
];
const flow = (more: object) => ({ spec: { priorityLevelConfiguration: { name: 'low' }, rules, ...more } });
const ruled = (more: object) => flow({ rules: [{ ...rules[0], ...more }] });
const queued = (queuing: object) => ({
  spec: { type: 'Limited', limited: { limitResponse: { type: 'Queue', queuing } } },
});
const at = 'spec.rules[0]';
const response = 'spec.limited.limitResponse';

test('what every cluster begins with is defaulted and valid as it is', () => {
  for (const [kind, objects] of [
    [levels, [...mandatoryLevels, ...suggestedLevels]],
    [flows, [...mandatoryFlows, ...suggestedFlows]],
  ] as [AnyResource, { metadata: { name?: string }; spec?: object }[]][])
    for (const object of objects) {
      const defaulted = made(kind, { spec: object.spec }, object.metadata.name);
      expect(defaulted).toMatchObject({ spec: object.spec });
      expect(createErrors(kind, defaulted), object.metadata.name).toEqual([]);
    }
});

test('defaults are filled in', () => {
  expect(made(levels, queued({ handSize: 0 }))).toMatchObject({
    spec: {
      limited: {
        nominalConcurrencyShares: 30,
        lendablePercent: 0,
        limitResponse: { queuing: { queues: 64, handSize: 8, queueLengthLimit: 50 } },
      },
    },
  });
  expect(made(flows, flow({}))).toMatchObject({ spec: { matchingPrecedence: 1000 } });
});

describe('there is said what is wrong', () => {
  test.each<[string, AnyResource, object, string[]]>([
    [
      'one level is exempt',
      levels,
      { spec: { type: 'Exempt', exempt: {} } },
      ["spec.type: Invalid value: \"Exempt\": must be 'Exempt' if and only if `name` is 'exempt'"],
    ],
    [
      'a limited level has a limit',
      levels,
      { spec: { type: 'Limited' } },
      ['spec.limited: Required value: must not be empty when type is Limited'],
    ],
    [
      'what is refused does not wait',
      levels,
      { spec: { type: 'Limited', limited: { limitResponse: { type: 'Reject', queuing: {} } } } },
      [`${response}.queuing: Forbidden: must be nil if limited.limitResponse.type is not Limited`],
    ],
    [
      'a hand is of the queues there are',
      levels,
      queued({ queues: 4, handSize: 8 }),
      [`${response}.queuing.handSize: Invalid value: 8: should not be greater than queues (4)`],
    ],
    [
      'a hash has bits enough',
      levels,
      queued({ queues: 1024, handSize: 8 }),
      [
        `${response}.queuing.handSize: Invalid value: 8: required entropy bits of deckSize 1024 and handSize 8 should not be greater than 60`,
      ],
    ],
    [
      'a flow is of a level',
      flows,
      flow({ priorityLevelConfiguration: {} }),
      ['spec.priorityLevelConfiguration.name: Required value: must reference a priority level'],
    ],
    [
      'one flow comes first',
      flows,
      flow({ matchingPrecedence: 1 }),
      [`spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1`],
    ],
    [
      'a flow comes before the last',
      flows,
      flow({ matchingPrecedence: 10001 }),
      ['spec.matchingPrecedence: Invalid value: 10001: must not be greater than 10000'],
    ],
    [
      'a subject is what it says',
      flows,
      ruled({ subjects: [{ kind: 'User', group: { name: 'a' } }, { kind: 'Robot' }] }),
      [
        `${at}.subjects[0].user: Required value: user is required when subject kind is 'User'`,
        `${at}.subjects[0].group: Forbidden: group is forbidden when subject kind is not 'Group'`,
        `${at}.subjects[1].kind: Unsupported value: "Robot": supported values: "Group", "ServiceAccount", "User"`,
      ],
    ],
    [
      'a rule is about something',
      flows,
      ruled({ resourceRules: [] }),
      [`${at}: Required value: at least one of resourceRules and nonResourceRules has to be non-empty`],
    ],
    [
      'a rule names verbs there are',
      flows,
      ruled({ nonResourceRules: [{ verbs: ['post'], nonResourceURLs: ['a', '/a*'] }] }),
      [
        `${at}.nonResourceRules[0].verbs: Unsupported value: ["post"]: supported values: "create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"`,
        `${at}.nonResourceRules[0].nonResourceURLs[0]: Invalid value: "a": must start with slash`,
        `${at}.nonResourceRules[0].nonResourceURLs[1]: Invalid value: "/a*": wildcard can only do suffix matching`,
      ],
    ],
    [
      'a rule is of namespaces or the cluster',
      flows,
      ruled({ resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }] }),
      [
        `${at}.resourceRules[0].namespaces: Required value: resource rules that are not cluster scoped must supply at least one namespace`,
      ],
    ],
  ])('%s', (_, kind, fields, messages) => {
    expect(createErrors(kind, made(kind, fields))).toEqual(messages);
  });

  test('when what is fixed is changed', () => {
    const exempt = { nominalConcurrencyShares: 5, lendablePercent: 10 };
    expect(createErrors(levels, made(levels, { spec: { type: 'Exempt', exempt } }, 'exempt'))).toEqual([]);
    const [message] = createErrors(flows, made(flows, flow({}), 'catch-all'));
    expect(message).toMatch(/^spec: Invalid value: .*: spec of 'catch-all' must equal the fixed value$/);
  });

  test('of conditions', () => {
    const status = { conditions: [{ type: 'Dangling' }, { type: 'Dangling' }, {}] };
    expect(statusErrors(flows, made(flows, { ...flow({}), status }))).toEqual([
      'status.conditions[1].type: Duplicate value: "Dangling"',
      'status.conditions[2].type: Required value',
    ]);
  });
});

test('columns', () => {
  const level = (name: string) =>
    mandatoryLevels.concat(suggestedLevels).find(({ metadata }) => metadata.name === name)!;
  const row = (name: string) => cells(levels, made(levels, { spec: level(name).spec }, name));
  expect(row('exempt')).toEqual(['exempt', 'Exempt', '<none>', '<none>', '<none>', '<none>', '60m']);
  expect(row('catch-all')).toEqual(['catch-all', 'Limited', 5, '<none>', '<none>', '<none>', '60m']);
  expect(row('system')).toEqual(['system', 'Limited', 30, 64, 6, 50, '60m']);
  const status = { conditions: [{ type: 'Dangling', status: 'False' }] };
  const row2 = cells(flows, made(flows, { ...flow({ distinguisherMethod: { type: 'ByUser' } }), status }));
  expect(row2).toEqual(['one', 'low', 1000, 'ByUser', '60m', 'False']);
  expect(cells(flows, made(flows, flow({}))).slice(3)).toEqual(['<none>', '60m', '?']);
});
