import { describe, expect, test } from 'vitest';
import type { Job, JobSpec, JobStatus } from '#api/gen/batch-v1.js';
import { copy } from '#base/json.js';
import jobs from './index.js';

const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'a', image: 'busybox' }] } };

function of(spec: Partial<JobSpec>, status?: JobStatus): Job {
  const job = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'sum', namespace: 'default', uid: 'u1', generation: 1 },
    spec: { template: copy(template), ...copy(spec) },
    ...(status && { status }),
  } as Job;
  jobs.default!(job);
  return job;
}

function created(spec: Partial<JobSpec>, status?: JobStatus): Job {
  const job = of(spec, status);
  jobs.prepareForCreate!(job);
  return job;
}

const texts = (errors: readonly { message: string }[] | undefined) => errors!.map(({ message }) => message);
const problems = (spec: Partial<JobSpec>) => texts(jobs.validateCreate!(created(spec)));
const indexed = { completionMode: 'Indexed', completions: 5, parallelism: 2 };

describe('defaults', () => {
  test('are upstream’s', () => {
    expect(of({}).spec).toMatchObject({
      completions: 1,
      parallelism: 1,
      backoffLimit: 6,
      completionMode: 'NonIndexed',
      suspend: false,
      podReplacementPolicy: 'TerminatingOrFailed',
      manualSelector: false,
    });
    expect(of({ parallelism: 3 }).spec.completions).toBeUndefined();
    expect(of({ backoffLimitPerIndex: 1 }).spec.backoffLimit).toBe(2147483647);
  });

  test('with a policy for failures wait for the end of pods, and for the condition to be true', () => {
    const rules = [{ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: '' }] }];
    const { spec } = of({ podFailurePolicy: { rules } });
    expect(spec.podReplacementPolicy).toBe('Failed');
    expect(spec.podFailurePolicy?.rules[0]?.onPodConditions).toEqual([{ type: 'DisruptionTarget', status: 'True' }]);
  });
});

describe('the selector', () => {
  const labels = {
    'controller-uid': 'u1',
    'job-name': 'sum',
    'batch.kubernetes.io/controller-uid': 'u1',
    'batch.kubernetes.io/job-name': 'sum',
  };

  test('is made by the server, and a Job without labels has those of its pods', () => {
    const job = created({});
    expect(job.spec.selector).toEqual({ matchLabels: { 'batch.kubernetes.io/controller-uid': 'u1' } });
    expect(job.spec.template.metadata?.labels).toEqual(labels);
    expect(job.metadata.labels).toEqual(labels);
    const labelled = { ...template, metadata: { labels: { app: 'a' } } };
    expect(created({ template: labelled }).metadata.labels).toEqual({ app: 'a', ...labels });
    expect(jobs.validateCreate!(job)).toEqual([]);
  });

  test('of the author is refused where it differs, and taken where it is asked for', () => {
    expect(problems({ selector: { matchLabels: { app: 'a' } } })).toEqual([
      'spec.selector: Invalid value: {"matchLabels":{"batch.kubernetes.io/controller-uid":"u1","app":"a"}}: `selector` not auto-generated',
      `spec.template.metadata.labels: Invalid value: ${JSON.stringify({
        'job-name': 'sum',
        'batch.kubernetes.io/job-name': 'sum',
        'controller-uid': 'u1',
        'batch.kubernetes.io/controller-uid': 'u1',
      })}: \`selector\` does not match template \`labels\``,
    ]);
    const wrong = { ...template, metadata: { labels: { 'job-name': 'other' } } };
    expect(problems({ template: wrong })[0]).toMatch(
      /^spec\.template\.metadata\.labels\[job-name\]: Invalid value: .*: must be 'sum'$/,
    );
    const own = { ...template, metadata: { labels: { app: 'a' } } };
    expect(problems({ manualSelector: true, selector: { matchLabels: { app: 'a' } }, template: own })).toEqual([]);
    expect(problems({ manualSelector: true })).toEqual([
      'spec.selector: Required value',
      'spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`',
    ]);
  });
});

