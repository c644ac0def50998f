/** Volumes that outlive their pods: claims, PersistentVolumes on this machine, and StatefulSets that keep both. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { busyboxImage, busyboxReference } from '../images/images.js';
import { Cluster } from './cluster.js';

let cluster: Cluster;
let disk: string;

beforeAll(async () => {
  disk = await mkdtemp(path.join(tmpdir(), 't8s-disk-'));
  cluster = await Cluster.start({ subnet: 78, images: [await busyboxImage()] });
});
afterEach(({ task }) => {
  if (task.result?.state === 'fail') cluster.showLogs();
});
afterAll(async () => {
  await cluster?.purge();
  await rm(disk, { recursive: true, force: true });
});

const volume = (name: string, source: object) => ({
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: { name },
  spec: {
    capacity: { storage: '1Gi' },
    accessModes: ['ReadWriteOnce'],
    persistentVolumeReclaimPolicy: 'Retain',
    storageClassName: '',
    ...source,
  },
});

it('a StatefulSet finds what it wrote again, in a pod of the same name with the same volume', async () => {
  const node = (await cluster.json('get nodes')).items[0].metadata.name;
  const hostname = { key: 'kubernetes.io/hostname', operator: 'In', values: [node] };
  const nodeAffinity = { required: { nodeSelectorTerms: [{ matchExpressions: [hostname] }] } };
  await cluster.apply(volume('disk', { local: { path: disk }, nodeAffinity }));
  const script = 'trap "exit 0" TERM; echo "$HOSTNAME" >> /data/starts; while true; do sleep 1; done';
  await cluster.apply({
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'db' },
    spec: {
      replicas: 1,
      serviceName: 'db',
      selector: { matchLabels: { app: 'db' } },
      template: {
        metadata: { labels: { app: 'db' } },
        spec: {
          terminationGracePeriodSeconds: 5,
          securityContext: { fsGroup: 2000 },
          containers: [
            {
              name: 'main',
              image: busyboxReference,
              command: ['sh', '-c', script],
              volumeMounts: [{ name: 'data', mountPath: '/data' }],
            },
          ],
        },
      },
      volumeClaimTemplates: [
        {
          metadata: { name: 'data' },
          spec: {
            storageClassName: '',
            accessModes: ['ReadWriteOnce'],
            resources: { requests: { storage: '1Gi' } },
          },
        },
      ],
    },
  });
  await cluster.kubectl('rollout status statefulset/db --timeout=60s');
  const first = (await cluster.json('get pod db-0')).metadata.uid;
  await cluster.kubectl('delete pod db-0 --wait');
  await cluster.kubectl('rollout status statefulset/db --timeout=60s');
  await cluster.kubectl('wait --for=condition=Ready pod/db-0 --timeout=60s');
  expect((await cluster.json('get pod db-0')).metadata.uid).not.toBe(first);
  expect(await readFile(path.join(disk, 'starts'), 'utf8')).toBe('db-0\ndb-0\n');
  expect((await cluster.json('get pvc data-db-0')).status).toMatchObject({
    phase: 'Bound',
    capacity: { storage: '1Gi' },
  });
});

it('a DaemonSet runs on the node, and a claim of a volume that this node cannot give is told', async () => {
  await cluster.apply(volume('far', { nfs: { server: '192.0.2.1', path: '/' } }));
  await cluster.apply({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'far' },
    spec: {
      storageClassName: '',
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
      volumeName: 'far',
    },
  });
  const main = { name: 'main', image: busyboxReference, command: ['sleep', '1000'] };
  await cluster.apply({
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'agent' },
    spec: {
      selector: { matchLabels: { app: 'agent' } },
      template: {
        metadata: { labels: { app: 'agent' } },
        spec: { terminationGracePeriodSeconds: 1, containers: [main] },
      },
    },
  });
  await cluster.kubectl('rollout status daemonset/agent --timeout=60s');
  await cluster.apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'far' },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [{ ...main, volumeMounts: [{ name: 'v', mountPath: '/v' }] }],
      volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'far' } }],
    },
  });
  await cluster.kubectl('wait --for=jsonpath={.status.phase}=Bound pvc/far --timeout=30s');
  const events = ['get', 'events', '--field-selector', 'involvedObject.name=far,reason=FailedMount', '-o', 'name'];
  for (let tries = 0; tries < 60 && !(await cluster.try(events)).stdout; tries++)
    await cluster.kubectl('get --raw /livez');
  const told = await cluster.kubectl('describe pod far');
  expect(told).toContain('volumes of type nfs are not supported by this node (PV "far")');
});
