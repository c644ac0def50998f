/** The command as a person meets it: what it says, its exit codes, what it leaves; on simulated nodes, without root. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { buildCommand } from '../cluster-process.js';

const command = path.join(import.meta.dirname, '..', '..', 'dist', 't8s.js');
const timeoutMs = 60_000;

let home: string;

beforeAll(() => buildCommand(), timeoutMs);
beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), 't8s-command-'));
});
afterEach(async () => {
  for (const name of ['a', 'b']) await t8s('down', '--purge', '--data-dir', dataDir(name));
  rmSync(home, { recursive: true, force: true });
}, timeoutMs);

const dataDir = (name: string) => path.join(home, name);

interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** With a home of its own, and without a word of the machine's own settings. */
function t8s(...words: string[]): Promise<Outcome> {
  const env = { PATH: process.env.PATH, HOME: home };
  return new Promise((resolve) => {
    execFile(process.execPath, [command, ...words], { env, timeout: timeoutMs }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr });
    });
  });
}

function up(name: string, port: number, ...words: string[]): Promise<Outcome> {
  return t8s('up', '--detach', '--runtime', 'simulated', '--data-dir', dataDir(name), '--port', String(port), ...words);
}

/** What the machine's kubectl makes of a kubeconfig. */
function kubectlView(kubeconfig: string): Promise<{ 'current-context': string; users: { name: string }[] }> {
  const words = ['--kubeconfig', kubeconfig, 'config', 'view', '--raw', '-o', 'json'];
  return new Promise((resolve, reject) => {
    execFile('kubectl', words, (error, stdout) => (error ? reject(error) : resolve(JSON.parse(stdout))));
  });
}

async function freePort(): Promise<number> {
  const server = await occupy();
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function occupy(): Promise<Server> {
  const server = createServer();
  return new Promise((resolve) => server.listen(0, '0.0.0.0', () => resolve(server)));
}

const oneLine = /^t8s: [^\n]+\n$/;

describe('a start that cannot be', () => {
  test('says that the port is in use, in one line, and makes nothing', async () => {
    const server = await occupy();
    const { port } = server.address() as { port: number };
    const { code, stderr } = await up('a', port);
    server.close();
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `t8s: port ${port} is in use: stop what uses it, or choose another with --port\n`,
    });
    expect(existsSync(dataDir('a'))).toBe(false);
  });

  test('refuses a setting that makes no sense', async () => {
    for (const [words, reason] of [
      [['--port', 'many'], '--port must be a whole number from 0 to 65535, not "many"'],
      [['--runtime', 'docker'], '--runtime must be one of containerd, simulated, not "docker"'],
      [['--pod-cidr', '10.0.0.0'], '--pod-cidr must be an IPv4 range such as 10.244.0.0/16, not "10.0.0.0"'],
    ] as const) {
      const { code, stderr } = await t8s('up', '--data-dir', dataDir('a'), ...words);
      expect({ code, stderr }).toEqual({ code: 1, stderr: `t8s: ${reason}\n` });
    }
    expect(existsSync(dataDir('a'))).toBe(false);
  });

  test('leaves data that it cannot read as it was', async () => {
    const file = path.join(dataDir('a'), 'store', 'data.mdb');
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, 'something else entirely, of some length');
    const { code, stderr } = await up('a', await freePort());
    expect(code).toBe(1);
    expect(stderr).toMatch(oneLine);
    expect(stderr).toContain(`${file} is not an LMDB file`);
    expect(readFileSync(file, 'utf8')).toBe('something else entirely, of some length');
  });

  test('says that a data directory is a file', async () => {
    writeFileSync(dataDir('a'), '');
    const { code, stderr } = await up('a', await freePort());
    expect(code).toBe(1);
    expect(stderr).toMatch(oneLine);
    rmSync(dataDir('a'));
  });
});

