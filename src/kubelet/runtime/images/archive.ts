/**
 * Image archives: written as an OCI image layout in a tar file, read in that form and in `docker save`'s. Reading
 * streams: only small entries are held, the others are unpacked to a directory the caller names.
 */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract, pack } from 'tar-stream';
import { type Blob, bytesBlob, type Descriptor, descriptorOf, type Image, imageOf, mediaTypes } from './oci.js';
import { normalizeReference } from './reference.js';

/** Manifests, indexes and configs must be no larger; layers may. */
export const archiveDocumentBytesMax = 4 * 1024 * 1024;
/** Of one archive. */
export const archiveEntriesMax = 10_000;

export class ImageArchiveError extends Error {
  override readonly name = 'ImageArchiveError';
}

const refNameAnnotation = 'org.opencontainers.image.ref.name';
const containerdNameAnnotation = 'io.containerd.image.name';

/** Writes images that share one file; whoever reads it finds them by name. */
export async function writeImageArchive(file: string, images: readonly Image[]): Promise<void> {
  const out = pack();
  const writing = pipeline(out, createWriteStream(file));
  const add = (name: string, blob: Blob) =>
    pipeline(blob.open(), out.entry({ name, size: blob.size, mtime: new Date(0) }));
  const blobs = new Map(images.flatMap((image) => image.blobs).map((blob) => [blob.digest, blob]));
  await add('oci-layout', bytesBlob('', Buffer.from('{"imageLayoutVersion":"1.0.0"}')));
  for (const blob of blobs.values()) await add(`blobs/${blob.digest.replace(':', '/')}`, blob);
  const manifests = images.flatMap((image) =>
    image.names.map((name) => ({
      ...descriptorOf(image.target),
      annotations: { [containerdNameAnnotation]: name, [refNameAnnotation]: name },
    })),
  );
  const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests };
  await add('index.json', bytesBlob(mediaTypes.index, Buffer.from(JSON.stringify(index))));
  out.finalize();
  await writing;
}

/**
 * Reads every image of an archive, gzipped or not. Large entries are written into `directory`, which must stay until
 * the images have been imported. Throws ImageArchiveError for what is not such an archive.
 */
export async function readImageArchive(file: string, { directory }: { directory: string }): Promise<Image[]> {
  const entries = await unpack(file, directory);
  if (entries.has('index.json')) return readLayout(entries);
  if (entries.has('manifest.json')) return readDockerArchive(entries);
  throw new ImageArchiveError(`${file} holds neither index.json nor manifest.json, so it is no image archive`);
}

interface Entry {
  digest: string;
  size: number;
  /** Present when small. */
  bytes?: Buffer;
  open(): Readable;
}

async function unpack(file: string, directory: string): Promise<Map<string, Entry>> {
  const entries = new Map<string, Entry>();
  const links = new Map<string, string>();
  const reader = extract();
  const gunzip = (await isGzip(file)) ? createGunzip() : new PassThrough();
  const reading = pipeline(createReadStream(file), gunzip, reader).catch((failure) => {
    if (failure instanceof ImageArchiveError) throw failure;
    throw new ImageArchiveError(`${file}: ${failure.message}`, { cause: failure });
  });
  const taking = (async () => {
    for await (const entry of reader) {
      const name = path.posix.normalize(entry.header.name);
      if (entries.size + links.size >= archiveEntriesMax) throw new ImageArchiveError(`${file} has too many entries`);
      if (entry.header.type === 'file') entries.set(name, await keep(entry, directory, entries.size));
      else {
        // Older archives share layers by links between directories.
        if (entry.header.type === 'symlink') {
          links.set(name, path.posix.join(path.posix.dirname(name), entry.header.linkname ?? ''));
        } else if (entry.header.type === 'link') links.set(name, path.posix.normalize(entry.header.linkname ?? ''));
        entry.resume();
      }
    }
  })();
  const [read] = await Promise.allSettled([reading, taking.catch((failure) => reader.destroy(failure))]);
  if (read.status === 'rejected') throw read.reason;
  for (const [name, target] of links) {
    const entry = entries.get(target);
    if (entry) entries.set(name, entry);
  }
  return entries;
}

async function keep(
  entry: AsyncIterable<unknown> & { header: { size?: number } },
  directory: string,
  index: number,
): Promise<Entry> {
  const hash = createHash('sha256');
  let size = 0;
  if ((entry.header.size ?? 0) <= archiveDocumentBytesMax) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    const bytes = Buffer.concat(chunks);
    const { digest, open: openBytes } = bytesBlob('', bytes);
    return { digest, size: bytes.length, bytes, open: openBytes };
  }
  const spool = path.join(directory, `entry-${index}`);
  await pipeline(
    entry as AsyncIterable<Buffer>,
    async function* (source: AsyncIterable<Buffer>) {
      for await (const chunk of source) {
        hash.update(chunk);
        size += chunk.length;
        yield chunk;
      }
    },
    createWriteStream(spool),
  );
  return { digest: `sha256:${hash.digest('hex')}`, size, open: () => createReadStream(spool) };
}

