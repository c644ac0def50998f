/**
 * Whom a request asks to be taken for, as its Impersonate headers say.
 * https://kubernetes.io/docs/reference/access-authn-authz/user-impersonation/
 */
import { badRequest } from '#apimachinery/errors.js';

export interface WantedUser {
  name: string;
  /** '' when not asked for. */
  uid: string;
  groups: readonly string[];
  extra: ReadonlyMap<string, readonly string[]>;
}

const extraPrefix = 'impersonate-extra-';

/**
 * `rawHeaders` holds names and values in turn, as sent: a group's name may hold a comma. Undefined when nobody is to
 * be impersonated. Throws StatusError (400) for parts of a user without a name.
 */
export function wantedUserOf(rawHeaders: readonly string[]): WantedUser | undefined {
  let name: string | undefined;
  let uid: string | undefined;
  let hasExtra = false;
  const groups: string[] = [];
  const extra = new Map<string, string[]>();
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const header = rawHeaders[index]!.toLowerCase();
    if (!header.startsWith('impersonate-')) continue;
    const value = rawHeaders[index + 1]!;
    if (header === 'impersonate-user') name ??= value;
    else if (header === 'impersonate-uid') uid ??= value;
    else if (header === 'impersonate-group') groups.push(value);
    else if (header.startsWith(extraPrefix)) {
      hasExtra = true;
      const key = unescapeKey(header.slice(extraPrefix.length));
      extra.set(key, [...(extra.get(key) ?? []), value]);
    }
  }
  const wanted: WantedUser = { name: name ?? '', uid: uid ?? '', groups, extra };
  if (wanted.name) return wanted;
  if (wanted.uid || groups.length > 0 || hasExtra)
    throw badRequest(`requested ${goSyntax(wanted)} without impersonating a user name`);
  return undefined;
}

/** A key that is no valid escape is taken as it is. */
export function unescapeKey(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}

/** As upstream shows it: Go's `%#v`. */
function goSyntax({ name, uid, groups, extra }: WantedUser): string {
  const list = (values: readonly string[]) => `[]string{${values.map((value) => JSON.stringify(value)).join(', ')}}`;
  const entries = [...extra]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, values]) => `${JSON.stringify(key)}:${list(values)}`);
  const groupList = groups.length > 0 ? list(groups) : '[]string(nil)';
  const extraMap = entries.length > 0 ? `map[string][]string{${entries.join(', ')}}` : 'map[string][]string(nil)';
  const fields = `Name:${JSON.stringify(name)}, UID:${JSON.stringify(uid)}, Groups:${groupList}, Extra:${extraMap}`;
  return `&user.DefaultInfo{${fields}}`;
}
