/** What a kind is tried with, for its golden file: patches of one smallest object. */
export type Patch = Record<string, unknown>;

export interface KindCases {
  /** Where the rules are of one name, or of a form. Default: `one`. */
  name?: string;
  /** The smallest object that is accepted, without kind and name. */
  least: Patch;
  /** Merge patches of `least` (RFC 7386), each posted: what is refused, and what is warned of. */
  created?: readonly Patch[];
  /** Merge patches of `least` whose defaults are shown: what the smallest object does not have. */
  stored?: readonly Patch[];
  /** Two merge patches of `least`: what is, and what it shall become. A single one is what it shall become. */
  changed?: readonly (Patch | readonly [Patch, Patch])[];
  /** Merge patches of the created object, put to its `/status`. */
  status?: readonly Patch[];
  /** Merge patches of `least`, shown as rows of a table. */
  shown?: readonly Patch[];
}

export type Cases = Record<string, KindCases>;
