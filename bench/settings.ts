/** What the command line of the benchmarks says. */

export interface Settings {
  runs: number;
  runtimes: ('simulated' | 'containerd')[];
  scale: number;
  only: string | undefined;
  /** A directory for V8 profiles. */
  profile: string | undefined;
}
