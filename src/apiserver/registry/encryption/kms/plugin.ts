/**
 * One KMS plugin, which keeps the key that our keys are encrypted with: how well it is, which key it uses, and the seed of
 * our own that values are sealed with until it changes that key.
 * https://kubernetes.io/docs/tasks/administer-cluster/kms-provider/#understanding-the-kms-plugin
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { formatTime } from '#apimachinery/object.js';
import type { Clock } from '#base/clock.js';
import { Channel } from '#base/grpc/channel.js';
import type { Log } from '#base/log.js';
import { type Annotations, decrypt, encrypt, sourceTypes, status } from './messages.js';
import { type DataCipher, seedBytes, seedCipher } from './seed.js';

export interface KmsPluginOptions {
  name: string;
  socketPath: string;
  timeoutMs: number;
  clock: Clock;
  log: Log;
  /** Ends the asking after its state. */
  signal: AbortSignal;
}

/** How a key of ours was encrypted by the plugin: enough to have it decrypted again. */
export interface WrappedKey {
  type: number;
  source: Uint8Array;
  keyId: string;
  annotations: Annotations;
}

interface Sealing {
  cipher: DataCipher;
  wrapped: WrappedKey;
  /** After this nothing is written with it, unless the plugin was heard of meanwhile. */
  untilMs: number;
}

const healthyIntervalMs = 60_000;
const unhealthyIntervalMs = 10_000;
const sealingMs = 3 * 60_000;
/** Answers of health checks hold so long. */
const healthyMs = 20_000;
const unhealthyMs = 3_000;

export const limits = { keyIdBytes: 1024, sourceBytes: 1024, annotationsBytes: 32 * 1024 };

export class KmsPlugin {
  readonly name: string;
  readonly timeoutMs: number;
  readonly #options: KmsPluginOptions;
  readonly #channel: Channel;
  #sealing: Sealing | undefined;
  #version: string | undefined;
  #checked: { problem: string | undefined; untilMs: number } | undefined;