describe('is refused', () => {
  const rule = (more: object) =>
    ({ podFailurePolicy: { rules: [{ action: 'FailJob', ...more }] } }) as Partial<JobSpec>;

  test.each<[string, Partial<JobSpec>, string[]]>([
    [
      'for numbers below zero',
      { parallelism: -1, completions: -1, backoffLimit: -1, ttlSecondsAfterFinished: -1 },
      [
        'spec.parallelism: Invalid value: -1: must be greater than or equal to 0',
        'spec.completions: Invalid value: -1: must be greater than or equal to 0',
        'spec.backoffLimit: Invalid value: -1: must be greater than or equal to 0',
        'spec.ttlSecondsAfterFinished: Invalid value: -1: must be greater than or equal to 0',
      ],
    ],
    [
      'for pods that never end',
      { template: { spec: { containers: template.spec.containers } } },
      ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
    ],
    [
      'for limits of indexes without indexes',
      { backoffLimitPerIndex: 1, maxFailedIndexes: 1 },
      [
        'spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode',
        'spec.maxFailedIndexes: Invalid value: 1: requires indexed completion mode',
      ],
    ],
    [
      'for indexes without a number of them',
      { completionMode: 'Indexed', parallelism: 200_000 },
      [
        'spec.completions: Required value: when completion mode is Indexed',
        'spec.parallelism: Invalid value: 200000: must be less than or equal to 100000 when completion mode is Indexed',
      ],
    ],
    [
      'for failed indexes without a limit for each',
      { ...indexed, maxFailedIndexes: 6 },
      [
        'spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified',
        'spec.maxFailedIndexes: Invalid value: 6: must be less than or equal to completions',
      ],
    ],
    [
      'for more indexes than can be kept account of',
      { ...indexed, completions: 100_001, parallelism: 10_001, backoffLimitPerIndex: 1 },
      [
        'spec.maxFailedIndexes: Required value: must be specified when completions is above 100000',
        'spec.parallelism: Invalid value: 10001: must be less than or equal to 10000 when completions are above 100000 and used with backoff limit per index',
      ],
    ],
    [
      'for a manager without a domain',
      { managedBy: 'me' },
      ['spec.managedBy: Invalid value: "me": must be a domain-prefixed path (such as "acme.io/foo")'],
    ],
    [
      'for a manager with a long name',
      { managedBy: `acme.io/${'x'.repeat(60)}` },
      ['spec.managedBy: Too long: may not be more than 63 bytes'],
    ],
    [
      'for a mode that does not exist',
      { completionMode: 'Odd' },
      ['spec.completionMode: Unsupported value: "Odd": supported values: "NonIndexed", "Indexed"'],
    ],
    [
      'for a rule about nothing, by an action that does not exist',
      rule({ action: 'Odd' }),
      [
        'spec.podFailurePolicy.rules[0].action: Unsupported value: "Odd": supported values: "Count", "FailIndex", "FailJob", "Ignore"',
        'spec.podFailurePolicy.rules[0]: Invalid value: specifying one of OnExitCodes and OnPodConditions is required',
      ],
    ],
    [
      'for a rule without an action',
      rule({ action: '', onExitCodes: { operator: '', values: [] } }),
      [
        'spec.podFailurePolicy.rules[0].action: Required value: valid values: ["Count" "FailIndex" "FailJob" "Ignore"]',
        'spec.podFailurePolicy.rules[0].onExitCodes.operator: Required value: valid values: ["In" "NotIn"]',
        'spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: []: at least one value is required',
      ],
    ],
    [
      'for exit codes of no order, of success, and of no container',
      rule({ onExitCodes: { operator: 'In', values: [3, 0, 3], containerName: 'b' } }),
      [
        'spec.podFailurePolicy.rules[0].onExitCodes.containerName: Invalid value: "b": must be one of the container or initContainer names in the pod template',
        'spec.podFailurePolicy.rules[0].onExitCodes.values[1]: Invalid value: 0: must not be 0 for the In operator',
        'spec.podFailurePolicy.rules[0].onExitCodes.values[2]: Duplicate value: 3',
        'spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [3,0,3]: must be ordered',
      ],
    ],
    [
      'for failing an index that has no limit',
      { ...indexed, ...rule({ action: 'FailIndex', onExitCodes: { operator: 'In', values: [1] } }) },
      [
        'spec.podFailurePolicy.rules[0].action: Invalid value: "FailIndex": requires the backoffLimitPerIndex to be set',
      ],
    ],
    [
      'for pods that restart where their failures are judged',
      {
        ...rule({ onExitCodes: { operator: 'In', values: [1] } }),
        template: { spec: { ...template.spec, restartPolicy: 'OnFailure' } },
        podReplacementPolicy: 'TerminatingOrFailed',
      },
      [
        'spec.podReplacementPolicy: Unsupported value: "TerminatingOrFailed": supported values: "Failed"',
        'spec.template.spec.restartPolicy: Invalid value: "OnFailure": only "Never" is supported when podFailurePolicy is specified',
      ],
    ],
    [
      'for success of indexes that it has not',
      { successPolicy: { rules: [{ succeededCount: 1 }] } },
      [
        'spec.successPolicy: Invalid value: {"Rules":[{"SucceededIndexes":null,"SucceededCount":1}]}: requires indexed completion mode',
      ],
    ],
    [
      'for success of more than there are',
      { ...indexed, successPolicy: { rules: [{ succeededCount: 6, succeededIndexes: '0,2-3' }, {}] } },
      [
        'spec.successPolicy.rules[0].succeededCount: Invalid value: 6: must be less than or equal to 5 (the number of specified completions)',
        'spec.successPolicy.rules[0].succeededCount: Invalid value: 6: must be less than or equal to 3 (the number of indexes in the specified succeededIndexes field)',
        'spec.successPolicy.rules[1]: Required value: at least one of succeededCount or succeededIndexes must be specified',
      ],
    ],
    [
      'for a success that says nothing',
      { ...indexed, successPolicy: { rules: [] } },
      [
        'spec.successPolicy.rules: Required value: at least one rules must be specified when the successPolicy is specified',
      ],
    ],
  ])('%s', (_, spec, messages) => {
    expect(problems(spec)).toEqual(messages);
  });

  test.each([
    [
      '1-2-3',
      'the fragment "1-2-3" violates the requirement that an index interval can have at most two parts separated by \'-\'',
    ],
    ['a', 'cannot convert string to integer for index: "a"'],
    ['5', 'too large index: "5"'],
    ['3-2', 'non-increasing order, previous: 3, current: 2'],
    ['2,1', 'non-increasing order, previous: 2, current: 1'],
  ])('for the indexes %s', (succeededIndexes, why) => {
    expect(problems({ ...indexed, successPolicy: { rules: [{ succeededIndexes }] } })).toEqual([
      `spec.successPolicy.rules[0].succeededIndexes: Invalid value: "${succeededIndexes}": error parsing succeededIndexes: ${why}`,
    ]);
  });

  test('for a name to which no index fits', () => {
    const job = created({ ...indexed, completions: 100 });
    job.metadata.name = 'x'.repeat(61);
    expect(texts(jobs.validateCreate!(job)).at(-1)).toBe(
      `metadata.name: Invalid value: "${'x'.repeat(61)}": will not able to create pod with invalid DNS label: ${'x'.repeat(61)}-99`,
    );
  });
});