test(
  'two clusters run side by side, and each is told, stopped and removed by its data directory',
  async () => {
    const ports = [await freePort(), await freePort()];
    const started = await Promise.all([
      up('a', ports[0]!, '--no-kubeconfig'),
      up('b', ports[1]!, '--no-kubeconfig', '--nodes', '3'),
    ]);
    for (const { code, stdout, stderr } of started)
      expect({ code, stderr, ready: stdout.includes('ready: process') }).toEqual({ code: 0, stderr: '', ready: true });

    const again = await up('a', await freePort());
    expect(again.code).toBe(1);
    expect(again.stderr).toMatch(
      /^t8s: .* is in use by process \d+: stop it with `t8s down`, or use another --data-dir\n$/,
    );

    const told = await t8s('status', '--data-dir', dataDir('b'));
    expect(told.code).toBe(0);
    expect(told.stdout).toContain('3 simulated, Ready');
    expect(told.stdout).toContain(`https://127.0.0.1:${ports[1]}`);

    expect(statSync(path.join(dataDir('a'), 'kubeconfig')).mode & 0o777).toBe(0o600);
    const nodes = await t8s('kubectl', '--data-dir', dataDir('b'), 'get', 'nodes', '-o', 'name');
    expect(nodes.stdout.trim().split('\n')).toHaveLength(3);
    expect((await t8s('kubectl', '--data-dir', dataDir('b'), 'get', 'nothing')).code).toBe(1);

    const stopped = await t8s('down', '--data-dir', dataDir('a'));
    expect(stopped).toMatchObject({ code: 0, stdout: `stopped the cluster in ${dataDir('a')}\n` });
    expect((await t8s('status', '--data-dir', dataDir('a'))).code).toBe(1);
    expect((await t8s('status', '--data-dir', dataDir('b'))).code).toBe(0);
    await t8s('down', '--purge', '--data-dir', dataDir('b'));
    expect(existsSync(dataDir('b'))).toBe(false);
  },
  timeoutMs,
);

test(
  'a start merges a context into the kubeconfig without harming what is there, and a purge takes only that away',
  async () => {
    const kubeconfig = path.join(home, '.kube', 'config');
    mkdirSync(path.dirname(kubeconfig));
    const before = [
      '# mine',
      'apiVersion: v1',
      'kind: Config',
      'clusters:',
      '- {name: work, cluster: {server: "https://work.example"}}',
      'contexts:',
      '- {name: work, context: {cluster: work, user: me}}',
      'users:',
      '- {name: me, user: {token: secret}}',
      'preferences: {colors: true}',
      '',
    ].join('\n');
    writeFileSync(kubeconfig, before, { mode: 0o600 });
    expect(await up('a', await freePort())).toMatchObject({ code: 0 });
    const merged = readFileSync(kubeconfig, 'utf8');
    expect(merged).toContain('# mine');
    expect(merged).toContain('https://work.example');
    expect(merged).toContain('name: t8s');
    const view = await kubectlView(kubeconfig);
    expect(view['current-context']).toBe('t8s');
    expect(view.users.map(({ name }) => name).sort()).toEqual(['me', 't8s']);
    await up('b', await freePort(), '--no-kubeconfig');
    await t8s('down', '--purge', '--data-dir', dataDir('b'));
    expect(readFileSync(kubeconfig, 'utf8')).toBe(merged);
    await t8s('down', '--purge', '--data-dir', dataDir('a'));
    const after = readFileSync(kubeconfig, 'utf8');
    expect(after).toContain('https://work.example');
    expect(after).not.toContain('t8s');
  },
  timeoutMs,
);

test(
  'what is written survives a stop',
  async () => {
    const port = await freePort();
    await up('a', port, '--no-kubeconfig');
    const kubectl = (...words: string[]) => t8s('kubectl', '--data-dir', dataDir('a'), ...words);
    expect(await kubectl('create', 'configmap', 'kept', '--from-literal=a=1')).toMatchObject({ code: 0 });
    const version = (await kubectl('get', 'configmap', 'kept', '-o', 'jsonpath={.metadata.resourceVersion}')).stdout;
    await t8s('down', '--data-dir', dataDir('a'));
    await up('a', port, '--no-kubeconfig');
    expect((await kubectl('get', 'configmap', 'kept', '-o', 'jsonpath={.metadata.resourceVersion}')).stdout).toBe(
      version,
    );
  },
  timeoutMs,
);

test('version, help, doctor and mistakes', async () => {
  expect((await t8s('version')).stdout).toMatch(/^t8s \d+\.\d+\.\d+\nserves Kubernetes v1\.36\.0 as v1\.36\.0\+t8s\./);
  expect((await t8s('--help')).stdout).toContain('doctor');
  expect((await t8s('doctor')).stdout).toMatch(/^ {2}[✓✗·] /);
  expect((await t8s('sideways')).code).toBe(1);
  const none = await t8s('kubectl', '--data-dir', dataDir('a'), 'get', 'pods');
  expect(none).toMatchObject({ code: 1, stderr: `t8s: no cluster in ${dataDir('a')}: start one with \`t8s up\`\n` });
  expect(await t8s('down', '--data-dir', dataDir('a'))).toMatchObject({
    code: 0,
    stdout: `no cluster runs in ${dataDir('a')}\n`,
  });
});
