import { X509Certificate } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, connect as tlsConnect } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SystemClock, VirtualClock } from '#base/clock.js';
import { SystemPrng } from '#base/prng.js';
import { identities, openPki, PkiError, type PkiOptions } from './pki.js';

const day = 24 * 3600 * 1000;
let directory: string;
let clock: VirtualClock;

beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), 'pki-')), 'pki');
  clock = new VirtualClock();
});
afterEach(() => rm(join(directory, '..'), { recursive: true }));

const open = (extra: Partial<PkiOptions> = {}) => openPki({ directory, clock, prng: new SystemPrng(), ...extra });
const read = (file: string) => readFile(join(directory, file), 'utf8');

describe('openPki', () => {
  it('makes kubeadm’s files, keys readable by their owner alone', async () => {
    const pki = await open();
    await pki.clientCertificate('admin', identities.admin);
    const modes: Record<string, number> = {};
    for (const file of await readdir(directory)) modes[file] = (await stat(join(directory, file))).mode & 0o777;
    const [secret, open_] = [0o600, 0o644];
    expect(modes).toEqual({
      'admin.crt': open_,
      'admin.key': secret,
      'apiserver.crt': open_,
      'apiserver.key': secret,
      'ca.crt': open_,
      'ca.key': secret,
      'front-proxy-ca.crt': open_,
      'front-proxy-ca.key': secret,
      'sa.key': secret,
      'sa.pub': open_,
    });
  });

  it('uses again what is there', async () => {
    const first = await open();
    const admin = await first.clientCertificate('admin', identities.admin);
    await clock.advance(300 * day);
    const second = await open();
    expect(second.server).toEqual(first.server);
    expect(second.ca).toBe(first.ca);
    expect(second.serviceAccountKey.equals(first.serviceAccountKey)).toBe(true);
    expect(await second.clientCertificate('admin', identities.admin)).toEqual(admin);
  });

  it('issues the server certificate again when a name is new or it runs out, from the same authority', async () => {
    const first = await open();
    const renamed = await open({ serverNames: ['box', '192.0.2.7'] });
    expect(renamed.server.certificate).not.toBe(first.server.certificate);
    expect(new X509Certificate(renamed.server.certificate).checkHost('box')).toBe('box');
    expect(new X509Certificate(renamed.server.certificate).checkIP('192.0.2.7')).toBe('192.0.2.7');
    expect((await open()).server).toEqual(renamed.server);
    await clock.advance(340 * day);
    const renewed = await open();
    expect(renewed.server.certificate).not.toBe(renamed.server.certificate);
    expect(renewed.ca).toBe(first.ca);
  });

  it('renews an authority near its end with its key, so that old certificates hold', async () => {
    const first = await open();
    await clock.advance(3400 * day);
    const second = await open();
    expect(second.ca).not.toBe(first.ca);
    expect(new X509Certificate(first.server.certificate).checkIssued(new X509Certificate(second.ca))).toBe(true);
    expect(new X509Certificate(first.server.certificate).verify(new X509Certificate(second.ca).publicKey)).toBe(true);
  });

  it('mends a pair that a crash left half written', async () => {
    const first = await open();
    const other = await first.clientCertificate('other', { commonName: 'other' });
    await writeFile(join(directory, 'apiserver.key'), other.key);
    const { server } = await open();
    expect(server.certificate).not.toBe(first.server.certificate);
    await rm(join(directory, 'ca.crt'));
    expect(new X509Certificate(server.certificate).verify(new X509Certificate((await open()).ca).publicKey)).toBe(true);
  });

  it('names the file that is corrupt and changes nothing', async () => {
    await open();
    await writeFile(join(directory, 'ca.key'), 'rubbish');
    const before = await read('apiserver.crt');
    await expect(open()).rejects.toThrow(PkiError);
    await expect(open()).rejects.toThrow(/ca\.key does not hold a private key/);
    await rm(join(directory, 'ca.key'));
    await expect(open()).rejects.toThrow(/ca\.crt has no ca\.key/);
    expect(await read('apiserver.crt')).toBe(before);
  });

  it('makes certificates that TLS accepts both ways', async () => {
    const pki = await openPki({ directory, clock: new SystemClock(), prng: new SystemPrng() });
    const client = await pki.clientCertificate('node', identities.node('n1'));
    const server = createServer({
      cert: pki.server.certificate,
      key: pki.server.key,
      ca: pki.ca,
      requestCert: true,
      rejectUnauthorized: true,
    });
    const seen = new Promise<unknown>((resolve, reject) => {
      server.on('secureConnection', (socket) => resolve(socket.getPeerCertificate().subject));
      server.on('tlsClientError', reject);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const socket = tlsConnect({
      port,
      host: '127.0.0.1',
      servername: 'kubernetes.default.svc.cluster.local',
      ca: pki.ca,
      cert: client.certificate,
      key: client.key,
    });
    await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    expect({ ...((await seen) as object) }).toEqual({ O: 'system:nodes', CN: 'system:node:n1' });
    socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
});