describe('a change', () => {
  const update = (old: Job, change: (job: Job) => void) => {
    const job = copy(old);
    change(job);
    return texts(jobs.validateUpdate!(job, old));
  };

  test('of what its pods are is refused', () => {
    expect(update(created({}), (job) => (job.spec.completions = 2))).toEqual([
      'spec.completions: Invalid value: 2: field is immutable',
    ]);
    expect(update(created({}), (job) => (job.spec.managedBy = 'acme.io/me'))).toEqual([
      'spec.managedBy: Invalid value: "acme.io/me": field is immutable',
    ]);
    const [message, ...others] = update(created({}), (job) => (job.spec.template.spec!.nodeSelector = { disk: 'ssd' }));
    expect(message).toMatch(/^spec\.template: Invalid value: \{.*\}: field is immutable$/);
    expect(others).toEqual([]);
  });

  test('of how many run, or whether any do, is fine', () => {
    expect(
      update(created({}), (job) => Object.assign(job.spec, { parallelism: 5, suspend: true, backoffLimit: 1 })),
    ).toEqual([]);
  });

  test('makes an Indexed Job smaller or larger as a whole', () => {
    const old = created({ ...indexed, parallelism: 5 });
    expect(update(old, (job) => Object.assign(job.spec, { completions: 3, parallelism: 3 }))).toEqual([]);
    expect(update(old, (job) => Object.assign(job.spec, { completions: 3 }))).toEqual([
      'spec.completions: Invalid value: 3: can only be modified in tandem with spec.parallelism',
    ]);
  });

  test('of where pods go, and of what they get, waits for the Job to be at rest', () => {
    const move = (job: Job) => {
      Object.assign(job.spec.template.spec!, {
        nodeSelector: { disk: 'ssd' },
        tolerations: [{ key: 'a', operator: 'Exists' }],
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'Exists' }] }],
            },
          },
        },
      });
      job.spec.template.spec!.containers[0]!.resources = { requests: { cpu: '2' } };
    };
    const startTime = '2026-01-01T00:00:00Z';
    const suspended = { conditions: [{ type: 'Suspended', status: 'True' }], startTime };
    expect(update(created({ suspend: true }), move)).toEqual([]);
    expect(update(created({ suspend: true }, { startTime }), move)).toHaveLength(1);
    expect(update(created({ suspend: true }, suspended), move)).toEqual([]);
    expect(update(created({ suspend: true }, { ...suspended, active: 1 }), move)).toHaveLength(1);
    expect(
      update(created({ suspend: true }), (job) => (job.spec.template.spec!.containers[0]!.image = 'other')),
    ).toHaveLength(1);
  });
});

