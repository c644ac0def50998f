/**
 * Putting an image into containerd without a registry: its blobs into the content store, then one record per name.
 * CRI hears of the records and adopts them; layers are unpacked when the first container asks for them.
 */
import type { Clock } from '#base/clock.js';
import { type Channel, GrpcError } from '#base/grpc/channel.js';
import type { Log } from '#base/log.js';
import { type Prng, uuid } from '#base/prng.js';
import type { Blob, Image } from '../images/oci.js';
import { RuntimeError } from '../runtime.js';
import { contentService, criNamespace, imagesService, leasesService, writeAction } from './content.js';
import { imageService } from './cri.js';

export interface ImportOptions {
  channel: Channel;
  clock: Clock;
  prng: Prng;
  log: Log;
}

const metadata = criNamespace;
/** Of one message; containerd takes up to 16 MiB. */
const chunkBytesMax = 1024 * 1024;
const adoptTimeoutMs = 10_000;

/** Gives the image's id once CRI knows it under every name. Throws RuntimeError. */
export async function importImage(image: Image, options: ImportOptions): Promise<string> {
  const { channel } = options;
  // Without a lease the collector may take blobs that nothing refers to yet; it ends by itself if we do not.
  const lease = `t8s-import-${uuid(options.prng)}`;
  const expires = new Date(options.clock.now() + 3600_000).toISOString();
  await channel.unary(
    leasesService.create,
    { id: lease, labels: { 'containerd.io/gc.expire': expires } },
    { metadata },
  );
  const leased = { ...metadata, 'containerd-lease': lease };
  try {
    for (const blob of image.blobs) await writeBlob(blob, image.references.get(blob.digest) ?? [], leased, options);
    for (const name of image.names) await nameImage(name, image.target, leased, channel);
    return await untilAdopted(image, options);
  } finally {
    await channel.unary(leasesService.delete, { id: lease }, { metadata }).catch((failure) => {
      options.log.warn('A lease on imported content stays until it expires', { lease, err: failure });
    });
  }
}

async function writeBlob(
  blob: Blob,
  references: readonly string[],
  leased: Record<string, string>,
  { channel, prng }: ImportOptions,
): Promise<void> {
  const labels = Object.fromEntries(
    references.map((digest, index) => [`containerd.io/gc.ref.content.${index}`, digest]),
  );
  if (await hasBlob(blob, channel)) {
    if (references.length > 0) {
      await channel.unary(
        contentService.update,
        {
          info: { digest: blob.digest, labels },
          updateMask: { paths: Object.keys(labels).map((key) => `labels.${key}`) },
        },
        { metadata: leased },
      );
    }
    return;
  }
  // A ref of its own: one that another import left half written would be continued.
  const ref = `t8s-${uuid(prng)}-${blob.digest}`;
  try {
    await sendBlob(blob, { ref, labels, leased, channel });
  } catch (failure) {
    // What was written meanwhile by someone else is as good.
    if (failure instanceof GrpcError && failure.code === 'AlreadyExists') return;
    await channel.unary(contentService.abort, { ref }, { metadata }).catch(() => {});
    throw failure;
  }
}

async function sendBlob(
  blob: Blob,
  to: { ref: string; labels: Record<string, string>; leased: Record<string, string>; channel: Channel },
): Promise<void> {
  const { ref, labels } = to;
  const call = to.channel.stream(contentService.write, { metadata: to.leased });
  const send = async (request: Parameters<typeof call.send>[0]) => {
    // A refusal is told by the responses; the write itself then only says that the stream is gone.
    await call.send(request).catch(() => {});
    const { done } = await call.responses.next();
    if (done) throw new RuntimeError('failed', `containerd stopped taking ${blob.digest}`);
  };
  let offset = 0;
  for await (const piece of blob.open() as AsyncIterable<Buffer>) {
    for (let at = 0; at < piece.length; at += chunkBytesMax) {
      const data = piece.subarray(at, at + chunkBytesMax);
      await send({ action: writeAction.write, ref, offset, total: blob.size, expected: blob.digest, data });
      offset += data.length;
    }
  }
  await send({ action: writeAction.commit, ref, offset, total: blob.size, expected: blob.digest, labels });
  call.end();
  await call.responses.return?.();
}

async function hasBlob(blob: Blob, channel: Channel): Promise<boolean> {
  try {
    await channel.unary(contentService.info, { digest: blob.digest }, { metadata });
    return true;
  } catch (failure) {
    if (failure instanceof GrpcError && failure.code === 'NotFound') return false;
    throw failure;
  }
}

/** The name moves to this image if another had it. */
async function nameImage(name: string, target: Blob, leased: Record<string, string>, channel: Channel): Promise<void> {
  const image = { name, target: { mediaType: target.mediaType, digest: target.digest, size: target.size } };
  try {
    await channel.unary(imagesService.create, { image }, { metadata: leased });
  } catch (failure) {
    if (!(failure instanceof GrpcError) || failure.code !== 'AlreadyExists') throw failure;
    await channel.unary(imagesService.update, { image }, { metadata: leased });
  }
}

/** CRI takes images in from containerd's events, a moment later. */
async function untilAdopted(image: Image, { channel, clock }: ImportOptions): Promise<string> {
  const deadlineMs = clock.monotonic() + adoptTimeoutMs;
  let id = '';
  for (const name of image.names) {
    for (;;) {
      const { image: found } = await channel.unary(imageService.imageStatus, { image: { image: name } });
      if (found?.repoTags.includes(name)) {
        id = found.id;
        break;
      }
      if (clock.monotonic() >= deadlineMs) throw new RuntimeError('failed', `containerd does not show ${name}`);
      await clock.sleep(5);
    }
  }
  return id;
}
