/** The official names of kubectl that need containers to say something, on real containers. */
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { Cluster } from '../../e2e/cluster.js';
import { busyboxImage, busyboxReference } from '../../images/images.js';
import { eventually } from '../../kubectl.js';
import { conformance } from './label.js';

let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start({ subnet: 94, images: [await busyboxImage()] });
});
afterEach(({ task }) => {
  if (task.result?.state === 'fail') cluster.showLogs();
});
afterAll(() => cluster?.purge());

interface Serving {
  name: string;
  labels: Record<string, string>;
  replicas: number;
  /** A shell that prepares what is served from /www. */
  prepare: string;
}

/** Pods of a web server whose files a script has made. */
function template({ name, labels, prepare }: Serving) {
  const command = ['sh', '-c', `mkdir -p /www/cgi-bin; ${prepare}; exec httpd -f -p 8080 -h /www`];
  const readinessProbe = { httpGet: { path: '/ready', port: 8080 }, periodSeconds: 1 };
  const ports = [{ name: 'http', containerPort: 8080 }];
  const containers = [{ name, image: busyboxReference, command, ports, readinessProbe }];
  return { metadata: { labels }, spec: { terminationGracePeriodSeconds: 0, containers } };
}

/** As upstream's update demo: each pod tells which picture it shows. */
function updateDemo(replicas: number): object {
  const labels = { name: 'update-demo', version: 'nautilus' };
  const prepare = `echo '{"image":"nautilus.jpg"}' >/www/data.json; touch /www/ready`;
  const serving = { name: 'update-demo', labels, replicas, prepare };
  const metadata = { name: 'update-demo-nautilus' };
  const spec = { replicas, selector: labels, template: template(serving) };
  return { apiVersion: 'v1', kind: 'ReplicationController', metadata, spec };
}

async function podNames(): Promise<string[]> {
  const names = await cluster.kubectl([
    'get',
    'pods',
    '-l',
    'name=update-demo',
    '-o',
    'template',
    '--template={{range.items}}{{.metadata.name}} {{end}}',
  ]);
  return names.split(' ').filter((name) => name !== '');
}

/** So many pods run, and each, asked through the API server, tells its picture. */
async function showPictures(count: number): Promise<void> {
  await eventually(`${count} pods show their picture`, async () => {
    const names = await podNames();
    expect(names).toHaveLength(count);
    for (const name of names) {
      const answer = await cluster.kubectl(`get --raw /api/v1/namespaces/default/pods/${name}:8080/proxy/data.json`);
      expect(JSON.parse(answer)).toEqual({ image: 'nautilus.jpg' });
    }
  });
}

async function removeDemo(): Promise<void> {
  await cluster.kubectl('delete rc update-demo-nautilus --grace-period=0 --force');
  await eventually('no pod is left', async () => expect(await podNames()).toEqual([]));
}

conformance(
  '[sig-cli] Kubectl client Update Demo should create and stop a replication controller [Conformance]',
  async () => {
    await cluster.kubectl('create -f -', { input: JSON.stringify(updateDemo(2)) });
    await showPictures(2);
    await removeDemo();
  },
);

conformance('[sig-cli] Kubectl client Update Demo should scale a replication controller [Conformance]', async () => {
  await cluster.kubectl('create -f -', { input: JSON.stringify(updateDemo(2)) });
  await showPictures(2);
  await cluster.kubectl('scale rc update-demo-nautilus --replicas=1 --timeout=5m');
  await showPictures(1);
  await cluster.kubectl('scale rc update-demo-nautilus --replicas=2 --timeout=5m');
  await showPictures(2);
  await removeDemo();
});

const store = `printf '#!/bin/sh\\necho; case "$QUERY_STRING" in value=*) echo "\${QUERY_STRING#value=}" >>/www/entries;; esac; cat /www/entries\\n' >/www/cgi-bin/entries; touch /www/entries /www/ready; chmod -R 777 /www`;
const front = `printf '#!/bin/sh\\necho; wget -qO- "http://guestbook-store/cgi-bin/entries?$QUERY_STRING"\\n' >/www/cgi-bin/guestbook; touch /www/ready; chmod -R 777 /www`;

function guestbookTier(name: string, { replicas, prepare }: { replicas: number; prepare: string }): object[] {
  const labels = { app: 'guestbook', tier: name };
  const spec = { replicas, selector: { matchLabels: labels }, template: template({ name, labels, replicas, prepare }) };
  const ports = [{ port: 80, targetPort: 'http' }];
  return [
    { apiVersion: 'v1', kind: 'Service', metadata: { name, labels }, spec: { ports, selector: labels } },
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, labels }, spec },
  ];
}

conformance(
  '[sig-cli] Kubectl client Guestbook application should create and stop a working application [Conformance]',
  async () => {
    const objects = [
      ...guestbookTier('guestbook-store', { replicas: 1, prepare: store }),
      ...guestbookTier('guestbook', { replicas: 3, prepare: front }),
    ];
    await cluster.apply(...objects);
    await cluster.kubectl('wait --for=condition=Available deployment -l app=guestbook --timeout=60s');
    const ask = (query: string) =>
      cluster.kubectl(`get --raw /api/v1/namespaces/default/services/guestbook:80/proxy/cgi-bin/guestbook?${query}`);
    await eventually('the guestbook answers', async () => expect((await ask('')).trim()).toBe(''));
    expect((await ask('value=TestEntry')).trim()).toBe('TestEntry');
    expect((await ask('')).trim()).toBe('TestEntry');
    await cluster.kubectl('delete --grace-period=0 --force -f -', {
      input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }),
    });
    await eventually('nothing of it is left', async () =>
      expect(await cluster.kubectl('get pods,services,deployments -l app=guestbook -o name')).toBe(''),
    );
  },
);

conformance('[sig-cli] Kubectl logs logs should be able to retrieve and filter logs [Conformance]', async () => {
  const say =
    'i=0; while [ $i -lt 100 ]; do echo "$i GET /api/v1/namespaces/default/pods/p$i"; i=$((i+1)); sleep 0.05; done; sleep 600';
  await cluster.kubectl([
    'run',
    'logs-generator',
    `--image=${busyboxReference}`,
    '--restart=Never',
    '--',
    'sh',
    '-c',
    say,
  ]);
  await cluster.kubectl('wait --for=condition=Ready pod/logs-generator --timeout=30s');
  const logs = (options: string) => cluster.kubectl(`logs logs-generator logs-generator ${options}`.trim());
  await eventually('it has said enough', async () => expect((await logs('')).split('\n').length).toBeGreaterThan(10));
  expect(await logs('--tail=1')).toMatch(/^\d+ GET \S+\n$/);
  expect(await logs('--limit-bytes=1')).toBe('0');
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(?:Z|[+-]\d\d:\d\d) \d+ GET \S+\n$/;
  expect(await logs('--tail=1 --timestamps')).toMatch(time);
  // What was said in the last second is less than what was said in the last day.
  await eventually('all is said', async () => expect(await logs('--tail=1')).toContain('99 GET '));
  await eventually('a second is over', async () => expect(await logs('--since=1s')).toBe(''));
  expect((await logs('--since=24h')).split('\n')).toHaveLength(101);
  await cluster.kubectl('delete pod logs-generator --grace-period=0 --force');
});
