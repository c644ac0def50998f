import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { archiveDocumentBytesMax, readImageArchive, writeImageArchive } from './archive.js';
import { assembleImage, assembleLayer, bytesBlob, digestOf } from './oci.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'archive-'));
});
afterEach(() => rm(directory, { recursive: true }));

async function tarOf(entries: { name: string; content?: Buffer | string; linkname?: string }[]): Promise<Buffer> {
  const out = pack();
  for (const { name, content, linkname } of entries) {
    if (linkname === undefined) out.entry({ name }, content ?? '');
    else out.entry({ name, type: 'symlink', linkname });
  }
  out.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of out) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function sample(name: string, content = Buffer.from('hello')) {
  const layer = await assembleLayer([
    { path: 'd', type: 'directory' },
    { path: 'd/file', content, mode: 0o755 },
    { path: 'link', type: 'symlink', target: 'd/file' },
  ]);
  return assembleImage({ names: [name], architecture: 'amd64', layers: [layer], config: { Cmd: ['x'] } });
}

describe('an image', () => {
  it('has the same digest whenever it is assembled', async () => {
    const [one, two] = [await sample('a'), await sample('b')];
    expect(one.target.digest).toBe(two.target.digest);
    for (const blob of one.blobs) expect(await digestOf(blob.open())).toEqual({ digest: blob.digest, size: blob.size });
  });
});

describe('an image archive', () => {
  it.each([5, archiveDocumentBytesMax + 1])('gives back what was written, a file of %i bytes', async (size) => {
    const image = await sample('docker.io/library/a:1', Buffer.alloc(size, 'z'));
    const file = path.join(directory, 'a.tar');
    await writeImageArchive(file, [image, { ...image, names: ['docker.io/library/b:1'] }]);
    const [read, ...others] = await readImageArchive(file, { directory });
    expect(others).toEqual([]);
    expect(read!.names).toEqual(['docker.io/library/a:1', 'docker.io/library/b:1']);
    expect(read!.target.digest).toBe(image.target.digest);
    expect(read!.blobs.map(({ digest }) => digest).sort()).toEqual(image.blobs.map(({ digest }) => digest).sort());
    for (const blob of read!.blobs) expect((await digestOf(blob.open())).digest).toBe(blob.digest);
  });

  it("is read in docker save's older form too: gzipped, with links between layers, and with tags as users write them", async () => {
    const layer = Buffer.concat(await (await sample('x')).blobs[0]!.open().toArray());
    const config = JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] } });
    const tar = await tarOf([
      { name: 'one/layer.tar', content: layer },
      { name: 'two/layer.tar', linkname: '../one/layer.tar' },
      { name: 'abc.json', content: config },
      {
        name: 'manifest.json',
        content: JSON.stringify([
          { Config: 'abc.json', RepoTags: ['busybox:1'], Layers: ['one/layer.tar', 'two/layer.tar'] },
        ]),
      },
    ]);
    const file = path.join(directory, 'a.tar.gz');
    await writeFile(file, gzipSync(tar));
    const [image] = await readImageArchive(file, { directory });
    expect(image!.names).toEqual(['docker.io/library/busybox:1']);
    const digests = [layer, layer, Buffer.from(config)].map((raw) => bytesBlob('', raw).digest);
    expect(image!.references.get(image!.target.digest)).toEqual(digests);
  });

  it('is refused when a blob is damaged, missing, or nothing has a name', async () => {
    const image = await sample('docker.io/library/a:1');
    const manifest = Buffer.concat(await image.target.open().toArray());
    const index = JSON.stringify({
      manifests: [{ mediaType: image.target.mediaType, digest: image.target.digest, size: 1 }],
    });
    const blobName = `blobs/sha256/${image.target.digest.slice(7)}`;
    const cases = [
      { entries: [{ name: 'index.json', content: index }], why: 'the archive lacks sha256' },
      {
        entries: [
          { name: blobName, content: '{}' },
          { name: 'index.json', content: index },
        ],
        why: 'is damaged',
      },
      {
        entries: [
          { name: blobName, content: manifest },
          { name: 'index.json', content: index },
        ],
        why: 'lacks parts of',
      },
      { entries: [{ name: 'index.json', content: '{"manifests":[]}' }], why: 'no image in the archive has a name' },
      { entries: [{ name: 'other', content: 'x' }], why: 'it is no image archive' },
    ];
    for (const { entries, why } of cases) {
      const file = path.join(directory, 'bad.tar');
      await writeFile(file, await tarOf(entries));
      await expect(readImageArchive(file, { directory })).rejects.toThrow(why);
    }
    await writeFile(
      path.join(directory, 'short.tar'),
      (await tarOf([{ name: 'index.json', content: index }])).subarray(0, 600),
    );
    await expect(readImageArchive(path.join(directory, 'short.tar'), { directory })).rejects.toThrow(/short.tar/);
  });
});
