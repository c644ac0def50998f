import { chmod, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type Access,
  formatKubeconfig,
  KubeconfigError,
  mergeIntoFile,
  mergeKubeconfig,
  parseKubeconfig,
  removeFromKubeconfig,
} from './kubeconfig.js';

const access: Access = {
  server: 'https://127.0.0.1:6443',
  certificateAuthority: 'CA PEM\n',
  clientCertificate: 'CERT PEM\n',
  clientKey: 'KEY PEM\n',
};

const theirs = `# my clusters
apiVersion: v1
kind: Config
preferences: {}
current-context: work # do not touch
clusters:
- name: work
  cluster:
    server: https://work.example:443
    proxy-url: socks5://localhost:1080
    extensions:
    - name: other.tool
      extension: {a: 1}
contexts:
  - context: {cluster: work, user: me}
    name: work
users: []
`;

describe('kubeconfig', () => {
  it('reads back what it writes', async () => {
    const parsed = await parseKubeconfig(formatKubeconfig('t8s', access));
    expect(parsed).toMatchObject({ ...access, insecureSkipTlsVerify: false });
  });

  it('keeps comments, unknown fields and other contexts when merging', async () => {
    const merged = mergeKubeconfig(theirs, { name: 't8s', access });
    for (const kept of ['# my clusters', 'proxy-url: socks5://localhost:1080', 'name: other.tool', 'preferences: {}'])
      expect(merged).toContain(kept);
    expect((await parseKubeconfig(merged)).server).toBe(access.server);
    expect((await parseKubeconfig(merged, { context: 'work' })).server).toBe('https://work.example:443');
    expect(removeFromKubeconfig(merged, 't8s')).not.toContain('6443');
    expect(removeFromKubeconfig(merged, 't8s')).toContain('# my clusters');
  });

  it('replaces its own entry rather than adding a second, and keeps fields added to it, but no other credential', async () => {
    const once = mergeKubeconfig(theirs, { name: 't8s', access: { ...access, token: 'old' } });
    const touched = once.replace(
      'server: https://127.0.0.1:6443',
      'server: https://127.0.0.1:1\n    proxy-url: http://p',
    );
    const twice = mergeKubeconfig(touched, { name: 't8s', access });
    expect(twice.match(/name: t8s/g)).toHaveLength(3);
    expect(twice).toContain('proxy-url: http://p');
    expect(twice).not.toContain('token');
    expect((await parseKubeconfig(twice)).server).toBe(access.server);
  });

  it('refuses what is not a kubeconfig, rather than overwriting it', () => {
    expect(() => mergeKubeconfig('{', { name: 't8s', access })).toThrow(KubeconfigError);
    expect(() => mergeKubeconfig('- a\n', { name: 't8s', access })).toThrow(KubeconfigError);
    expect(() => mergeKubeconfig('clusters: 3\n', { name: 't8s', access })).toThrow(KubeconfigError);
  });

  it('says which context, cluster or way of signing in is missing', async () => {
    await expect(parseKubeconfig('')).rejects.toThrow('no current context');
    await expect(parseKubeconfig(theirs, { context: 'x' })).rejects.toThrow('context "x" does not exist');
    const exec = 'current-context: a\ncontexts: [{name: a, context: {cluster: a, user: a}}]\n';
    const users = 'clusters: [{name: a, cluster: {server: s}}]\nusers: [{name: a, user: {exec: {command: x}}}]\n';
    await expect(parseKubeconfig(exec + users)).rejects.toThrow('signs in by exec');
  });

  describe('on disk', () => {
    let directory: string;
    beforeEach(async () => {
      directory = await mkdtemp(join(tmpdir(), 'kubeconfig-'));
    });
    afterEach(() => rm(directory, { recursive: true }));

    it('makes a private file, and keeps the mode and the link of one that is there', async () => {
      const fresh = join(directory, 'a/config');
      await mergeIntoFile(fresh, { name: 't8s', access });
      expect((await stat(fresh)).mode & 0o777).toBe(0o600);
      const real = join(directory, 'real');
      await writeFile(real, theirs);
      await chmod(real, 0o640);
      await symlink(real, join(directory, 'link'));
      await mergeIntoFile(join(directory, 'link'), { name: 't8s', access });
      expect((await stat(real)).mode & 0o777).toBe(0o640);
      expect(await readFile(real, 'utf8')).toContain('6443');
    });
  });
});
