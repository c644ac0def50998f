/** What containers may expect of a node: volumes, DNS, streams, restarts, limits, images. One cluster, many small pods. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { busyboxImage, busyboxReference } from '../images/images.js';
import { eventually } from '../kubectl.js';
import { Cluster } from './cluster.js';

let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start({ subnet: 74, images: [await busyboxImage()] });
  await cluster.apply(
    podOf('shell', { command: ['sh', '-c', 'trap "exit 0" TERM; echo started; while true; do sleep 1; done'] }),
  );
  await cluster.kubectl('wait --for=condition=Ready pod/shell --timeout=30s');
});
afterEach(({ task }) => {
  if (task.result?.state === 'fail') cluster.showLogs();
});
afterAll(() => cluster?.purge());

function podOf(name: string, container: object, { spec = {}, labels = {} } = {}) {
  const main = { name: 'main', image: busyboxReference, ...container };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels },
    spec: { terminationGracePeriodSeconds: 1, containers: [main], ...spec },
  };
}

async function containerStatus(pod: string) {
  return (await cluster.json(`get pod ${pod}`)).status.containerStatuses[0];
}

/** The log of a pod that runs to its end. */
async function logOf(pod: ReturnType<typeof podOf>): Promise<string> {
  await cluster.apply(pod);
  await cluster.kubectl(`wait --for=jsonpath={.status.phase}=Succeeded pod/${pod.metadata.name} --timeout=30s`);
  return cluster.kubectl(`logs ${pod.metadata.name}`);
}

describe('streams', () => {
  it('gives the exit code, output and errors of a command', async () => {
    const outcome = await cluster.try(['exec', 'shell', '--', 'sh', '-c', 'echo out; echo err >&2; exit 42']);
    expect(outcome).toMatchObject({ code: 42, stdout: 'out\n' });
    expect(outcome.stderr).toContain('err\n');
    expect(outcome.stderr).toContain('command terminated with exit code 42');
  });

  it('gives a command its input, a megabyte both ways', async () => {
    const input = 'x'.repeat(1024 * 1024);
    expect((await cluster.kubectl('exec -i shell -- cat', { input })) === input).toBe(true);
    expect(await cluster.kubectl('exec -i shell -- wc -c', { input: 'five.' })).toBe('5\n');
  });

  it('gives a command a terminal', async () => {
    const words = [
      '-qec',
      'stty cols 100 rows 30; kubectl exec -it shell -- sh -c "tty; sleep 1; stty size"',
      '/dev/null',
    ];
    const { stdout, code } = await cluster.call('script', words);
    // At the end of its own input `script` types a null character, which the container's terminal echoes as ^@.
    expect(stdout).toMatch(/\/dev\/pts\/\d+\r\n(\^@)?30 100\r\n/);
    expect(code).toBe(0);
  });

  it('says what is wrong with a command that is not there', async () => {
    const outcome = await cluster.try('exec shell -- no-such-command');
    expect(outcome.code).not.toBe(0);
    expect(outcome.stderr).toMatch(/no-such-command.*executable file not found/s);
  });

  it('copies files both ways', async () => {
    const there = path.join(cluster.dataDir, 'there');
    const back = path.join(cluster.dataDir, 'back');
    await writeFile(there, 'carried\n'.repeat(1000));
    await cluster.kubectl(`cp ${there} shell:/tmp/carried`);
    await cluster.kubectl(`cp shell:/tmp/carried ${back}`);
    expect(await readFile(back, 'utf8')).toBe('carried\n'.repeat(1000));
  });

  it('attaches to what runs', async () => {
    await cluster.apply(
      podOf(
        'talker',
        { command: ['sh', '-c', 'while read line; do echo "heard $line"; done'], stdin: true, stdinOnce: true },
        { spec: { restartPolicy: 'Never' } },
      ),
    );
    await cluster.kubectl('wait --for=condition=Ready pod/talker --timeout=30s');
    expect(await cluster.kubectl('attach -i talker', { input: 'one\ntwo\n' })).toContain('heard one\nheard two\n');
    await cluster.kubectl('wait --for=jsonpath={.status.phase}=Succeeded pod/talker --timeout=30s');
  });

  it('runs a pod for one command and removes it', async () => {
    const words = [
      'run',
      'once',
      '-i',
      '--rm',
      '--quiet',
      `--image=${busyboxReference}`,
      '--restart=Never',
      '--',
      'cat',
    ];
    expect(await cluster.kubectl(words, { input: 'through a pod\n' })).toContain('through a pod\n');
    expect((await cluster.try('get pod once')).stderr).toContain('pods "once" not found');
  });
});

