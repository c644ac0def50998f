/** What the controller remembers between looks. */

/** By the attachment's name; times are monotonic. What is lost at a restart is told once more. */
export interface State {
  /** When a driver was last asked. */
  asked: Map<string, number>;
  /** What pods were last told. */
  told: Map<string, string>;
  /** Pods that were told that another node has the volume. */
  refused: Map<string, Set<string>>;
  /** Since when no pod uses it. */
  unwanted: Map<string, number>;
}
