/** Sees to it that an image is there: pull policy, credentials, back-off, events, and a bound on pulls at once. */
import type { Pod } from '#api/gen/core-v1.js';
import type { Clock } from '#base/clock.js';
import { BackOff } from './back-off.js';
import { formatDuration } from './go-text.js';
import { type ImageReference, parseImage } from './image-reference.js';
import { KubeletError, textOf } from './kubelet-error.js';
import type { ContainerEvents } from './pod-events.js';
import type { AnyContainer } from './pod-state.js';
import type { Credentials } from './registry-credentials.js';
import { type ImageInfo, type Runtime, RuntimeError } from './runtime/runtime.js';

/** Pulls under way at one time, on one node. */
const pullsMax = 5;
const backOffInitialMs = 10_000;
const backOffMaximumMs = 300_000;

export interface PullInput {
  pod: Pod;
  container: AnyContainer;
  events: ContainerEvents;
  /** Asked for only when there is something to pull. */
  credentials: (image: ImageReference) => Promise<Credentials[]>;
  signal: AbortSignal;
}

export interface PresentImage {
  id: string;
  info: ImageInfo | undefined;
}

export class ImagePuller {
  readonly #runtime: Runtime;
  readonly #clock: Clock;
  readonly #backOff: BackOff;
  readonly #waiting: (() => void)[] = [];
  #pulling = 0;

  constructor({ runtime, clock }: { runtime: Runtime; clock: Clock }) {
    this.#runtime = runtime;
    this.#clock = clock;
    this.#backOff = new BackOff({ clock, initialMs: backOffInitialMs, maximumMs: backOffMaximumMs });
  }

  /** Throws KubeletError 'image' whose `waiting` is what the container status shows. */
  async ensure(input: PullInput): Promise<PresentImage> {
    const { pod, container, events } = input;
    const image = container.image ?? '';
    const parsed = this.#parse(image, events);
    const present = await this.#inspect(parsed, input);
    const policy = container.imagePullPolicy ?? 'IfNotPresent';
    if (present && policy !== 'Always') {
      events.normal('Pulled', `Container image "${image}" already present on machine and can be accessed by the pod`);
      return { id: present.id, info: present };
    }
    if (policy === 'Never') {
      const message = `Container image "${image}" is not present with pull policy of Never`;
      events.warning('ErrImageNeverPull', message);
      throw new KubeletError('image', message, { waiting: 'ErrImageNeverPull' });
    }
    const key = backOffKey(pod, image);
    if (this.#backOff.remainingSinceUpdateMs(key) > 0) {
      const message = `Back-off pulling image "${image}"`;
      events.normal('BackOff', message);
      throw new KubeletError('image', message, { waiting: 'ImagePullBackOff' });
    }
    const id = await this.#pull(parsed, input);
    return { id, info: await this.#runtime.image(id) };
  }

  /** Milliseconds until a pull may be tried again; 0 when it may at once. */
  backOffMs(pod: Pod, container: AnyContainer): number {
    return this.#backOff.remainingSinceUpdateMs(backOffKey(pod, container.image ?? ''));
  }

  forget(pod: Pod, container: AnyContainer): void {
    this.#backOff.forget(backOffKey(pod, container.image ?? ''));
  }

  #parse(image: string, events: ContainerEvents): ImageReference {
    try {
      return parseImage(image);
    } catch (error) {
      events.warning('InspectFailed', textOf(error));
      throw error;
    }
  }

  async #inspect({ reference }: ImageReference, { container, events }: PullInput): Promise<ImageInfo | undefined> {
    try {
      return await this.#runtime.image(reference);
    } catch (error) {
      const message = `Failed to inspect image "${container.image}": ${textOf(error)}`;
      events.warning('InspectFailed', message);
      throw new KubeletError('image', message, { waiting: 'ImageInspectError', cause: error });
    }
  }

  async #pull(parsed: ImageReference, input: PullInput): Promise<string> {
    const { pod, container, events, signal } = input;
    const { image = '' } = container;
    events.normal('Pulling', `Pulling image "${image}"`);
    const askedAtMs = this.#clock.monotonic();
    await this.#enter(signal);
    const startedAtMs = this.#clock.monotonic();
    try {
      const id = await this.#pullWithCredentials(parsed, input);
      const endedAtMs = this.#clock.monotonic();
      const took = formatDuration(endedAtMs - startedAtMs);
      const waited = formatDuration(endedAtMs - askedAtMs);
      const sizeBytes = (await this.#runtime.image(id))?.sizeBytes ?? 0;
      const size = `Image size: ${sizeBytes} bytes.`;
      events.normal('Pulled', `Successfully pulled image "${image}" in ${took} (${waited} including waiting). ${size}`);
      this.#backOff.forget(backOffKey(pod, image));
      return id;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const why = textOf(error);
      events.warning('Failed', `Failed to pull image "${image}": ${why}`);
      this.#backOff.increase(backOffKey(pod, image), this.#clock.now());
      if (error instanceof RuntimeError && error.reason === 'registry unavailable') {
        const message = `image pull failed for ${image} because the registry is unavailable: ${why}`;
        throw new KubeletError('image', message, { waiting: 'RegistryUnavailable', cause: error });
      }
      const waiting =
        error instanceof RuntimeError && error.reason === 'invalid image name' ? 'InvalidImageName' : 'ErrImagePull';
      throw new KubeletError('image', why, { waiting, cause: error });
    } finally {
      this.#leave();
    }
  }

  /** Tries each set of credentials in turn, or none when there are none. Throws what the last try gave. */
  async #pullWithCredentials(parsed: ImageReference, input: PullInput): Promise<string> {
    const candidates: (Credentials | undefined)[] = await input.credentials(parsed);
    if (candidates.length === 0) candidates.push(undefined);
    let failure: unknown;
    for (const credentials of candidates) {
      try {
        return await this.#runtime.pullImage({ reference: parsed.reference, credentials, signal: input.signal });
      } catch (error) {
        if (input.signal.aborted) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  async #enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#pulling < pullsMax) {
      this.#pulling++;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const abort = () => {
        this.#waiting.splice(this.#waiting.indexOf(enter), 1);
        reject(signal.reason);
      };
      const enter = () => {
        signal.removeEventListener('abort', abort);
        resolve();
      };
      signal.addEventListener('abort', abort, { once: true });
      this.#waiting.push(enter);
    });
  }

  /** The place goes straight to the next in line. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#pulling--;
  }
}

function backOffKey(pod: Pod, image: string): string {
  return `${pod.metadata.uid}_${image}`;
}
