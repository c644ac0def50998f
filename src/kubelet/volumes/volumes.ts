/** What pod workers ask of volumes; on a machine they are directories and mounts, on a simulated node only checked. */
import type { Pod } from '#api/gen/core-v1.js';
import type { VolumeFile } from '../environment.js';
import type { FieldContext } from '../field-ref.js';
import type { AnyContainer } from '../pod-state.js';
import type { Mount } from '../runtime/runtime.js';

export interface Volumes {
  /** Makes ready what must be there before any pod. */
  start(): Promise<void>;
  /**
   * Makes every volume of the pod ready, or brings it up to date. Safe to call again. Throws VolumeFailure for the
   * first volume that cannot be had.
   */
  setUp(pod: Pod, fields: FieldContext): Promise<void>;
  /** The container's mounts, in the order of the spec. Throws KubeletError 'volume' or 'config'. */
  mounts(pod: Pod, container: AnyContainer, env: ReadonlyMap<string, string>): Promise<Mount[]>;
  /**
   * What a container has written into an emptyDir for the environment of another. Undefined where volumes have no files.
   * Throws KubeletError 'config'.
   */
  file(pod: Pod, where: { volume: string; path: string }): Promise<VolumeFile | undefined>;
  /** Where those are that have a size of their own. */
  places(pod: Pod): VolumePlace[];
  /** Gives up all that was made for the pod. Safe to call for a pod that was never seen. */
  tearDown(podUid: string): Promise<void>;
  /** Of pods that have something on this machine. */
  podUids(): Promise<string[]>;
  /** Gives up all that was made for any pod, and by `start`. */
  purge(): Promise<void>;
}

export interface VolumePlace {
  name: string;
  path: string;
  /** Of a volume that outlives the pod: its size is that of its file system. */
  claim?: { name: string; namespace: string };
  /** Its bytes are the node's disk's. */
  isEphemeral: boolean;
}

/** `volume` names it; the cause says why. */
export class VolumeFailure extends Error {
  override readonly name = 'VolumeFailure';
  readonly volume: string;

  constructor(volume: string, message: string, options: ErrorOptions) {
    super(message, options);
    this.volume = volume;
  }
}

/** Volumes of simulated nodes: what they name must exist, and nothing is written anywhere. */
export class CheckedVolumes implements Volumes {
  readonly #check: (pod: Pod, fields: FieldContext) => Promise<void>;

  constructor(check: (pod: Pod, fields: FieldContext) => Promise<void> = async () => {}) {
    this.#check = check;
  }

  async start(): Promise<void> {}

  async setUp(pod: Pod, fields: FieldContext): Promise<void> {
    await this.#check(pod, fields);
  }

  async mounts(): Promise<Mount[]> {
    return [];
  }

  async file(): Promise<undefined> {}

  places(): VolumePlace[] {
    return [];
  }

  async tearDown(): Promise<void> {}

  async podUids(): Promise<string[]> {
    return [];
  }

  async purge(): Promise<void> {}
}
