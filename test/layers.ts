/** Which room may import which: the layer table of ARCHITECTURE.md, as a value that `tidy.test.ts` enforces. */

const component = ['client', 'api', 'apimachinery', 'base'];

export const layers: Record<string, readonly string[]> = {
  base: [],
  apimachinery: ['base'],
  api: ['apimachinery', 'base'],
  client: ['api', 'apimachinery', 'base'],
  storage: ['apimachinery', 'base'],
  apiserver: component,
  'apiserver/registry': ['storage', ...component],
  controllers: component,
  scheduler: component,
  kubelet: component,
  proxy: component,
  network: component,
  dns: component,
  cluster: ['apiserver', 'storage', 'controllers', 'scheduler', 'kubelet', 'proxy', 'network', 'dns', ...component],
  testing: ['cluster', ...component],
  main: ['cluster', ...component],
  launch: [],
};

/** Calls that no room but `base` may make, with what to call instead. */
export const banned: readonly { pattern: RegExp; instead: string }[] = [
  { pattern: /\bDate\.now\(/, instead: 'clock.now()' },
  { pattern: /\bnew Date\(\s*\)/, instead: 'new Date(clock.now())' },
  { pattern: /\bperformance\.now\(/, instead: 'clock.monotonic()' },
  { pattern: /(?<![.\w])setTimeout\(/, instead: 'clock.setTimer() or clock.sleep()' },
  { pattern: /(?<![.\w])setInterval\(/, instead: 'a loop around clock.sleep()' },
  { pattern: /\bMath\.random\(/, instead: 'a Prng from #base/prng.js' },
  { pattern: /\bstructuredClone\(/, instead: 'copy() from #base/json.js' },
];