describe('cluster DNS', () => {
  it('answers for services, headless services and the API', async () => {
    const server = podOf(
      'server',
      { command: ['httpd', '-f', '-p', '8080', '-h', '/etc'] },
      { labels: { app: 'server' } },
    );
    const port = { name: 'http', port: 80, targetPort: 8080 };
    const service = (name: string, more: object) => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name },
      spec: { selector: { app: 'server' }, ports: [port], ...more },
    });
    await cluster.apply(server, service('usual', {}), service('headless', { clusterIP: 'None' }));
    await cluster.kubectl('wait --for=condition=Ready pod/server --timeout=30s');
    const podAddress = (await cluster.json('get pod server')).status.podIP;
    const address = (await cluster.json('get service usual')).spec.clusterIP;
    const lookUp = (name: string) => cluster.kubectl(`exec shell -- nslookup ${name}`);
    await eventually('headless answers', async () => {
      expect(await lookUp('headless.default.svc.cluster.local')).toContain(`Address: ${podAddress}`);
    });
    expect(await lookUp('usual.default.svc.cluster.local')).toContain(`Address: ${address}`);
    expect(await lookUp('kubernetes.default.svc.cluster.local')).toContain('Address: 10.75.0.1');
    expect(await cluster.kubectl('exec shell -- wget -qO- http://usual/hostname')).toBe('server\n');
    expect(await cluster.kubectl('exec shell -- wget -qO- http://headless.default:8080/hostname')).toBe('server\n');
    expect((await cluster.try('exec shell -- nslookup nothing.default.svc.cluster.local')).code).toBe(1);
  });
});

describe('volumes', () => {
  it('shows config maps, secrets, tokens and an empty directory that containers share', async () => {
    await cluster.kubectl('create configmap settings --from-literal=colour=blue');
    await cluster.kubectl('create secret generic keys --from-literal=key=hidden');
    const projected = {
      sources: [
        { configMap: { name: 'settings' } },
        { secret: { name: 'keys' } },
        { downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } },
      ],
    };
    const mounts = ['settings', 'keys', 'all', 'shared'].map((name) => ({ name, mountPath: `/v/${name}` }));
    await cluster.apply(
      podOf(
        'reader',
        { command: ['sleep', '1000'], volumeMounts: mounts },
        {
          spec: {
            terminationGracePeriodSeconds: 0,
            initContainers: [
              {
                name: 'writer',
                image: busyboxReference,
                command: ['sh', '-c', 'echo from init > /v/shared/note'],
                volumeMounts: mounts,
              },
            ],
            volumes: [
              { name: 'settings', configMap: { name: 'settings' } },
              { name: 'keys', secret: { secretName: 'keys', defaultMode: 0o400 } },
              { name: 'all', projected },
              { name: 'shared', emptyDir: { medium: 'Memory', sizeLimit: '16Mi' } },
            ],
          },
        },
      ),
    );
    await cluster.kubectl('wait --for=condition=Ready pod/reader --timeout=30s');
    const read = (file: string) => cluster.kubectl(`exec reader -- cat ${file}`);
    expect(await read('/v/settings/colour')).toBe('blue');
    expect(await read('/v/keys/key')).toBe('hidden');
    expect(await cluster.kubectl('exec reader -- stat -L -c %a /v/keys/key')).toBe('400\n');
    expect(await read('/v/all/colour')).toBe('blue');
    expect(await read('/v/all/name')).toBe('reader');
    expect(await read('/v/shared/note')).toBe('from init\n');
    expect(await cluster.kubectl('exec reader -- df /v/shared')).toContain('tmpfs');
    const token = await read('/var/run/secrets/kubernetes.io/serviceaccount/token');
    const claims = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString());
    expect(claims.sub).toBe('system:serviceaccount:default:default');
    expect(await read('/var/run/secrets/kubernetes.io/serviceaccount/namespace')).toBe('default');
    expect(await read('/var/run/secrets/kubernetes.io/serviceaccount/ca.crt')).toContain('BEGIN CERTIFICATE');
    await cluster.kubectl(['patch', 'configmap', 'settings', '-p', '{"data":{"colour":"green"}}']);
    await eventually('the file changes', async () => expect(await read('/v/settings/colour')).toBe('green'), {
      timeoutMs: 90_000,
    });
  });
});

