/** Runtime classes as objects, and what pods that name one are given. */
import { expect } from 'vitest';
import pods from '#api/core/pod/index.js';
import runtimeclasses from '#api/node/runtimeclass.js';
import { conformance, useCluster } from './conformance.js';
import { liveThrough } from './lifecycle.js';
import { podOf, refusal } from './objects.js';

useCluster({ nodes: 1 });

conformance('[sig-node] RuntimeClass should support RuntimeClasses API operations [Conformance]', (scene) =>
  liveThrough(scene, {
    ref: runtimeclasses,
    make: (name) => ({
      apiVersion: 'node.k8s.io/v1',
      kind: 'RuntimeClass',
      metadata: { name },
      handler: 'e2e-handler',
    }),
  }),
);

conformance(
  '[sig-node] RuntimeClass should reject a Pod requesting a non-existent RuntimeClass [Conformance] [NodeConformance]',
  async ({ client, namespace }) => {
    const pod = podOf('test-runtimeclass', namespace, { spec: { runtimeClassName: 'nonexistent' } });
    await refusal(client.of(pods).create(pod), 'Forbidden');
  },
);

conformance(
  '[sig-node] RuntimeClass should reject a Pod requesting a deleted RuntimeClass [Conformance] [NodeConformance]',
  async ({ client, namespace, until }) => {
    const name = `delete-me-${namespace}`;
    await client
      .of(runtimeclasses)
      .create({ apiVersion: 'node.k8s.io/v1', kind: 'RuntimeClass', metadata: { name }, handler: 'runc' });
    const make = (at: number) =>
      client.of(pods).create(podOf(`pod-${at}`, namespace, { spec: { runtimeClassName: name } }));
    await make(1);
    await client.of(runtimeclasses).delete(name);
    let at = 1;
    await until(() =>
      make(++at).then(
        () => false,
        () => true,
      ),
    );
    await refusal(make(100), 'Forbidden');
  },
);

conformance(
  '[sig-node] RuntimeClass should schedule a Pod requesting a RuntimeClass and initialize its Overhead [Conformance] [NodeConformance]',
  async ({ client, namespace, until }) => {
    const podFixed = { cpu: '10m', memory: '1Mi' };
    const name = `overhead-${namespace}`;
    const made = {
      apiVersion: 'node.k8s.io/v1',
      kind: 'RuntimeClass',
      metadata: { name },
      handler: 'runc',
      overhead: { podFixed },
    };
    await client.of(runtimeclasses).create(made);
    await client.of(pods).create(podOf('test-runtimeclass', namespace, { spec: { runtimeClassName: name } }));
    const read = await client.of(pods).get('test-runtimeclass', { namespace });
    expect(read.spec.overhead).toEqual(podFixed);
    await until(async () => Boolean((await client.of(pods).get('test-runtimeclass', { namespace })).spec.nodeName));
  },
);

conformance(
  '[sig-node] RuntimeClass should schedule a Pod requesting a RuntimeClass without PodOverhead [Conformance] [NodeConformance]',
  async ({ client, namespace, until }) => {
    const name = `plain-${namespace}`;
    await client
      .of(runtimeclasses)
      .create({ apiVersion: 'node.k8s.io/v1', kind: 'RuntimeClass', metadata: { name }, handler: 'runc' });
    await client.of(pods).create(podOf('test-runtimeclass', namespace, { spec: { runtimeClassName: name } }));
    await until(async () => Boolean((await client.of(pods).get('test-runtimeclass', { namespace })).spec.nodeName));
  },
);
