/** What may stand before a YAML node: the name that aliases refer to it by, and its tag. */
import type { Cursor } from './cursor.js';

export interface Properties {
  anchor?: string;
  tag?: string;
}

/** An anchor, a tag, both or neither. */
export function readProperties(cursor: Cursor): Properties {
  const properties: Properties = {};
  for (;;) {
    const char = cursor.text[cursor.at];
    if (char === '&' && properties.anchor === undefined) properties.anchor = readName(cursor);
    else if (char === '!' && properties.tag === undefined) properties.tag = readTag(cursor);
    else return properties;
    cursor.skipSpaces();
  }
}

/** What follows the `&` or `*` that stands here. */
export function readName(cursor: Cursor): string {
  const pattern = /[0-9A-Za-z_-]*/y;
  pattern.lastIndex = cursor.at + 1;
  const [name] = pattern.exec(cursor.text)!;
  const end = cursor.text[cursor.at + 1 + name.length] ?? '\n';
  if (name === '' || !/[\s?:,\]}%@`]/.test(end))
    throw cursor.problem('did not find expected alphabetic or numeric character');
  cursor.at += 1 + name.length;
  return name;
}

function readTag(cursor: Cursor): string {
  const pattern = /!(?:<([^>\s]*)>|([^\s,[\]{}]*))/y;
  pattern.lastIndex = cursor.at;
  const [whole, verbatim, short = ''] = pattern.exec(cursor.text)!;
  cursor.at += whole.length;
  if (verbatim !== undefined) return verbatim;
  return short.startsWith('!') ? `tag:yaml.org,2002:${short.slice(1)}` : `!${short}`;
}
