/** kubectl in every version at hand: reading, writing, explaining and streaming against one cluster. */
import { chmod, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { busyboxImage, busyboxReference } from '../images/images.js';
import { allKubectls, eventually } from '../kubectl.js';
import { Cluster } from './cluster.js';

const crontabs = JSON.stringify({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'crontabs.stable.example.com' },
  spec: {
    group: 'stable.example.com',
    scope: 'Namespaced',
    names: { plural: 'crontabs', kind: 'CronTab', shortNames: ['ct'] },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        additionalPrinterColumns: [{ name: 'Replicas', type: 'integer', jsonPath: '.spec.replicas' }],
        subresources: {
          status: {},
          scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' },
        },
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: {
                type: 'object',
                properties: { replicas: { type: 'integer', description: 'How many.' } },
                'x-kubernetes-validations': [{ rule: 'self.replicas <= 10', message: 'at most ten' }],
              },
              status: { type: 'object', properties: { replicas: { type: 'integer' } } },
            },
          },
        },
      },
    ],
  },
});

let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start({ subnet: 76, images: [await busyboxImage()] });
  await cluster.kubectl([
    'run',
    'shell',
    `--image=${busyboxReference}`,
    '--',
    'sh',
    '-c',
    'echo ready; httpd -f -p 8080 -h /etc',
  ]);
  await cluster.kubectl('wait --for=condition=Ready pod/shell --timeout=30s');
});
afterEach(({ task }) => {
  if (task.result?.state === 'fail') cluster.showLogs();
});
afterAll(() => cluster?.purge());

describe.each(allKubectls().map((kubectl) => [path.basename(kubectl), kubectl] as const))('%s', (_, kubectl) => {
  const run = (words: string | string[], input?: string) =>
    cluster.kubectl(words, { kubectl, ...(input && { input }) });

  it('writes, reads, changes and deletes', async () => {
    await run('create namespace matrix');
    await run('create configmap settings -n matrix --from-literal=colour=blue');
    await run(`create deployment web -n matrix --image=${busyboxReference} --replicas=0`);
    expect(await run('get configmap settings -n matrix -o jsonpath={.data.colour}')).toBe('blue');
    expect(await run(['patch', 'configmap', 'settings', '-n', 'matrix', '-p', '{"data":{"colour":"red"}}'])).toContain(
      'patched',
    );
    expect(await run('label configmap settings -n matrix kind=test')).toBe('configmap/settings labeled\n');
    expect(await run('get configmap -n matrix -l kind=test -o name')).toBe('configmap/settings\n');
    const manifest = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: applied, namespace: matrix}\ndata: {a: "1"}\n';
    expect(await run('apply -f -', manifest)).toBe('configmap/applied created\n');
    expect(await run('apply -f -', manifest)).toBe('configmap/applied unchanged\n');
    expect(await run('apply -f -', manifest.replace('"1"', '"2"'))).toBe('configmap/applied configured\n');
    expect(await run('apply --server-side --force-conflicts -f -', manifest)).toBe(
      'configmap/applied serverside-applied\n',
    );
    expect(await run('get deployment web -n matrix')).toMatch(/^web\s+0\/0\s+0\s+0\s+\d+s$/m);
    expect(await run('get deployment web -n matrix --subresource=scale')).toMatch(
      /^NAME\s+DESIRED\s+AVAILABLE\s+AGE\nweb\s+0\s+0\s+\d+s$/m,
    );
    expect(await run('delete deployment web -n matrix')).toContain('deployment.apps "web" deleted');
    expect(await run('delete namespace matrix --timeout=30s')).toContain('namespace "matrix" deleted');
  });

  it('refuses a field that does not exist', async () => {
    const manifest = 'apiVersion: v1\nkind: Pod\nmetadata: {name: bad}\nspec: {containers: [{name: a, imagee: b}]}\n';
    const outcome = await cluster.try('apply -f -', { kubectl, input: manifest });
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toContain('unknown field "spec.containers[0].imagee"');
  });

  it('explains, lists resources and asks what it may', async () => {
    expect(await run('explain deployment.spec.replicas')).toMatch(/Number of desired pods/);
    expect(await run('api-resources')).toMatch(/^deployments\s+deploy\s+apps\/v1\s+true\s+Deployment$/m);
    expect(await run('api-versions')).toContain('apps/v1\n');
    expect(await run('auth can-i create pods')).toBe('yes\n');
    const asService = await cluster.try('auth can-i create pods --as=system:serviceaccount:default:default', {
      kubectl,
    });
    expect(asService).toMatchObject({ code: 1, stdout: 'no\n' });
    expect((await run('create token default')).split('.')).toHaveLength(3);
    expect(await run('version')).toContain('v1.36');
  });

  it('prunes what is no longer applied, and waits for and watches what changes', async () => {
    const list = (...names: string[]) =>
      names
        .map((name) => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}, labels: {set: pruned}}\n`)
        .join('---\n');
    await run('apply --prune -l set=pruned -f -', list('kept', 'dropped'));
    const pruned = await run('apply --prune -l set=pruned -f -', list('kept'));
    expect(pruned).toContain('configmap/kept unchanged\n');
    expect(pruned).toContain('configmap/dropped pruned\n');
    // Of a single object kubectl passes over the first event, which may be the change: a list has no such gap.
    const watch = cluster.spawn('get configmap -l set=pruned -w -o jsonpath={.data.seen}', { kubectl });
    await run(['patch', 'configmap', 'kept', '-p', '{"data":{"seen":"changed"}}']);
    await eventually('the watch shows the change', async () => expect(watch.output).toContain('changed'));
    await watch.stop();
    await run('wait --for=jsonpath={.data.seen}=changed configmap/kept --timeout=10s');
    await run('delete configmap kept');
  });

  it('knows custom kinds as soon as they are defined', async () => {
    await run('apply -f -', crontabs);
    await run('wait --for=condition=Established crd/crontabs.stable.example.com --timeout=10s');
    await run(
      'apply -f -',
      'apiVersion: stable.example.com/v1\nkind: CronTab\nmetadata: {name: one}\nspec: {replicas: 3}\n',
    );
    expect(await run('get ct')).toMatch(/^one\s+3$/m);
    expect(await run('explain ct.spec.replicas')).toContain('How many.');
    expect(await run('scale ct/one --replicas=5')).toContain('scaled');
    expect(await run('get ct/one --subresource=scale')).toMatch(/^one\s+5\s+0\s+\d+s$/m);
    const refused = await cluster.try(['patch', 'ct', 'one', '--type=merge', '-p', '{"spec":{"replicas":11}}'], {
      kubectl,
    });
    expect(refused.stderr).toContain('The CronTab "one" is invalid: spec: Invalid value: ');
    expect(refused.stderr).toContain('at most ten');
    await run('delete crd crontabs.stable.example.com');
    expect((await cluster.try('get crontabs', { kubectl })).code).toBe(1);
  });

  it('streams', async () => {
    expect(await run('logs shell')).toBe('ready\n');
    expect(await run('exec -i shell -- cat', 'input')).toBe('input');
    expect((await cluster.try(['exec', 'shell', '--', 'sh', '-c', 'exit 7'], { kubectl })).code).toBe(7);
    expect(await run('get pod shell')).toMatch(/^shell\s+1\/1\s+Running\s+0\s+\S+$/m);
    const forward = cluster.spawn('port-forward pod/shell :8080', { kubectl });
    const port = await eventually('a port is forwarded', async () => {
      const [, number] = /127\.0\.0\.1:(\d+) -> 8080/.exec(forward.output) ?? [];
      if (!number) throw new Error(forward.output);
      return number;
    });
    const answer = await fetch(`http://127.0.0.1:${port}/hostname`);
    expect(await answer.text()).toBe('shell\n');
    await forward.stop();
  });
});

