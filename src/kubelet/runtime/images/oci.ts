/**
 * Assembling container images as the OCI image specification describes them: layers are tar files, a config names
 * their digests, a manifest names config and layers. The same input gives the same bytes.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { type Pack, pack } from 'tar-stream';

export const mediaTypes = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
  layerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
} as const;

export interface Descriptor {
  mediaType: string;
  /** `sha256:` and 64 hexadecimal digits. */
  digest: string;
  size: number;
  annotations?: Record<string, string>;
  platform?: { os: string; architecture: string; variant?: string };
}

/** Content that can be read more than once. */
export interface Blob extends Descriptor {
  open(): Readable;
}

export interface Layer {
  blob: Blob;
  /** The digest of the layer's tar file without compression. */
  diffId: string;
}

export interface Image {
  /** References, as `registry/repository:tag`. */
  names: string[];
  target: Blob;
  /** All that `target` refers to, what is referred to first. */
  blobs: Blob[];
  /** By digest of a manifest or index: the digests it refers to. The image store keeps those alive. */
  references: Map<string, string[]>;
}

export interface LayerEntry {
  /** Relative to the root, without a slash at either end. */
  path: string;
  mode?: number;
  type?: 'file' | 'directory' | 'symlink';
  /** Of a file: its bytes, or a file on this machine. */
  content?: Uint8Array | { hostPath: string; size: number };
  /** Of a symbolic link. */
  target?: string;
}

export interface ImageConfig {
  Entrypoint?: string[];
  Cmd?: string[];
  Env?: string[];
  User?: string;
  WorkingDir?: string;
  StopSignal?: string;
  ExposedPorts?: Record<string, object>;
  Labels?: Record<string, string>;
}

/** Reads every entry once, to learn the digest; the blob's `open` writes the tar file again. */
export async function assembleLayer(entries: readonly LayerEntry[]): Promise<Layer> {
  const open = () => writeLayer(entries);
  const { digest, size } = await digestOf(open());
  return { blob: { mediaType: mediaTypes.layer, digest, size, open }, diffId: digest };
}

export function assembleImage(parts: {
  names: string[];
  architecture: string;
  layers: readonly Layer[];
  config: ImageConfig;
}): Image {
  const config = jsonBlob(mediaTypes.config, {
    architecture: parts.architecture,
    os: 'linux',
    config: parts.config,
    rootfs: { type: 'layers', diff_ids: parts.layers.map((layer) => layer.diffId) },
  });
  const layers = parts.layers.map((layer) => layer.blob);
  return imageOf({ names: parts.names, config, layers });
}

/** Puts a manifest over a config and layers that exist already. */
export function imageOf(parts: { names: string[]; config: Blob; layers: readonly Blob[] }): Image {
  const target = jsonBlob(mediaTypes.manifest, {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: descriptorOf(parts.config),
    layers: parts.layers.map(descriptorOf),
  });
  const blobs = [...parts.layers, parts.config, target];
  return {
    names: parts.names,
    target,
    blobs,
    references: new Map([[target.digest, blobs.slice(0, -1).map((blob) => blob.digest)]]),
  };
}

export function descriptorOf({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}

export function jsonBlob(mediaType: string, value: unknown): Blob {
  return bytesBlob(mediaType, Buffer.from(JSON.stringify(value)));
}

export function bytesBlob(mediaType: string, raw: Buffer): Blob {
  const digest = `sha256:${createHash('sha256').update(raw).digest('hex')}`;
  return { mediaType, digest, size: raw.length, open: () => Readable.from([raw], { objectMode: false }) };
}

export async function digestOf(content: Readable): Promise<{ digest: string; size: number }> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of content as AsyncIterable<Buffer>) {
    hash.update(chunk);
    size += chunk.length;
  }
  return { digest: `sha256:${hash.digest('hex')}`, size };
}

function writeLayer(entries: readonly LayerEntry[]): Readable {
  const out = pack();
  writeEntries(out, entries).then(
    () => out.finalize(),
    (failure) => out.destroy(failure),
  );
  return Readable.from(out as unknown as AsyncIterable<Buffer>, { objectMode: false });
}

async function writeEntries(out: Pack, entries: readonly LayerEntry[]): Promise<void> {
  for (const entry of entries) {
    const type = entry.type ?? 'file';
    const header = {
      name: type === 'directory' ? `${entry.path}/` : entry.path,
      type,
      mode: entry.mode ?? (type === 'directory' ? 0o755 : 0o644),
      mtime: new Date(0),
      uid: 0,
      gid: 0,
      ...(entry.target === undefined ? {} : { linkname: entry.target }),
    };
    await writeEntry(out, header, entry.content);
  }
}

function writeEntry(
  out: Pack,
  header: { name: string; type: 'file' | 'directory' | 'symlink' },
  content: LayerEntry['content'],
): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (failure?: Error | null) => (failure ? reject(failure) : resolve());
    if (header.type !== 'file') out.entry(header, done);
    else if (content === undefined) out.entry(header, Buffer.alloc(0), done);
    else if (content instanceof Uint8Array) out.entry(header, Buffer.from(content), done);
    else {
      const source = createReadStream(content.hostPath, { highWaterMark: 256 * 1024 });
      source.on('error', reject);
      source.pipe(out.entry({ ...header, size: content.size }, done));
    }
  });
}
