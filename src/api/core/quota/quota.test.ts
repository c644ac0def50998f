import { describe, expect, it } from 'vitest';
import type { PersistentVolumeClaim, Pod, ResourceQuota, Service } from '#api/gen/core-v1.js';
import type { ResourceClaim } from '#api/gen/resource-v1.js';
import { amountsToJson } from '#apimachinery/amounts.js';
import type { KubeObject } from '#apimachinery/object.js';
import { countUsage, type Evaluator, inScopes, scopesOf } from './evaluator.js';
import { evaluatorOf } from './index.js';

const nowMs = Date.UTC(2026, 0, 1);
const usage = (plural: string, object: object, group = '') =>
  amountsToJson((evaluatorOf({ group, plural }) as Evaluator).usage(object as KubeObject, { nowMs }));
const pod = (spec: object, extra: object = {}): Pod =>
  ({ metadata: { name: 'p', namespace: 'ns' }, spec: { containers: [], ...spec }, ...extra }) as unknown as Pod;
const amounts = (requests: object, limits: object = {}) => ({ name: 'c', resources: { requests, limits } });

describe('what counts', () => {
  it('of pods is what they ask for, until they have ended', () => {
    const containers = [amounts({ cpu: '1', 'example.com/gpu': '2', 'hugepages-2Mi': '4Mi' }, { memory: '1Gi' })];
    const all = {
      'count/pods': '1',
      cpu: '1250m',
      'hugepages-2Mi': '4Mi',
      'limits.memory': '1Gi',
      pods: '1',
      'requests.cpu': '1250m',
      'requests.example.com/gpu': '2',
      'requests.hugepages-2Mi': '4Mi',
    };
    expect(usage('pods', pod({ containers, overhead: { cpu: '250m' } }))).toEqual(all);
    expect(usage('pods', pod({ containers }, { status: { phase: 'Failed' } }))).toEqual({ 'count/pods': '1' });
    const late = { metadata: { deletionTimestamp: '2025-12-31T23:59:00Z', deletionGracePeriodSeconds: 30 } };
    expect(usage('pods', pod({ containers }, late))).toEqual({ 'count/pods': '1' });
  });

  it('of a pod that is being resized is the larger', () => {
    const status = (cpu: string) => ({
      status: { containerStatuses: [{ name: 'c', resources: { requests: { cpu } } }] },
    });
    const containers = [amounts({ cpu: '1' })];
    expect(usage('pods', pod({ containers }, status('2')))).toMatchObject({ cpu: '2' });
    expect(usage('pods', pod({ containers }, status('500m')))).toMatchObject({ cpu: '1' });
  });

  it('of services is the ports and balancers they take', () => {
    const service = (spec: object) => usage('services', { metadata: {}, spec } as unknown as Service);
    const ports = [{ port: 1, nodePort: 30000 }, { port: 2 }];
    const shown = (loadbalancers: string, nodeports: string) => ({
      'count/services': '1',
      services: '1',
      'services.loadbalancers': loadbalancers,
      'services.nodeports': nodeports,
    });
    expect(service({ ports })).toEqual(shown('0', '0'));
    expect(service({ type: 'NodePort', ports })).toEqual(shown('0', '2'));
    expect(service({ type: 'LoadBalancer', ports })).toEqual(shown('1', '2'));
    expect(service({ type: 'LoadBalancer', ports, allocateLoadBalancerNodePorts: false })).toEqual(shown('1', '1'));
  });

  it('of claims is number and size, in all and by class', () => {
    const claim = { metadata: {}, spec: { storageClassName: 'gold', resources: { requests: { storage: '1.5' } } } };
    expect(usage('persistentvolumeclaims', claim as unknown as PersistentVolumeClaim)).toEqual({
      'count/persistentvolumeclaims': '1',
      'gold.storageclass.storage.k8s.io/persistentvolumeclaims': '1',
      'gold.storageclass.storage.k8s.io/requests.storage': '2',
      persistentvolumeclaims: '1',
      'requests.storage': '2',
    });
    const requests = [
      { name: 'a', exactly: { deviceClassName: 'gpu', count: 2 } },
      {
        name: 'b',
        firstAvailable: [
          { deviceClassName: 'gpu', count: 1 },
          { deviceClassName: 'gpu', allocationMode: 'All' },
        ],
      },
      { name: 'c', exactly: { deviceClassName: 'gpu', adminAccess: true } },
    ];
    const devices = { metadata: {}, spec: { devices: { requests } } } as unknown as ResourceClaim;
    expect(usage('resourceclaims', devices, 'resource.k8s.io')).toEqual({
      'count/resourceclaims.resource.k8s.io': '1',
      'gpu.deviceclass.resource.k8s.io/devices': '34',
    });
  });

  it('of all others is their number; events never', () => {
    expect(usage('deployments', {}, 'apps')).toEqual({ 'count/deployments.apps': '1' });
    expect(usage('secrets', {})).toEqual({ 'count/secrets': '1', secrets: '1' });
    expect(evaluatorOf({ group: '', plural: 'events' })).toBeUndefined();
  });
});

describe('scopes', () => {
  const evaluator = evaluatorOf({ group: '', plural: 'pods' })!;
  const isIn = (quota: object, spec: object) =>
    inScopes(evaluator, pod(spec), scopesOf({ spec: quota } as unknown as ResourceQuota));
  const selector = (scopeName: string, operator: string, ...values: string[]) => ({
    scopeSelector: { matchExpressions: [{ scopeName, operator, values }] },
  });

  it.each<[object, object, boolean]>([
    [{ scopes: ['Terminating'] }, { activeDeadlineSeconds: 0 }, true],
    [{ scopes: ['NotTerminating'] }, { activeDeadlineSeconds: 5 }, false],
    [{ scopes: ['BestEffort'] }, { containers: [{ name: 'c' }] }, true],
    [{ scopes: ['BestEffort', 'Terminating'] }, { containers: [{ name: 'c' }] }, false],
    [{ scopes: ['NotBestEffort'] }, { containers: [amounts({ cpu: '1' })] }, true],
    [selector('PriorityClass', 'In', 'high'), { priorityClassName: 'high' }, true],
    [selector('PriorityClass', 'In', 'high'), {}, false],
    [selector('PriorityClass', 'NotIn', 'high'), { priorityClassName: 'low' }, true],
    [selector('PriorityClass', 'DoesNotExist'), {}, true],
    [selector('PriorityClass', 'Exists'), {}, false],
    [
      { scopes: ['CrossNamespacePodAffinity'] },
      { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ namespaces: ['x'] }] } } },
      true,
    ],
    [{ scopes: ['VolumeAttributesClass'] }, {}, false],
  ])('%j holds %j: %s', (quota, spec, expected) => {
    expect(isIn(quota, spec)).toBe(expected);
  });

  it('bound a recount, in which what is not used is zero', () => {
    const quota = { spec: { scopes: ['Terminating'] } } as unknown as ResourceQuota;
    const pods = [pod({ activeDeadlineSeconds: 1, containers: [amounts({ cpu: '1' })] }), pod({})];
    const counted = countUsage(evaluator, pods, { quota, names: ['cpu', 'memory', 'pods'], nowMs });
    expect(amountsToJson(counted)).toEqual({ cpu: '1', memory: '0', pods: '1' });
  });
});