describe('kubectl', () => {
  const manifest = (value: string) =>
    JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'shared' }, data: { value } });

  it('shows what an apply would change', async () => {
    await cluster.kubectl('apply -f -', { input: manifest('one') });
    const outcome = await cluster.try('diff -f -', { input: manifest('two') });
    expect(outcome.code).toBe(1);
    expect(outcome.stdout).toMatch(/^-\s+value: one$/m);
    expect(outcome.stdout).toMatch(/^\+\s+value: two$/m);
    expect((await cluster.try('diff -f -', { input: manifest('one') })).code).toBe(0);
    expect(await cluster.kubectl('get configmap shared -o jsonpath={.data.value}')).toBe('one');
  });

  it('describes whatever there is', async () => {
    // Of these two kubectl 1.32 asks for the beta, which is not served by default.
    const betas = /^(ipaddresses|servicecidrs)\./;
    const named = (await cluster.kubectl('api-resources --verbs=get -o name')).trim().split('\n');
    const kinds = named.filter((kind) => !betas.test(kind));
    const outcomes = await Promise.all(kinds.map((kind) => cluster.try(`describe ${kind} -A`)));
    const failed = outcomes.flatMap(({ code, stderr }, index) => (code === 0 ? [] : [`${kinds[index]}: ${stderr}`]));
    expect(failed).toEqual([]);
    expect(await cluster.kubectl('describe pod shell')).toMatch(/^Events:\n[\s\S]*Started\s+\d+[ms]\S*\s+kubelet/m);
  });

  it('explains every field at every level', async () => {
    for (const path of ['deployment.spec', 'pod.spec.containers.livenessProbe', 'hpa.spec.metrics', 'job.spec']) {
      expect(await cluster.kubectl(`explain ${path}`)).not.toContain('<no description>');
    }
    expect(await cluster.kubectl('explain pod.spec.restartPolicy')).toMatch(/ENUM:\n\s+Always\n\s+Never\n\s+OnFailure/);
    expect(await cluster.kubectl('explain pod --recursive')).toMatch(/^\s+terminationGracePeriodSeconds\s+<integer>$/m);
  });

  it('prunes a set that it keeps on the server', async () => {
    const objects = (...names: string[]) =>
      names.map((name) => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\n`).join('---\n');
    const apply = (input: string) =>
      cluster.kubectl('apply -n default --prune --applyset=mine -f -', { input, env: { KUBECTL_APPLYSET: 'true' } });
    await apply(objects('first', 'second'));
    expect(await apply(objects('first'))).toBe('configmap/first unchanged\nconfigmap/second pruned\n');
    await cluster.kubectl('delete configmap/first secret/mine');
  });

  it('approves a certificate, which is signed, and reconciles roles', async () => {
    const key = path.join(cluster.dataDir, 'jane.key');
    const words = ['req', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-subj', '/CN=jane/O=dev'];
    const signed = await cluster.call('openssl', words);
    const spec = {
      signerName: 'kubernetes.io/kube-apiserver-client',
      usages: ['client auth'],
      request: Buffer.from(signed.stdout).toString('base64'),
    };
    await cluster.apply({
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: { name: 'jane' },
      spec,
    });
    await cluster.kubectl('certificate approve jane');
    await eventually('it is issued', async () =>
      expect(await cluster.kubectl('get csr jane')).toMatch(/\sApproved,Issued$/m),
    );
    expect(await cluster.kubectl('describe csr jane')).toMatch(/Common Name:\s+jane/);
    const role = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: 'reader', namespace: 'default' },
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }],
    };
    const reconcile = () => cluster.kubectl('auth reconcile -f -', { input: JSON.stringify(role) });
    expect(await reconcile()).toContain('role.rbac.authorization.k8s.io/reader reconciled');
    role.rules[0]!.verbs = ['list'];
    await reconcile();
    expect((await cluster.json('get role reader')).rules).toHaveLength(2);
    await cluster.kubectl('delete role/reader csr/jane');
  });

  it('edits with the editor of the user', async () => {
    const editor = path.join(cluster.dataDir, 'editor');
    await writeFile(editor, '#!/bin/sh\nsed -i "s/value: one/value: edited/" "$1"\n');
    await chmod(editor, 0o755);
    expect(await cluster.kubectl('edit configmap shared', { env: { EDITOR: editor } })).toBe(
      'configmap/shared edited\n',
    );
    expect(await cluster.kubectl('get configmap shared -o jsonpath={.data.value}')).toBe('edited');
  });

  it('is told who else owns a field', async () => {
    const apply = (manager: string, value: string) =>
      cluster.try(`apply --server-side --field-manager=${manager} -f -`, {
        input: manifest(value).replace('shared', 'owned'),
      });
    expect((await apply('first', 'a')).code).toBe(0);
    const refused = await apply('second', 'b');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('conflict with "first"');
    expect(refused.stderr).toContain('.data.value');
    expect((await apply('second', 'a')).code).toBe(0);
  });

  it('orphans and collects what an owner leaves', async () => {
    await cluster.kubectl(`create deployment owner --image=${busyboxReference} --replicas=0`);
    const replicaSets = async () => (await cluster.json('get replicasets -l app=owner')).items;
    await eventually('a replica set is there', async () => expect(await replicaSets()).toHaveLength(1));
    await cluster.kubectl('delete deployment owner --cascade=orphan');
    await eventually('it has no owner', async () =>
      expect((await replicaSets())[0].metadata.ownerReferences).toBeUndefined(),
    );
    await cluster.kubectl(`create deployment owner --image=${busyboxReference} --replicas=0`);
    await eventually('it is adopted', async () =>
      expect((await replicaSets())[0].metadata.ownerReferences).toHaveLength(1),
    );
    await cluster.kubectl('delete deployment owner --cascade=foreground');
    expect(await replicaSets()).toEqual([]);
  });

  it('gets text of errors that users know', async () => {
    expect((await cluster.try('get pod absent')).stderr).toBe(
      'Error from server (NotFound): pods "absent" not found\n',
    );
    expect((await cluster.try('get nonsense')).stderr).toContain(`the server doesn't have a resource type "nonsense"`);
    const again = await cluster.try('create namespace default');
    expect(again.stderr).toBe('Error from server (AlreadyExists): namespaces "default" already exists\n');
    const invalid = await cluster.try('create deployment Bad_Name --image=x');
    expect(invalid.stderr).toContain('Deployment.apps "Bad_Name" is invalid: metadata.name: Invalid value: "Bad_Name"');
    const forbidden = await cluster.try('get secrets --as=somebody');
    expect(forbidden.stderr).toBe(
      'Error from server (Forbidden): secrets is forbidden: User "somebody" cannot list resource "secrets" in API group "" in the namespace "default"\n',
    );
  });
});
