import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SystemClock } from '#base/clock.js';
import { silentLog } from '#base/log.js';
import { networkConfigList, writeNetworkConfig } from '../cni.js';
import { containerdConfig } from './config.js';
import { containerdPaths, startContainerd } from './daemon.js';
import { nameProcess } from './processes.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'daemon-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe('the configuration of containerd', () => {
  it('is all under the data directory, unless a socket path would be too long', () => {
    expect(containerdPaths('/var/lib/t8s')).toMatchObject({
      root: '/var/lib/t8s/containerd/root',
      state: '/var/lib/t8s/containerd/state',
      socket: '/var/lib/t8s/containerd/containerd.sock',
    });
    const long = containerdPaths(`/${'d'.repeat(90)}`);
    expect(long.socket).toMatch(/^\/run\/t8s-[0-9a-f]{12}\/containerd\.sock$/);
    expect(long.state).toMatch(/^\/run\/t8s-[0-9a-f]{12}\/state$/);
    expect(long.socket).not.toBe(containerdPaths(`/${'e'.repeat(90)}`).socket);
  });

  it('says what was asked for', () => {
    const text = containerdConfig({
      paths: containerdPaths('/data "x"'),
      snapshotter: 'native',
      sandboxImage: 'pause:1',
      restrictOomScoreAdj: true,
    });
    expect(text).toContain('restrict_oom_score_adj = true');
    expect(text).toContain('snapshotter = "native"');
    expect(text).toContain('sandbox_image = "pause:1"');
    expect(text).toContain('root = "/data \\"x\\"/containerd/root"');
  });
});

describe('starting containerd', () => {
  const options = () => ({
    dataDirectory: directory,
    sandboxImage: 'pause:1',
    clock: new SystemClock(),
    log: silentLog,
  });

  beforeEach(async () => {
    // The choice is kept in a file; with it no mount is tried, so no privilege is needed.
    const { mkdir } = await import('node:fs/promises');
    await mkdir(path.join(directory, 'containerd'));
    await writeFile(path.join(directory, 'containerd', 'snapshotter'), 'native');
  });

  it('says when it is not installed', async () => {
    await expect(startContainerd({ ...options(), binary: '/no/such/containerd' })).rejects.toMatchObject({
      reason: 'not ready',
      message: expect.stringContaining('install containerd'),
    });
  });

  it('gives the end of its log when it ends at once', async () => {
    const binary = path.join(directory, 'broken');
    await writeFile(binary, '#!/bin/sh\necho the reason >&2\nexit 1\n', { mode: 0o755 });
    await expect(startContainerd({ ...options(), binary })).rejects.toMatchObject({
      reason: 'not ready',
      message: expect.stringContaining('the reason'),
    });
  });
});

describe('a process', () => {
  it('is named by its id and its start', async () => {
    const name = await nameProcess(process.pid);
    expect(name).toMatchObject({ pid: process.pid, startTicks: expect.stringMatching(/^\d+$/) });
    expect(await nameProcess(2 ** 22 + 1)).toBeUndefined();
  });
});

describe('the network configuration', () => {
  it('makes a bridge that is a gateway, allows hairpins, and masquerades nothing', async () => {
    const network = { bridge: 't8s0', podCidrs: ['10.0.0.0/24', 'fd00::/64'], addressDirectory: '/a', mtu: 1400 };
    expect(networkConfigList(network)).toMatchObject({
      plugins: [
        {
          type: 'bridge',
          bridge: 't8s0',
          isGateway: true,
          ipMasq: false,
          hairpinMode: true,
          mtu: 1400,
          ipam: { dataDir: '/a', ranges: [[{ subnet: '10.0.0.0/24' }], [{ subnet: 'fd00::/64' }]] },
        },
      ],
    });
    await writeNetworkConfig(path.join(directory, 'cni'), network);
    const written = await readFile(path.join(directory, 'cni', '10-t8s.conflist'), 'utf8');
    expect(JSON.parse(written)).toEqual(networkConfigList(network));
  });
});
