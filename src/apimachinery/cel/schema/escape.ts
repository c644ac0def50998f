/**
 * Names of fields as identifiers: `x.y-z` is `x__dot__y__dash__z`, `namespace` is `__namespace__`.
 * https://kubernetes.io/docs/reference/using-api/cel/#escaping
 */

const reserved = new Set([
  ...['true', 'false', 'null', 'in', 'as', 'break', 'const', 'continue', 'else', 'for', 'function', 'if', 'import'],
  ...['let', 'loop', 'package', 'namespace', 'return', 'var', 'void', 'while'],
]);

const escapes: Record<string, string> = {
  __: '__underscores__',
  '.': '__dot__',
  '-': '__dash__',
  '/': '__slash__',
};
const escaped = new Map(Object.entries(escapes).map(([plain, text]) => [text, plain]));

/** Undefined for a name that no expression can write. */
export function escapeName(name: string): string | undefined {
  if (reserved.has(name)) return `__${name}__`;
  if (!/^[A-Za-z_.\-/][A-Za-z0-9_.\-/]*$/.test(name)) return undefined;
  return name.replace(/__|[.\-/]/g, (part) => escapes[part]!);
}

/** Undefined for what is no escaped name. */
export function unescapeName(name: string): string | undefined {
  if (!name.includes('__')) return name;
  let isWrong = false;
  const plain = name.replace(/__[^_]+__/g, (part) => {
    const word = part.slice(2, -2);
    if (reserved.has(word)) {
      if (part !== name) isWrong = true;
      return word;
    }
    const found = escaped.get(part);
    if (found === undefined) isWrong = true;
    return found ?? '';
  });
  return isWrong ? undefined : plain;
}

/** Words that the language keeps for itself may all the same be read as fields, with their escapes or as they are. */
export const isReserved = (name: string): boolean => reserved.has(name);
