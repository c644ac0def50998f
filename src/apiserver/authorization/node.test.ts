import { describe, expect, it } from 'vitest';
import type { Pod } from '#api/gen/core-v1.js';
import { componentUsers } from '../authentication/component-users.js';
import { NodeAuthorizer } from './node.js';

const pod = (nodeName: string, spec: object = {}, phase = 'Running'): Pod =>
  ({
    metadata: { name: 'web', namespace: 'ns' },
    spec: { nodeName, containers: [], ...spec },
    status: { phase },
  }) as never;

const key = { namespace: 'ns', name: 'web' };

function ask(nodes: NodeAuthorizer, text: string, user = componentUsers.kubelet('a')) {
  const [asking = '', fieldSelector] = text.split(' ? ');
  const [verb = '', target = '', where = '', group = ''] = asking.split(' ');
  const [resource = '', subresource = ''] = target.split('/');
  const [namespace = '', name = ''] = where.split('/');
  const asked = { group: group.slice(1), version: 'v1', resource, subresource, namespace, name, fieldSelector };
  return nodes.authorize({ user, verb, resource: asked });
}

describe('NodeAuthorizer', () => {
  const everything = {
    serviceAccountName: 'sa',
    imagePullSecrets: [{ name: 'pull' }],
    containers: [
      {
        name: 'c',
        env: [{ name: 'x', valueFrom: { secretKeyRef: { name: 'env', key: 'k' } } }],
        envFrom: [{ configMapRef: { name: 'from' } }],
      },
    ],
    volumes: [
      { name: 'v', projected: { sources: [{ configMap: { name: 'kube-root-ca.crt' } }, { secret: { name: 'p' } }] } },
      { name: 'd', persistentVolumeClaim: { claimName: 'data' } },
      { name: 'e', ephemeral: {} },
    ],
  };

  it.each([
    'get secrets ns/pull',
    'watch secrets ns/env',
    'get secrets ns/p',
    'get configmaps ns/from',
    'list configmaps ns/kube-root-ca.crt',
    'get persistentvolumeclaims ns/data',
    'get persistentvolumeclaims ns/web-e',
    'create serviceaccounts/token ns/sa',
    'get pods ns/web',
  ])('lets a kubelet %s for a pod on its node alone', (text) => {
    const nodes = new NodeAuthorizer();
    expect(ask(nodes, text).decision).toBe('no opinion');
    nodes.setPod(key, pod('b', everything));
    expect(ask(nodes, text)).toEqual({
      decision: 'no opinion',
      reason: "no relationship found between node 'a' and this object",
    });
    nodes.setPod(key, pod('a', everything));
    expect(ask(nodes, text).decision).toBe('allow');
    nodes.setPod({ ...key, name: 'other' }, pod('a', everything));
    nodes.setPod(key, pod('a', everything, 'Succeeded'));
    expect(ask(nodes, text).decision).toBe('allow');
    nodes.setPod({ ...key, name: 'other' }, undefined);
    expect(ask(nodes, text).decision).toBe('no opinion');
  });

  it.each([
    ['list pods', false],
    ['list pods ? spec.nodeName=a', true],
    ['watch pods ? spec.nodeName=b', false],
    ['list pods ? spec.nodeName!=a', false],
    ['list resourceslices / @resource.k8s.io ? nodeName=a', true],
    ['list resourceslices / @resource.k8s.io', false],
    ['create resourceslices / @resource.k8s.io', true],
    ['patch nodes/status /a', true],
    ['create pods/eviction ns/web', true],
    ['update pods ns/web', false],
    ['update pods/status ns/web', true],
    ['create nodes', true],
    ['get nodes /a', true],
    ['get nodes /b', false],
    ['watch nodes', false],
    ['create leases kube-node-lease @coordination.k8s.io', true],
    ['update leases kube-node-lease/a @coordination.k8s.io', true],
    ['update leases kube-node-lease/b @coordination.k8s.io', false],
    ['update leases default/a @coordination.k8s.io', false],
    ['list services', true],
    ['create events ns', true],
    ['list secrets ns', false],
    ['list secrets', false],
    ['delete nodes /a', false],
    ['create deployments ns @apps', false],
  ])('%s: %s', (text, allowed) => {
    expect(ask(new NodeAuthorizer(), text).decision === 'allow').toBe(allowed);
  });

  it('has no opinion of users that are no kubelets', () => {
    const nodes = new NodeAuthorizer();
    expect(ask(nodes, 'list pods', componentUsers.scheduler)).toEqual({ decision: 'no opinion', reason: '' });
    expect(ask(nodes, 'list pods', { name: 'x', groups: ['system:nodes'] }).reason).toMatch('unknown node');
  });

  it('follows claims to volumes and their secrets, and knows what was made for the node', () => {
    const nodes = new NodeAuthorizer();
    nodes.setPod(key, pod('a', everything));
    const csi = {
      nodePublishSecretRef: { name: 'publish', namespace: 'vault' },
      nodeStageSecretRef: { name: 'stage' },
    };
    const volume = (name: string) => ({ spec: { claimRef: { namespace: 'ns', name }, csi } }) as never;
    const may = (text: string) => ask(nodes, text).decision === 'allow';
    nodes.setVolume({ namespace: '', name: 'pv' }, volume('data'));
    expect([may('get persistentvolumes /pv'), may('get secrets vault/publish'), may('get secrets ns/stage')]).toEqual([
      true,
      true,
      true,
    ]);
    nodes.setVolume({ namespace: '', name: 'pv' }, volume('other'));
    expect([may('get persistentvolumes /pv'), may('get secrets vault/publish')]).toEqual([false, false]);
    nodes.setVolume({ namespace: '', name: 'pv' }, undefined);
    const attachment = (nodeName: string) => ({ spec: { nodeName } }) as never;
    nodes.setAttachment({ namespace: '', name: 'va' }, attachment('a'));
    nodes.setAttachment({ namespace: '', name: 'vb' }, attachment('b'));
    expect(may('get volumeattachments /va @storage.k8s.io')).toBe(true);
    expect(may('get volumeattachments /vb @storage.k8s.io')).toBe(false);
    nodes.setSlice({ namespace: '', name: 's' }, attachment('a'));
    expect(may('update resourceslices /s @resource.k8s.io')).toBe(true);
    nodes.setSlice({ namespace: '', name: 's' }, undefined);
    expect(may('update resourceslices /s @resource.k8s.io')).toBe(false);
  });

  it('follows pods to their resource claims', () => {
    const nodes = new NodeAuthorizer();
    const claims = [
      { name: 'own', resourceClaimName: 'gpu' },
      { name: 'made', resourceClaimTemplateName: 't' },
    ];
    const made = pod('a', { resourceClaims: claims });
    made.status!.resourceClaimStatuses = [{ name: 'made', resourceClaimName: 'web-made-x' }];
    nodes.setPod(key, made);
    for (const name of ['gpu', 'web-made-x'])
      expect(ask(nodes, `get resourceclaims ns/${name} @resource.k8s.io`).decision).toBe('allow');
    expect(ask(nodes, 'get resourceclaims ns/other @resource.k8s.io').decision).toBe('no opinion');
  });
});
