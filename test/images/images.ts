/** The images that tests run, made from what is on this machine, with no network. */
import { execFile } from 'node:child_process';
import { lstat, readFile, realpath, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { assembleImage, assembleLayer, type Image, type LayerEntry } from '#kubelet/runtime/images/oci.js';
import { hostArchitecture } from '#kubelet/runtime/images/pause.js';

const run = promisify(execFile);

export const busyboxReference = 'registry.t8s.local/busybox:1';
export const healthAppReference = 'registry.t8s.local/health-app:1';

const accounts: LayerEntry[] = [
  { path: 'etc', type: 'directory' },
  {
    path: 'etc/passwd',
    content: Buffer.from('root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n'),
  },
  { path: 'etc/group', content: Buffer.from('root:x:0:\nnogroup:x:65534:\n') },
  { path: 'root', type: 'directory', mode: 0o700 },
  { path: 'tmp', type: 'directory', mode: 0o1777 },
];

/** Debian's `busybox-static` with a link for every applet; runs `sh` unless told otherwise. */
export async function busyboxImage(
  names = [busyboxReference],
  start: { Entrypoint?: string[]; Cmd?: string[] } = { Cmd: ['sh'] },
): Promise<Image> {
  const binary = '/bin/busybox';
  await mustBeStatic(binary);
  const { stdout } = await run(binary, ['--list']);
  const applets = stdout.split('\n').filter((name) => name !== '' && name !== 'busybox');
  const layer = await assembleLayer([
    ...accounts,
    { path: 'bin', type: 'directory' },
    await hostFile(binary, 'bin/busybox'),
    ...applets.map((name): LayerEntry => ({ path: `bin/${name}`, type: 'symlink', target: 'busybox' })),
  ]);
  return assembleImage({
    names,
    architecture: hostArchitecture(),
    layers: [layer],
    config: { ...start, Env: ['PATH=/bin'], WorkingDir: '/' },
  });
}

/** The application beside this file on the machine's own node, with the libraries it is linked with, and a shell. */
export async function healthAppImage(options: { names?: string[]; version?: string } = {}): Promise<Image> {
  const node = await realpath(process.execPath);
  const libraries = await librariesOf(node);
  const nodeLayer = await assembleLayer([
    ...accounts,
    ...directoriesOf([...libraries, '/usr/bin/node']),
    ...(await Promise.all(libraries.map((library) => hostFile(library, library.slice(1))))),
    await hostFile(node, 'usr/bin/node'),
  ]);
  const appLayer = await assembleLayer([
    { path: 'bin', type: 'directory' },
    await hostFile('/bin/busybox', 'bin/busybox'),
    ...['sh', 'cat', 'env', 'ls', 'wget', 'sleep', 'kill', 'ps'].map(
      (name): LayerEntry => ({ path: `bin/${name}`, type: 'symlink', target: 'busybox' }),
    ),
    { path: 'app', type: 'directory' },
    { path: 'app/main.mjs', content: await readFile(new URL('./health-app.mjs', import.meta.url)) },
  ]);
  return assembleImage({
    names: options.names ?? [healthAppReference],
    architecture: hostArchitecture(),
    layers: [nodeLayer, appLayer],
    config: {
      Entrypoint: ['/usr/bin/node', '/app/main.mjs'],
      Env: ['PATH=/usr/bin:/bin', `APP_VERSION=${options.version ?? '1.0.0'}`],
      WorkingDir: '/app',
      ExposedPorts: { '3000/tcp': {} },
    },
  });
}

/** As ldd prints them: `name => path (address)`, or `path (address)` for the loader. */
async function librariesOf(binary: string): Promise<string[]> {
  const { stdout } = await run('ldd', [binary]);
  const paths = stdout.split('\n').flatMap((line) => line.match(/(?:=>\s*|^\s*)(\/\S+) \(0x/)?.[1] ?? []);
  if (paths.length === 0) throw new Error(`ldd shows no libraries of ${binary}: ${stdout}`);
  return [...new Set(paths)];
}

function directoriesOf(files: readonly string[]): LayerEntry[] {
  const directories = new Set<string>();
  for (const file of files) {
    const parts = file.split('/').slice(1, -1);
    for (let depth = 1; depth <= parts.length; depth++) directories.add(parts.slice(0, depth).join('/'));
  }
  return [...directories].sort().map((path) => ({ path, type: 'directory' }));
}

async function hostFile(hostPath: string, path: string): Promise<LayerEntry> {
  const real = await realpath(hostPath);
  return { path, mode: 0o755, content: { hostPath: real, size: (await stat(real)).size } };
}

async function mustBeStatic(binary: string): Promise<void> {
  await lstat(binary);
  const linked = await run('ldd', [binary]).then(
    () => true,
    () => false,
  );
  if (linked) throw new Error(`${binary} is not static; install busybox-static`);
}
