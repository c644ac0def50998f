/** Objects as upstream's own types show themselves, whose fields have Go's names: in messages about the whole of one. */

/** The fields of a struct in their order, each with what stands there for nothing. */
export interface GoStruct {
  readonly [name: string]: GoField;
}

/** Zero; a struct that is always there; one that need not be; or a list of them. */
type GoField = null | '' | 0 | false | GoStruct | { readonly optional: GoStruct } | readonly [GoStruct];

/** Of pods and of devices alike. */
export const goToleration = { Key: '', Operator: '', Value: '', Effect: '', TolerationSeconds: null } as const;

export function goFields(object: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(object).map(([key, value]) => [key[0]!.toUpperCase() + key.slice(1), value]),
  );
}

/** Of a type whose fields are shown whether they are set or not. */
export function goStruct(fields: GoStruct, value: object | undefined): Record<string, unknown> {
  const given = (value ?? {}) as Record<string, unknown>;
  return Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [name, goField(field, given[jsonName(name)] ?? undefined)]),
  );
}

function goField(field: GoField, value: unknown): unknown {
  if (field === null || typeof field !== 'object') return value ?? field;
  if (isList(field)) {
    const list = value as object[] | undefined;
    return list && list.length > 0 ? list.map((one) => goStruct(field[0], one)) : null;
  }
  if (!isOptional(field)) return goStruct(field, value as object | undefined);
  return value === undefined ? null : goStruct(field.optional, value as object);
}

function isList(field: Exclude<GoField, string | number | boolean | null>): field is readonly [GoStruct] {
  return Array.isArray(field);
}

function isOptional(field: GoStruct | { readonly optional: GoStruct }): field is { readonly optional: GoStruct } {
  return Object.hasOwn(field, 'optional');
}

/** `CEL` is `cel`, `APIGroup` is `apiGroup`. */
function jsonName(goName: string): string {
  return goName.replace(/^(?:[A-Z]+(?=[A-Z][a-z])|[A-Z]+$|[A-Z])/, (start) => start.toLowerCase());
}
