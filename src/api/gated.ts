/**
 * Fields that belong to a feature gate: where it is off the server drops what is written to them, unless the object uses
 * the feature already. https://kubernetes.io/docs/reference/command-line-tools-reference/feature-gates/
 */
import type { FeatureGates } from '#apimachinery/features/gates.js';
import type { KubeObject } from '#apimachinery/object.js';

/**
 * By gate, the paths of its fields. `*` stands for each element of a list or value of a map. A part with `?` goes as well
 * when nothing is left in it. A last part `field!value` leaves that value alone.
 */
export type GatedFields = Readonly<Record<string, readonly string[]>>;

/** What a write must be rid of, as the gates are; undefined: nothing. */
export interface Dropping {
  /** In place. `old`: the object as it was, if it was. */
  drop: (object: KubeObject, old: KubeObject | undefined, part: WrittenPart) => void;
}

/** What a write is of: the status, all else, or (a new Node) both. */
export type WrittenPart = 'status' | 'others' | 'both';

interface Path {
  parts: readonly string[];
  except: string | undefined;
}

/** undefined: there is nothing to drop. */
export function droppingOf(gated: GatedFields | undefined, gates: FeatureGates): Dropping | undefined {
  const off = Object.entries(gated ?? {}).filter(([name]) => !gates.enabled(name));
  if (off.length === 0) return undefined;
  const features = off.map(([, paths]) => paths.map(parsePath));
  return {
    drop(object, old, part) {
      for (const paths of features) {
        const used = paths.filter((path) => isWritten(path, part) && visit(object, path, 0, 'find'));
        if (used.length === 0 || (old && paths.some((path) => visit(old, path, 0, 'find')))) continue;
        for (const path of used) visit(object, path, 0, 'drop');
      }
    },
  };
}

/** The same of what lies below a path. */
export function gatedBelow(path: string, fields: GatedFields): GatedFields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, paths]) => [name, paths.map((below) => `${path}.${below}`)]),
  );
}

function parsePath(text: string): Path {
  const parts = text.split('.');
  const [last, except] = parts.at(-1)!.split('!') as [string, string | undefined];
  return { parts: [...parts.slice(0, -1), last], except };
}

function isWritten({ parts }: Path, part: WrittenPart): boolean {
  return part === 'both' || (part === 'status') === (parts[0] === 'status');
}

/** Whether there is such a field, or there was. */
function visit(value: unknown, path: Path, at: number, act: 'find' | 'drop'): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const part = path.parts[at]!;
  if (part === '*') {
    let found = false;
    for (const one of Object.values(value)) {
      if (!visit(one, path, at + 1, act)) continue;
      if (act === 'find') return true;
      found = true;
    }
    return found;
  }
  const goesEmpty = part.endsWith('?');
  const name = goesEmpty ? part.slice(0, -1) : part;
  const map = value as Record<string, unknown>;
  const child = map[name];
  if (at === path.parts.length - 1) {
    if (child === undefined || child === null || child === path.except) return false;
    if (act === 'drop') delete map[name];
    return true;
  }
  const found = visit(child, path, at + 1, act);
  if (found && act === 'drop' && goesEmpty && Object.keys(child as object).length === 0) delete map[name];
  return found;
}
