/** The official names of volumes that are made of objects or of nothing, on real containers. */
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { Cluster } from '../../e2e/cluster.js';
import { busyboxImage, busyboxReference } from '../../images/images.js';
import { eventually } from '../../kubectl.js';
import { conformance } from './label.js';
import {
  data,
  downwardKinds,
  downwardVolume,
  kinds,
  podLabels,
  resources,
  type VolumeCase,
  volumeCases,
  volumeOf,
} from './volume-cases.js';

let cluster: Cluster;
const users = { root: {}, 'non-root': { runAsUser: 1000 }, group: { runAsUser: 1000, fsGroup: 1001 } };
/** By case name. */
const said = new Map<string, string>();

beforeAll(async () => {
  cluster = await Cluster.start({ subnet: 100, images: [await busyboxImage()] });
  const secret = { apiVersion: 'v1', kind: 'Secret', stringData: data };
  const bytes = Buffer.from('decafebad0feff', 'hex').toString('base64');
  await cluster.kubectl('create namespace elsewhere');
  await cluster.apply(
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'whole' }, data },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'binary' },
      data: { text: 'text' },
      binaryData: { bytes },
    },
    { ...secret, metadata: { name: 'whole' } },
    { ...secret, metadata: { name: 'whole', namespace: 'elsewhere' }, stringData: { 'data-1': 'not this' } },
  );
  await Promise.all((Object.keys(users) as (keyof typeof users)[]).map(readAll));
}, 180_000);
afterEach(({ task }) => {
  if (task.result?.state === 'fail') cluster.showLogs();
});
afterAll(() => cluster?.purge());

/** One pod looks at the volumes of all cases of its user, one after the other. */
async function readAll(as: keyof typeof users): Promise<void> {
  const cases = volumeCases.filter((one) => (one.as ?? 'root') === as);
  const place = (index: number) => `/v${index}`;
  const script = cases.map((one, index) => `echo "== ${index}"; ${one.script(place(index))}; echo`).join('\n');
  const container = {
    ...{ name: 'main', image: busyboxReference, command: ['sh', '-c', script], resources },
    volumeMounts: cases.map((one, index) => ({ name: `v${index}`, mountPath: place(index), ...one.mount })),
  };
  const volumes = cases.map((one, index) => ({ name: `v${index}`, ...one.volume }));
  const spec = { restartPolicy: 'Never', securityContext: users[as], containers: [container], volumes };
  const name = `reads-${as}`;
  await cluster.apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: podLabels }, spec });
  await cluster.kubectl(['wait', '--for=jsonpath={.status.phase}=Succeeded', `pod/${name}`, '--timeout=120s']);
  const log = await cluster.kubectl(['logs', name]);
  for (const section of log.split('== ').slice(1)) {
    const [index = '', ...lines] = section.split('\n');
    said.set(cases[Number(index)]!.name, lines.join('\n').trimEnd());
  }
}

for (const { name, says } of volumeCases as readonly VolumeCase[])
  conformance(name, async () => {
    expect(said.get(name)).toBe(says);
  });

/** A pod that stays, with these volumes at `/<name>`. */
async function stay(name: string, volumes: readonly ({ name: string } & object)[], labels = {}): Promise<void> {
  const volumeMounts = volumes.map((volume) => ({ name: volume.name, mountPath: `/${volume.name}` }));
  const main = { name: 'main', image: busyboxReference, command: ['sleep', '600'], volumeMounts };
  const spec = { terminationGracePeriodSeconds: 0, containers: [main], volumes };
  await cluster.apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name, labels, annotations: labels }, spec });
  await cluster.kubectl(['wait', '--for=condition=Ready', `pod/${name}`, '--timeout=60s']);
}

const reads = (pod: string, script: string) => cluster.kubectl(['exec', pod, '--', 'sh', '-c', script]);