interface Document {
  mediaType?: string;
  manifests?: Descriptor[];
  config?: Descriptor;
  layers?: Descriptor[];
}

/** https://github.com/opencontainers/image-spec/blob/main/image-layout.md */
function readLayout(entries: Map<string, Entry>): Image[] {
  const byTarget = new Map<string, Image>();
  const index = documentOf(entries, 'index.json');
  for (const descriptor of index.manifests ?? []) {
    const refName = descriptor.annotations?.[refNameAnnotation];
    // Some tools write only the tag there, which names nothing.
    const name = descriptor.annotations?.[containerdNameAnnotation] ?? (refName?.match(/[:/]/) ? refName : undefined);
    let image = byTarget.get(descriptor.digest);
    if (!image) {
      image = { names: [], target: blobOf(entries, descriptor), blobs: [], references: new Map() };
      collect(entries, descriptor, image);
      byTarget.set(descriptor.digest, image);
    }
    if (name) image.names.push(normalizeReference(name));
  }
  return withNames([...byTarget.values()]);
}

/** Adds what the descriptor refers to, then itself. Of an index, only the platforms that are in the archive. */
function collect(entries: Map<string, Entry>, descriptor: Descriptor, image: Image): void {
  if (image.blobs.some(({ digest }) => digest === descriptor.digest)) return;
  const isDocument = /manifest|index/.test(descriptor.mediaType);
  if (isDocument) {
    const document = documentOf(entries, blobPath(descriptor.digest));
    const children = document.manifests ?? [...(document.layers ?? []), ...(document.config ? [document.config] : [])];
    const present = children.filter(({ digest }) => entries.has(blobPath(digest)));
    if (!document.manifests && present.length < children.length) {
      throw new ImageArchiveError(`the archive lacks parts of ${descriptor.digest}`);
    }
    for (const child of present) collect(entries, child, image);
    image.references.set(
      descriptor.digest,
      present.map(({ digest }) => digest),
    );
  }
  image.blobs.push(blobOf(entries, descriptor));
}

interface DockerManifest {
  Config: string;
  RepoTags: string[] | null;
  Layers: string[];
}

/** What `docker save` wrote before it wrote OCI layouts: a config and layers by path, and no manifest. */
function readDockerArchive(entries: Map<string, Entry>): Image[] {
  const manifests = parse<DockerManifest[]>(entries, 'manifest.json');
  const part = (name: string, mediaType: string): Blob => {
    const entry = entries.get(path.posix.normalize(name));
    if (!entry) throw new ImageArchiveError(`the archive lacks ${name}`);
    return { mediaType, digest: entry.digest, size: entry.size, open: entry.open };
  };
  return withNames(
    manifests.map(({ Config, RepoTags, Layers }) =>
      imageOf({
        names: (RepoTags ?? []).map(normalizeReference),
        config: part(Config, mediaTypes.config),
        layers: Layers.map((layer) => part(layer, mediaTypes.layer)),
      }),
    ),
  );
}

function withNames(images: Image[]): Image[] {
  const named = images.filter(({ names }) => names.length > 0);
  if (named.length === 0) throw new ImageArchiveError('no image in the archive has a name');
  return named;
}

function blobPath(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`;
}

function blobOf(entries: Map<string, Entry>, descriptor: Descriptor): Blob {
  const entry = entries.get(blobPath(descriptor.digest));
  if (!entry) throw new ImageArchiveError(`the archive lacks ${descriptor.digest}`);
  if (entry.digest !== descriptor.digest) {
    throw new ImageArchiveError(`${descriptor.digest} is damaged: its content is ${entry.digest}`);
  }
  return { ...descriptorOf(descriptor), size: entry.size, open: entry.open };
}

function documentOf(entries: Map<string, Entry>, name: string): Document {
  return parse<Document>(entries, name);
}

function parse<T>(entries: Map<string, Entry>, name: string): T {
  const bytes = entries.get(name)?.bytes;
  if (!bytes) throw new ImageArchiveError(`${name} is missing or too large`);
  try {
    return JSON.parse(bytes.toString('utf8')) as T;
  } catch (failure) {
    throw new ImageArchiveError(`${name} is not JSON`, { cause: failure });
  }
}

async function isGzip(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0);
    if (bytesRead === 4 && buffer.readUInt32LE(0) === 0xfd2fb528) {
      throw new ImageArchiveError(`${file} is compressed by zstd, which is not supported; decompress it first`);
    }
    return bytesRead >= 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
  } finally {
    await handle.close();
  }
}
