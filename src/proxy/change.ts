/** From what a table holds to what it should hold, as one text for `nft -f`, so that no packet meets half of it. */
import { lookups, type Rules } from './rules.js';

/** What is known to lie in the kernel. */
export interface LoadedTable {
  chains: ReadonlySet<string>;
  clientSets: ReadonlySet<string>;
  /** Chains without rules that nothing leads to any more, and since when. */
  emptied: ReadonlyMap<string, number>;
}

/** Kernels before 6.2 see a little late that a map's element no longer leads to a chain (as kube-proxy says). */
const emptiedForMs = 1000;

/** What is there stays but for its rules: sets of clients are not to be lost. Without knowledge all is made anew. */
export function renderChange(
  table: string,
  rules: Rules,
  { before, nowMs }: { before: LoadedTable | undefined; nowMs: number },
): { text: string; after: LoadedTable } {
  const content = `table ip ${table} {\n${rules.body}\n}\n`;
  if (!before) return { text: renderRemoval(table) + content, after: { ...rules, emptied: new Map() } };
  const emptied = new Map<string, number>();
  const removals: string[] = [];
  for (const name of [...before.chains, ...before.emptied.keys()]) {
    if (rules.chains.has(name)) continue;
    const since = before.emptied.get(name) ?? nowMs;
    if (nowMs - since >= emptiedForMs) removals.push(`delete chain ip ${table} ${name}`);
    else emptied.set(name, since);
  }
  for (const name of before.clientSets) {
    if (!rules.clientSets.has(name)) removals.push(`delete set ip ${table} ${name}`);
  }
  const flushes = Object.entries(lookups).map(([name, kind]) => `flush ${kind} ip ${table} ${name}`);
  const text = [`flush table ip ${table}`, ...flushes, ...removals, content].join('\n');
  return { text, after: { chains: rules.chains, clientSets: rules.clientSets, emptied } };
}

/** Text that removes the table, whether or not it is there. */
export function renderRemoval(table: string): string {
  return `table ip ${table} {}\ndelete table ip ${table}\n`;
}

/** Reads nft's listing of a table that an earlier process left. undefined: it is not a table as we make it. */
export function readTable(listing: string): LoadedTable | undefined {
  const chains = new Set<string>();
  const clientSets = new Set<string>();
  const missing = new Set<string>(Object.keys(lookups));
  for (const [, kind, name] of listing.matchAll(/^\t(chain|set|map) (\S+) \{/gm)) {
    if (kind === 'chain') chains.add(name!);
    else if (name!.startsWith('clients-')) clientSets.add(name!);
    else if (!missing.delete(name!)) return undefined;
  }
  return missing.size > 0 ? undefined : { chains, clientSets, emptied: new Map() };
}
