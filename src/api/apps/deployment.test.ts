import { describe, expect, test } from 'vitest';
import type { Deployment, DeploymentSpec } from '#api/gen/apps-v1.js';
import { copy } from '#base/json.js';
import deployments from './deployment.js';
import replicaSets from './replicaset.js';

const selector = { matchLabels: { app: 'a' } };
const template = { metadata: { labels: { app: 'a' } }, spec: { containers: [{ name: 'web', image: 'nginx' }] } };

function deploymentOf(spec: Partial<DeploymentSpec>): Deployment {
  const deployment: Deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: copy({ selector, template, ...spec }),
  };
  deployments.default!(deployment);
  return deployment;
}

const messagesOf = (spec: Partial<DeploymentSpec>) =>
  deployments.validate!(deploymentOf(spec)).map(({ message }) => message);

test('a deployment gets its defaults, and its pods theirs', () => {
  const { spec } = deploymentOf({});
  expect(spec).toMatchObject({
    replicas: 1,
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' } },
    revisionHistoryLimit: 10,
    progressDeadlineSeconds: 600,
  });
  expect(spec.template.spec).toMatchObject({ restartPolicy: 'Always', containers: [{ imagePullPolicy: 'Always' }] });
  expect(spec.template.spec).not.toHaveProperty('enableServiceLinks');
  expect(deploymentOf({ strategy: { type: 'Recreate' } }).spec.strategy).toEqual({ type: 'Recreate' });
});

describe('a deployment is refused', () => {
  test.each<[string, Partial<DeploymentSpec>, string[]]>([
    [
      'without a selector',
      { selector: undefined as never },
      [
        'spec.selector: Required value',
        'spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`',
      ],
    ],
    [
      'with a selector of everything',
      { selector: {} },
      ['spec.selector: Invalid value: {}: empty selector is invalid for deployment'],
    ],
    [
      'whose pods it would not find',
      { selector: { matchLabels: { app: 'b' } } },
      ['spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`'],
    ],
    [
      'whose pods end',
      { template: { ...template, spec: { ...template.spec, restartPolicy: 'Never', activeDeadlineSeconds: 5 } } },
      [
        'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
        'spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported',
      ],
    ],
    [
      'without containers',
      { template: { metadata: template.metadata, spec: { containers: [] } } },
      ['spec.template.spec.containers: Required value'],
    ],
    [
      'with fewer than no pods',
      { replicas: -1 },
      ['spec.replicas: Invalid value: -1: must be greater than or equal to 0'],
    ],
    [
      'that may never make progress',
      { strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: '0%' } } },
      ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0'],
    ],
    [
      'that may lose more than all',
      { strategy: { rollingUpdate: { maxUnavailable: '101%' } } },
      ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%'],
    ],
    [
      'that recreates in steps',
      { strategy: { type: 'Recreate', rollingUpdate: {} } },
      ["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
    ],
    [
      'whose patience ends before a pod can be ready',
      { progressDeadlineSeconds: 10, minReadySeconds: 10 },
      ['spec.progressDeadlineSeconds: Invalid value: 10: must be greater than minReadySeconds'],
    ],
  ])('%s', (_, spec, messages) => {
    expect(messagesOf(spec)).toEqual(messages);
  });

  test('when its selector changes', () => {
    const other = deploymentOf({ selector: { matchLabels: { app: 'b' } } });
    const errors = deployments.validateUpdate!(other, deploymentOf({}));
    expect(errors.map(({ message }) => message)).toEqual([
      'spec.selector: Invalid value: {"matchLabels":{"app":"b"}}: field is immutable',
    ]);
  });

  test('when its status counts more ready than there are', () => {
    const deployment = { ...deploymentOf({}), status: { replicas: 1, readyReplicas: 2, availableReplicas: 2 } };
    expect(deployments.validateStatusUpdate!(deployment, deployment).map(({ message }) => message)).toEqual([
      'status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas',
      'status.availableReplicas: Invalid value: 2: cannot be greater than status.replicas',
    ]);
  });
});

test('columns count what is ready of what is wanted', () => {
  const deployment = { ...deploymentOf({ replicas: 3 }), status: { readyReplicas: 2, updatedReplicas: 1 } };
  const nowMs = Date.parse('2026-01-04T05:00:00Z');
  expect(deployments.columns!.map((column) => column.cell(deployment, { nowMs }))).toEqual([
    'web',
    '2/3',
    1,
    0,
    '3d5h',
    'web',
    'nginx',
    'app=a',
  ]);
});

test('a replica set has the rules of its pods', () => {
  const { apiVersion, metadata } = deploymentOf({});
  const replicaSet = { apiVersion, kind: 'ReplicaSet', metadata, spec: { selector, template: copy(template) } };
  replicaSets.default!(replicaSet);
  expect(replicaSets.validate!(replicaSet)).toEqual([]);
  expect(replicaSet.spec).toMatchObject({ replicas: 1 });
  expect(replicaSets.validate!({ ...replicaSet, spec: { ...replicaSet.spec, selector: {} } })[0]!.message).toBe(
    'spec.selector: Invalid value: {}: empty selector is invalid for deployment',
  );
});
