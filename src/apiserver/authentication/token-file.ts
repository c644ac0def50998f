/**
 * Tokens that stand in a file: `token,user,uid,"group1,group2"`, one a line.
 * https://kubernetes.io/docs/reference/access-authn-authz/authentication/#static-token-file
 */
import { freeze } from '#base/json.js';
import { ConfigurationError, readConfigurationFile } from '../configuration-file.js';
import type { Authenticator, UserInfo } from './authenticator.js';

/** Throws ConfigurationError. */
export async function openTokenFile(path: string): Promise<Authenticator> {
  const text = (await readConfigurationFile(path)).toString();
  return tokenFileAuthenticator(parseTokenFile(text, path));
}

export function tokenFileAuthenticator(users: ReadonlyMap<string, UserInfo>): Authenticator {
  return {
    name: 'token file',
    async authenticate({ bearerToken }) {
      const user = bearerToken ? users.get(bearerToken) : undefined;
      return user && { user };
    },
  };
}

/** Throws ConfigurationError for a line of fewer than three fields, or with an open quote. */
export function parseTokenFile(text: string, path: string): Map<string, UserInfo> {
  const users = new Map<string, UserInfo>();
  for (const record of parseRecords(text, path)) {
    const [token = '', name = '', uid = '', groups] = record;
    if (record.length < 3) {
      const wanted = 'must have at least 3 columns (token, user name, user uid)';
      throw new ConfigurationError(`token file '${path}' ${wanted}, found ${record.length}`);
    }
    if (!token) continue;
    users.set(token, freeze({ name, uid, groups: groups === undefined ? [] : groups.split(',') }));
  }
  return users;
}

/** Comma-separated values (RFC 4180). */
function* parseRecords(text: string, path: string): Iterable<string[]> {
  let fields: string[] = [];
  const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/y;
  while (cell.lastIndex < text.length) {
    const at = cell.lastIndex;
    const match = cell.exec(text);
    if (!match) throw new ConfigurationError(`token file '${path}': bad quotes at character ${at}`);
    fields.push(match[1] === undefined ? match[2]! : match[1].replaceAll('""', '"'));
    if (match[3] === ',') {
      if (cell.lastIndex === text.length) fields.push('');
      else continue;
    }
    if (fields.length > 1 || fields[0]) yield fields;
    fields = [];
  }
  if (fields.length > 0) yield fields;
}
