/** The names of the official conformance tests, which are their identity: what is labelled with another name is a mistake. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Published {
  /** The Kubernetes release that the list belongs to. */
  release: string;
  /** Where it was published. */
  published: string;
  /** By special interest group, without the `[sig-...] ` that begins each name. */
  names: Record<string, string[]>;
}

const published: Published = JSON.parse(readFileSync(join(import.meta.dirname, 'official.json'), 'utf8'));

export const { release, published: publishedAt } = published;

/** Whole names, by group: `[sig-node] Lease lease API should be available [Conformance]`. */
export const officialNames: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries(published.names).map(([sig, names]) => [sig, names.map((name) => `[${sig}] ${name}`)]),
);

const all = new Set([...officialNames.values()].flat());

export function isOfficial(name: string): boolean {
  return all.has(name);
}

/** Throws RangeError for a name that the list does not have, with the ones that begin like it. */
export function assertOfficial(name: string): void {
  if (isOfficial(name)) return;
  const begin = name.slice(0, Math.ceil(name.length / 2));
  const near = [...all].filter((one) => one.startsWith(begin)).slice(0, 5);
  const hint = near.length > 0 ? `; there are:\n${near.join('\n')}` : '';
  throw new RangeError(`no conformance test of ${release} is named ${JSON.stringify(name)}${hint}`);
}