  constructor(options: KmsPluginOptions) {
    this.name = options.name;
    this.timeoutMs = options.timeoutMs;
    this.#options = options;
    this.#channel = new Channel(options);
    options.signal.addEventListener('abort', () => this.#channel.close(), { once: true });
  }

  /** Asks once, and then again and again until the signal aborts. A plugin that does not answer yet is no error. */
  async start(): Promise<void> {
    const { clock, log, signal } = this.#options;
    let problem = await this.#check();
    if (problem) log.error('a KMS plugin is not healthy', { plugin: this.name, problem });
    const follow = async () => {
      for (;;) {
        await clock.sleep(problem ? unhealthyIntervalMs : healthyIntervalMs, signal);
        problem = await this.#check();
        if (problem && !signal.aborted) log.error('a KMS plugin is not healthy', { plugin: this.name, problem });
      }
    };
    void follow().catch((error: unknown) => {
      if (!signal.aborted) log.error('the asking after a KMS plugin ended by a bug', { err: error });
    });
  }

  /** For health checks. Throws Error when it is not well. */
  async check(): Promise<void> {
    const now = this.#options.clock.monotonic();
    if (!this.#checked || now > this.#checked.untilMs) await this.#check();
    if (this.#checked?.problem) throw new Error(this.#checked.problem);
  }

  /** What values are sealed with now, and how the key for it lies beside them. Throws Error when nothing may be written. */
  get sealing(): Omit<Sealing, 'untilMs'> {
    const sealing = this.#sealing;
    if (!sealing) throw new Error('got unexpected nil transformer');
    const nowMs = this.#options.clock.now();
    if (nowMs > sealing.untilMs) {
      const [until, now] = [sealing.untilMs, nowMs].map(formatTime);
      throw new Error(
        `encryptedDEKSource with keyID hash "${hashOf(sealing.wrapped.keyId)}" expired at ${until} (current time is ${now})`,
      );
    }
    return sealing;
  }

  /** The key of now, where there is one: what is sealed with another is to be written again. */
  get current(): WrappedKey | undefined {
    return this.#sealing?.wrapped;
  }

  /** Throws Error. */
  async unwrap({ source, keyId, annotations }: WrappedKey): Promise<Uint8Array> {
    const { timeoutMs } = this.#options;
    const request = { ciphertext: source, uid: randomUUID(), keyId, annotations };
    try {
      return (await this.#channel.unary(decrypt, request, { timeoutMs })).plaintext;
    } catch (error) {
      throw new Error(`failed to decrypt DEK, error: ${(error as Error).message}`, { cause: error });
    }
  }

  /** Gives what is wrong. */
  async #check(): Promise<string | undefined> {
    const { clock } = this.#options;
    const problem = await this.#ask();
    this.#checked = { problem, untilMs: clock.monotonic() + (problem ? unhealthyMs : healthyMs) };
    return problem;
  }

  async #ask(): Promise<string | undefined> {
    const { timeoutMs } = this.#options;
    const problems: string[] = [];
    try {
      const { healthz, version, keyId } = await this.#channel.unary(status, {}, { timeoutMs });
      if (healthz !== 'ok') problems.push(`got unexpected healthz status: ${healthz}`);
      problems.push(...this.#versionProblems(version));
      const keyProblem = keyIdProblem(keyId);
      if (keyProblem) problems.push(`got invalid KMSv2 KeyID hash "${hashOf(keyId)}": ${keyProblem}`);
      else {
        const rotation = await this.#rotate(keyId);
        if (rotation) problems.push(rotation);
      }
    } catch (error) {
      const why = (error as Error).message;
      return `failed to perform status section of the healthz check for KMS Provider ${this.name}, error: ${why}`;
    }
    if (problems.length === 0) return undefined;
    const all = problems.length === 1 ? problems[0] : `[${problems.join(', ')}]`;
    return `kmsv2 Provider ${this.name} is not healthy, error: ${all}`;
  }

  #versionProblems(version: string): string[] {
    if (version !== 'v2' && version !== 'v2beta1') return [`expected KMSv2 API version v2, got ${version}`];
    this.#version ??= version;
    if (this.#version === version) return [];
    return [
      `KMSv2 API version should not change after the initial status response version ${this.#version}, got ${version}`,
    ];
  }

  /** A new seed where the plugin's key is another than ours was encrypted with; else ours goes on. */
  async #rotate(keyId: string): Promise<string | undefined> {
    const { clock, timeoutMs } = this.#options;
    const untilMs = clock.now() + sealingMs;
    if (this.#sealing?.wrapped.keyId === keyId) {
      this.#sealing = { ...this.#sealing, untilMs };
      return undefined;
    }
    const seed = randomBytes(seedBytes);
    let problem: string;
    try {
      const answer = await this.#channel.unary(encrypt, { plaintext: seed, uid: randomUUID() }, { timeoutMs });
      const { ciphertext: source, annotations } = answer;
      const wrapped = { type: sourceTypes.seed, source, keyId: answer.keyId, annotations: decoded(annotations) };
      problem = wrappedProblem(wrapped) ?? '';
      if (!problem && wrapped.keyId === keyId) {
        this.#sealing = { cipher: seedCipher(seed), wrapped, untilMs };
        return undefined;
      }
      problem ||= `the plugin encrypts with key hash "${hashOf(wrapped.keyId)}"`;
    } catch (error) {
      problem = `failed to encrypt DEK, error: ${(error as Error).message}`;
    }
    return `failed to rotate DEK for statusKeyIDHash="${hashOf(keyId)}": ${problem}`;
  }
}

export function decoded(annotations: readonly ({ key: string; value: Uint8Array } | undefined)[]): Annotations {
  return annotations.flatMap((one) => one ?? []);
}

function hashOf(keyId: string): string {
  return keyId && `sha256:${createHash('sha256').update(keyId).digest('hex')}`;
}

function keyIdProblem(keyId: string): string | undefined {
  if (keyId === '') return 'keyID is empty';
  const length = Buffer.byteLength(keyId);
  if (length <= limits.keyIdBytes) return undefined;
  return `keyID is ${length} bytes, which exceeds the max size of ${limits.keyIdBytes}`;
}

const annotationName = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+$/;

/** Why the plugin's answer, or what lies in the store, cannot be used. */
export function wrappedProblem({ type, source, keyId, annotations }: WrappedKey): string | undefined {
  if (type !== sourceTypes.key && type !== sourceTypes.seed) return `unknown encryptedDEKSourceType: ${type}`;
  const invalid = (what: string, why: string) => `failed to validate ${what}: ${why}`;
  if (source.length === 0) return invalid('encrypted DEK source', 'encrypted DEK source is empty');
  if (source.length > limits.sourceBytes) {
    const why = `encrypted DEK source is ${source.length} bytes, which exceeds the max size of ${limits.sourceBytes}`;
    return invalid('encrypted DEK source', why);
  }
  const keyProblem = keyIdProblem(keyId);
  if (keyProblem) return invalid('key id', keyProblem);
  const odd = annotations.find(({ key }) => !annotationName.test(key));
  if (odd)
    return invalid(
      'annotations',
      `annotations: Invalid value: "${odd.key}": should be a domain with at least two segments separated by dots`,
    );
  const size = annotations.reduce((sum, { key, value }) => sum + Buffer.byteLength(key) + value.length, 0);
  if (size <= limits.annotationsBytes) return undefined;
  return invalid(
    'annotations',
    `total size of annotations is ${size}, which exceeds the max size of ${limits.annotationsBytes}`,
  );
}