for (const [index, kind] of kinds.entries()) {
  const object = kind.toLowerCase().includes('configmap') ? 'configmap' : 'secret';
  const make = (name: string, value: string) =>
    cluster.kubectl([
      ...(object === 'secret' ? ['create', 'secret', 'generic'] : ['create', object]),
      name,
      `--from-literal=key=${value}`,
    ]);
  const change = (name: string, value: string) =>
    cluster.kubectl([
      'patch',
      object,
      name,
      '-p',
      JSON.stringify(object === 'secret' ? { stringData: { key: value } } : { data: { key: value } }),
    ]);

  conformance(
    `[sig-storage] ${kind} optional updates should be reflected in volume [Conformance] [NodeConformance]`,
    async () => {
      const of = (word: string) => ({ name: word, ...volumeOf(kind, `${word}-${index}`, { optional: true }) });
      await make(`drop-${index}`, '1');
      await make(`change-${index}`, '1');
      await stay(`optional-${index}`, [of('drop'), of('change'), of('make')]);
      expect(await reads(`optional-${index}`, 'cat /drop/key /change/key; ls /make')).toBe('11');
      await cluster.kubectl(['delete', object, `drop-${index}`]);
      await change(`change-${index}`, '2');
      await make(`make-${index}`, '3');
      await eventually('all three changes are seen', async () =>
        expect(await reads(`optional-${index}`, 'ls /drop; cat /change/key /make/key')).toBe('23'),
      );
    },
  );

  if (object === 'configmap')
    conformance(
      `[sig-storage] ${kind} updates should be reflected in volume [Conformance] [NodeConformance]`,
      async () => {
        await make(`update-${index}`, '1');
        await stay(`update-${index}`, [{ name: 'it', ...volumeOf(kind, `update-${index}`) }]);
        expect(await reads(`update-${index}`, 'cat /it/key')).toBe('1');
        await change(`update-${index}`, '2');
        await eventually('the change is seen', async () =>
          expect(await reads(`update-${index}`, 'cat /it/key')).toBe('2'),
        );
      },
    );
}

for (const [index, kind] of downwardKinds.entries()) {
  const tags = '[Conformance] [NodeConformance]';
  for (const [field, verb] of [
    ['labels', 'label'],
    ['annotations', 'annotate'],
  ] as const)
    conformance(`[sig-storage] ${kind} should update ${field} on modification ${tags}`, async () => {
      const name = `${field}-${index}`;
      const items = [{ path: 'it', fieldRef: { fieldPath: `metadata.${field}` } }];
      await stay(name, [{ name: 'd', ...downwardVolume(kind, items) }], { seen: 'one' });
      expect(await reads(name, 'cat /d/it')).toContain('seen="one"');
      await cluster.kubectl([verb, 'pod', name, 'seen=two', '--overwrite']);
      await eventually('the change is seen', async () =>
        expect(await reads(name, 'cat /d/it')).toContain('seen="two"'),
      );
    });

  for (const resource of ['cpu', 'memory'] as const)
    conformance(
      `[sig-storage] ${kind} should provide node allocatable (${resource}) as default ${resource} limit if the limit is not set ${tags}`,
      async () => {
        const name = `allocatable-${resource}-${index}`;
        const item = { path: 'it', resourceFieldRef: { containerName: 'main', resource: `limits.${resource}` } };
        await stay(name, [{ name: 'd', ...downwardVolume(kind, [item]) }]);
        const [node] = (await cluster.json('get nodes')).items;
        const allocatable: string = node.status.allocatable[resource];
        const kibibytes = /^(\d+)Ki$/.exec(allocatable);
        expect(await reads(name, 'cat /d/it')).toBe(kibibytes ? String(Number(kibibytes[1]) * 1024) : allocatable);
      },
    );
}

conformance(
  '[sig-storage] EmptyDir volumes pod should support shared volumes between containers [Conformance]',
  async () => {
    const volumeMounts = [{ name: 'shared', mountPath: '/shared' }];
    const container = (name: string, script: string) => ({
      ...{ name, image: busyboxReference, volumeMounts },
      command: ['sh', '-c', script],
    });
    const spec = {
      terminationGracePeriodSeconds: 0,
      volumes: [{ name: 'shared', emptyDir: {} }],
      containers: [container('reads', 'sleep 600'), container('writes', 'echo hello > /shared/f; sleep 600')],
    };
    await cluster.apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'shares' }, spec });
    await cluster.kubectl('wait --for=condition=Ready pod/shares --timeout=60s');
    await eventually('the other container reads it', async () =>
      expect(await cluster.kubectl('exec shares -c reads -- cat /shared/f')).toBe('hello\n'),
    );
  },
);
