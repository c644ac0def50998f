/** The room's class of operating errors; what the runtime says of itself is a RuntimeError. */

export type KubeletErrorReason =
  /** The pod's spec cannot be turned into a container: shown as CreateContainerConfigError. */
  | 'config'
  /** A volume cannot be set up (yet): shown as FailedMount. */
  | 'volume'
  /** An image cannot be had; `waiting` says how the container status shows it. */
  | 'image'
  | 'hook'
  /** What a pod was granted cannot be brought to its containers (yet). */
  | 'resize'
  /** There is no such pod, container or log. */
  | 'not found'
  | 'machine';

export class KubeletError extends Error {
  override readonly name = 'KubeletError';
  readonly reason: KubeletErrorReason;
  /** The container's waiting reason: ErrImagePull, ImagePullBackOff, ... */
  readonly waiting: string | undefined;

  constructor(reason: KubeletErrorReason, message: string, options: ErrorOptions & { waiting?: string } = {}) {
    super(message, options);
    this.reason = reason;
    this.waiting = options.waiting;
  }
}

/** The text of anything that was thrown. */
export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