describe('trouble', () => {
  it('with images is told as upstream tells it', async () => {
    await cluster.apply(
      podOf('never', { image: 'registry.t8s.local/absent:1', imagePullPolicy: 'Never' }),
      podOf('unreachable', { image: '127.0.0.1:1/absent:1' }),
    );
    await eventually('both wait', async () => {
      expect((await containerStatus('never')).state.waiting).toEqual({
        reason: 'ErrImageNeverPull',
        message: 'Container image "registry.t8s.local/absent:1" is not present with pull policy of Never',
      });
      expect((await containerStatus('unreachable')).state.waiting.reason).toBe('ImagePullBackOff');
    });
    const events = await cluster.kubectl('events --for pod/unreachable');
    expect(events).toContain('Failed to pull image "127.0.0.1:1/absent:1"');
    expect(events).toContain('Error: ErrImagePull');
    expect(events).toContain('Back-off pulling image "127.0.0.1:1/absent:1"');
    expect(await cluster.kubectl('get pod unreachable')).toContain('0/1');
    await cluster.kubectl('delete pod never unreachable --wait=false');
  });

  it('that repeats is backed off from', async () => {
    await cluster.apply(podOf('crasher', { command: ['sh', '-c', 'echo last words; exit 3'] }));
    await eventually('it is backed off from', async () => {
      const { state, lastState, restartCount } = await containerStatus('crasher');
      expect(state.waiting.reason).toBe('CrashLoopBackOff');
      expect(state.waiting.message).toMatch(/^back-off \d+s restarting failed container=main pod=crasher_default\(/);
      expect(lastState.terminated).toMatchObject({ exitCode: 3, reason: 'Error' });
      expect(restartCount).toBeGreaterThan(0);
    });
    expect(await cluster.kubectl('logs crasher --previous')).toBe('last words\n');
    expect(await cluster.kubectl('get pod crasher')).toMatch(/0\/1\s+CrashLoopBackOff\s+[1-9]/);
    await cluster.kubectl('delete pod crasher');
  });

  it('with memory ends in OOMKilled', async () => {
    const hog = { command: ['sh', '-c', 'tail /dev/zero'], resources: { limits: { memory: '20Mi' } } };
    await cluster.apply(podOf('hog', hog, { spec: { restartPolicy: 'Never' } }));
    await eventually('it is killed', async () => {
      expect((await containerStatus('hog')).state.terminated).toMatchObject({ reason: 'OOMKilled', exitCode: 137 });
    });
    expect(await cluster.kubectl('get pod hog')).toMatch(/0\/1\s+OOMKilled/);
  });

  it('in an init container keeps the others from starting', async () => {
    const init = { name: 'first', image: busyboxReference, command: ['false'] };
    await cluster.apply(podOf('blocked', {}, { spec: { restartPolicy: 'Never', initContainers: [init] } }));
    await eventually('it has failed', async () => {
      expect((await cluster.json('get pod blocked')).status.phase).toBe('Failed');
    });
    expect(await cluster.kubectl('get pod blocked')).toContain('Init:Error');
  });
});

describe('init containers', () => {
  it('run one after the other, before the others', async () => {
    const volumeMounts = [{ name: 'shared', mountPath: '/v' }];
    const step = (name: string) => ({
      name,
      image: busyboxReference,
      command: ['sh', '-c', `echo ${name} >> /v/steps`],
      volumeMounts,
    });
    const pod = podOf(
      'ordered',
      { command: ['cat', '/v/steps'], volumeMounts },
      {
        spec: {
          restartPolicy: 'Never',
          initContainers: [step('one'), step('two')],
          volumes: [{ name: 'shared', emptyDir: {} }],
        },
      },
    );
    expect(await logOf(pod)).toBe('one\ntwo\n');
  });
});