describe('columns', () => {
  const cells = (job: Job) => {
    const nowMs = Date.parse('2026-01-01T00:10:00Z');
    return jobs.columns!.slice(0, 4).map((column) => column.cell(job, { nowMs }));
  };
  const startTime = '2026-01-01T00:00:00Z';

  test('tell how far it is', () => {
    expect(cells(of({}))).toEqual(['sum', 'Running', '0/1', '']);
    expect(cells(of({ parallelism: 3 }, { startTime, succeeded: 1 }))).toEqual(['sum', 'Running', '1/1 of 3', '10m']);
    const conditions = [
      { type: 'SuccessCriteriaMet', status: 'True' },
      { type: 'Complete', status: 'True' },
    ];
    const status = { startTime, completionTime: '2026-01-01T00:00:07Z', succeeded: 2, conditions };
    expect(cells(of({ completions: 2 }, status))).toEqual(['sum', 'Complete', '2/2', '7s']);
    const suspended = [{ type: 'Suspended', status: 'True' }];
    expect(cells(of({}, { conditions: suspended }))[1]).toBe('Suspended');
  });
});

test('a name that is no host name is warned of, once', () => {
  const job = of({});
  job.metadata.name = 'a.b';
  expect(jobs.warnings!(job, undefined)).toEqual([
    'metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]',
  ]);
  expect(jobs.warnings!(job, { ...job, metadata: { ...job.metadata, generation: 0 } })).toEqual([]);
});
