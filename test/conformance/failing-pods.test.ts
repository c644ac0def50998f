/** What controllers make of pods that do not come up: refused by their node, or of an image that does not exist. */
import { expect } from 'vitest';
import deployments from '#api/apps/deployment.js';
import replicasets from '#api/apps/replicaset.js';
import statefulsets from '#api/apps/statefulset.js';
import pods from '#api/core/pod/index.js';
import services from '#api/core/service.js';
import { conformance, type Scene, useCluster } from './conformance.js';
import { deploymentOf, image, podOf, serviceOf } from './objects.js';
import { template } from './owned-pods.js';

const nodeName = 'node-0';
const missingImage = 'webserver:404';

useCluster({
  nodes: [
    {
      name: nodeName,
      runtime: {
        images: [image],
        faults: {
          pullImage: (reference) =>
            reference.endsWith(missingImage) ? { reason: 'not found', message: `${reference}: not found` } : undefined,
        },
      },
    },
  ],
});

/** Of the deployment's replica sets, by the image that they run. */
async function counts({ client, namespace }: Scene): Promise<Record<string, [replicas: number, available: number]>> {
  const { items } = await client.of(replicasets).list({ namespace });
  return Object.fromEntries(
    items.map(({ spec, status }) => [
      spec!.template!.spec!.containers[0]!.image!,
      [spec!.replicas ?? 0, status?.availableReplicas ?? 0],
    ]),
  );
}

conformance('[sig-apps] Deployment deployment should support proportional scaling [Conformance]', async (scene) => {
  const { client, namespace, until } = scene;
  const name = 'webserver-deployment';
  const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } };
  await client.of(deployments).create(deploymentOf(name, namespace, { name: 'httpd' }, { replicas: 10, strategy }));
  const become = (wanted: Record<string, [number, number]>) =>
    until(async () => {
      const now = await counts(scene);
      return Object.entries(wanted).every(([key, value]) => String(now[key]) === String(value));
    });
  await become({ [image]: [10, 10] });
  const containers = [{ name: 'main', image: missingImage }];
  await client
    .of(deployments)
    .patch(name, { spec: { template: { spec: { containers } } } }, { type: 'strategic', namespace });
  // As many of the new ones as there may be beside those that must stay.
  await become({ [image]: [8, 8], [missingImage]: [5, 0] });
  await client.of(deployments).patch(name, { spec: { replicas: 30 } }, { type: 'merge', namespace });
  await until(async () => String((await counts(scene))[image]?.[0]) === '20');
  await until(async () => String((await counts(scene))[missingImage]?.[0]) === '13');
  const { status } = await client.of(deployments).get(name, { namespace });
  expect(status?.updatedReplicas).toBeLessThanOrEqual(13);
});

conformance(
  '[sig-apps] StatefulSet Basic StatefulSet functionality [StatefulSetBasic] Should recreate evicted statefulset [Conformance]',
  async (scene) => {
    const { client, namespace, observe, until } = scene;
    const labels = { foo: 'bar', baz: 'blah' };
    const ports = [{ containerPort: 21_017, hostPort: 21_017 }];
    const containers = [{ name: 'webserver', image, ports }];
    await client.of(services).create(serviceOf('test', namespace, { clusterIP: 'None', selector: labels }));
    await client.of(pods).create(podOf('test-pod', namespace, { spec: { containers, nodeName } }));
    await until(async () => (await client.of(pods).get('test-pod', { namespace })).status?.phase === 'Running');
    const watch = observe(pods, { namespace, fieldSelector: 'metadata.name=ss-0' });
    const own = template(labels);
    await client.of(statefulsets).create({
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'ss', namespace, labels },
      spec: {
        serviceName: 'test',
        replicas: 1,
        selector: { matchLabels: labels },
        template: { ...own, spec: { ...own.spec, containers, nodeName } },
      },
    });
    const refused = await watch.next({ where: ({ status }) => status?.phase === 'Failed' });
    expect(refused.status).toMatchObject({
      reason: 'NodePorts',
      message:
        "Pod was rejected: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
    });
    const { uid } = refused.metadata;
    await watch.next({ type: 'DELETED', where: ({ metadata }) => metadata.uid === uid });
    await client.of(pods).delete('test-pod', { namespace });
    await watch.next({ where: ({ metadata, status }) => metadata.uid !== uid && status?.phase === 'Running' });
  },
);
