/**
 * Removes images that no container uses when the disk that holds them fills up: the longest unused first.
 * https://kubernetes.io/docs/concepts/architecture/garbage-collection/#container-image-lifecycle
 */
import type { KubeletMetrics } from './kubelet-metrics.js';
import type { NodeContext } from './node-context.js';
import { pauseReference } from './runtime/images/pause.js';
import type { ImageInfo } from './runtime/runtime.js';
import type { KubeletSettings } from './settings.js';
import type { FilesystemUsage } from './stats/usage.js';

const checkMs = 300_000;

export interface ImageGarbageOptions {
  nodeName: string;
  context: Pick<NodeContext, 'clock' | 'log' | 'events' | 'runtime' | 'states'> & {
    metrics: Pick<KubeletMetrics, 'countRemovedImage'>;
  };
  settings: Pick<
    KubeletSettings,
    'imageGcHighThreshold' | 'imageGcLowThreshold' | 'minimumImageTtlDuration' | 'maximumImageGcAge'
  >;
  /** Of the file system that has the images; undefined: nobody knows. */
  usage: () => Promise<FilesystemUsage | undefined>;
}

/** Times are monotonic. */
interface Seen {
  firstMs: number;
  /** undefined: never used since we look. */
  usedMs: number | undefined;
}

export class ImageGarbage {
  readonly #options: ImageGarbageOptions;
  /** By image id; those that are gone are forgotten. */
  #seen = new Map<string, Seen>();
  readonly #sinceMs: number;

  constructor(options: ImageGarbageOptions) {
    this.#options = options;
    this.#sinceMs = options.context.clock.monotonic();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options.context;
    let hasFailed = false;
    while (!signal.aborted) {
      try {
        await this.collect();
        hasFailed = false;
      } catch (err) {
        log.warn('image garbage collection failed', { err });
        // Once may be for want of numbers yet.
        if (hasFailed) this.#warn('ImageGCFailed', (err as Error).message);
        hasFailed = true;
      }
      await clock.sleep(checkMs, signal).catch(() => {}); // only an abort rejects, and it ends the loop
    }
  }

  /** Throws where the disk is over the threshold and too little could be freed. */
  async collect(): Promise<void> {
    const { settings, usage } = this.#options;
    const { imageGcHighThreshold: high, imageGcLowThreshold: low } = settings;
    let images = await this.#unused();
    images = await this.#freeOld(images);
    const room = await usage();
    if (!room) return;
    const { capacityBytes: capacity = 0 } = room;
    const available = Math.min(room.availableBytes ?? 0, capacity);
    if (capacity === 0) {
      const message = 'invalid capacity 0 on image filesystem';
      this.#warn('InvalidDiskCapacity', message);
      throw new Error(message);
    }
    const used = 100 - Math.trunc((available * 100) / capacity);
    if (used < high) return;
    const wanted = Math.trunc((capacity * (100 - low)) / 100) - available;
    const freed = await this.#free(images, wanted);
    if (freed >= wanted) return;
    const message =
      `Insufficient free disk space on the node's image filesystem (${used}% of ${sizeText(capacity)} used). ` +
      `Failed to free sufficient space by deleting unused images (freed ${freed} bytes). ` +
      'Investigate disk usage, as it could be used by active images, logs, volumes, or other data.';
    this.#warn('FreeDiskSpaceFailed', message);
    throw new Error(message);
  }

  /** All that nobody uses and that were not just pulled. */
  async removeUnused(): Promise<void> {
    await this.#free(await this.#unused(), Number.POSITIVE_INFINITY);
  }

  /** In the order in which they are to go. */
  async #unused(): Promise<ImageInfo[]> {
    const { runtime, states, clock } = this.#options.context;
    const images = await runtime.images();
    const nowMs = clock.monotonic();
    const inUse = new Set(states.uids().flatMap((uid) => states.of(uid).containers.map(({ imageId }) => imageId)));
    const before = this.#seen;
    this.#seen = new Map(
      images.map(({ id }) => {
        const { firstMs, usedMs } = before.get(id) ?? { firstMs: nowMs, usedMs: undefined };
        return [id, { firstMs, usedMs: inUse.has(id) ? nowMs : usedMs }];
      }),
    );
    const usedMs = (id: string) => this.#seen.get(id)!.usedMs ?? Number.NEGATIVE_INFINITY;
    return images
      .filter(({ id, tags, isPinned }) => !inUse.has(id) && !isPinned && !tags.includes(pauseReference))
      .sort((a, b) => compare(usedMs(a.id), usedMs(b.id)) || this.#firstMs(a) - this.#firstMs(b));
  }

  #firstMs({ id }: ImageInfo): number {
    return this.#seen.get(id)!.firstMs;
  }

  async #freeOld(images: ImageInfo[]): Promise<ImageInfo[]> {
    const { maximumImageGcAge: ageMs } = this.#options.settings;
    const nowMs = this.#options.context.clock.monotonic();
    if (ageMs === 0 || nowMs - this.#sinceMs <= ageMs) return images;
    const isOld = ({ id }: ImageInfo) => nowMs - (this.#seen.get(id)!.usedMs ?? Number.NEGATIVE_INFINITY) > ageMs;
    for (const image of images.filter(isOld)) await this.#remove(image, 'age');
    return images.filter((image) => !isOld(image));
  }

  /** Gives how much was freed. Throws the first failure, after all else was done. */
  async #free(images: readonly ImageInfo[], wanted: number): Promise<number> {
    const nowMs = this.#options.context.clock.monotonic();
    const failures: unknown[] = [];
    let freed = 0;
    for (const image of images) {
      // It may have been pulled for a container that is about to start.
      if (nowMs - this.#firstMs(image) < this.#options.settings.minimumImageTtlDuration) continue;
      try {
        await this.#remove(image, 'space');
      } catch (error) {
        failures.push(error);
        continue;
      }
      freed += image.sizeBytes;
      if (freed >= wanted) break;
    }
    if (failures.length > 0) throw failures[0];
    return freed;
  }

  async #remove({ id, tags, sizeBytes }: ImageInfo, reason: 'age' | 'space'): Promise<void> {
    const { runtime, log, metrics } = this.#options.context;
    log.info('removing an image that nobody uses', { image: tags[0] ?? id, bytes: sizeBytes });
    await runtime.removeImage(id);
    metrics.countRemovedImage(reason);
  }

  #warn(reason: string, message: string): void {
    const { context, nodeName } = this.#options;
    const about = { kind: 'Node', name: nodeName, uid: nodeName, apiVersion: 'v1' };
    context.events.event(about, { type: 'Warning', reason, message });
  }
}

const compare = (a: number, b: number) => (a < b ? -1 : a > b ? 1 : 0);

function sizeText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(Math.floor(Math.log2(bytes) / 10), units.length);
  return `${(bytes / 1024 ** power).toFixed(1)} ${units[power - 1]}`;
}
