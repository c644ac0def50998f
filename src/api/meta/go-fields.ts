/** An object as upstream's own type shows itself, whose fields have Go's names: in messages about the whole of it. */
export function goFields(object: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(object).map(([key, value]) => [key[0]!.toUpperCase() + key.slice(1), value]),
  );
}
