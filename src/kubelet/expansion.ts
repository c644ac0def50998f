/** `$(VAR)` in env values, commands and arguments; `$$` is one dollar, and what is not defined stays as written. */

export function expand(text: string, lookUp: (name: string) => string | undefined): string {
  if (!text.includes('$')) return text;
  let out = '';
  let from = 0;
  for (let at = text.indexOf('$'); at >= 0 && at + 1 < text.length; at = text.indexOf('$', from)) {
    out += text.slice(from, at);
    const next = text[at + 1]!;
    const end = next === '(' ? text.indexOf(')', at + 2) : -1;
    if (next === '$') {
      out += '$';
      from = at + 2;
    } else if (end >= 0) {
      const name = text.slice(at + 2, end);
      out += lookUp(name) ?? `$(${name})`;
      from = end + 1;
    } else {
      out += `$${next}`;
      from = at + 2;
    }
  }
  return out + text.slice(from);
}
