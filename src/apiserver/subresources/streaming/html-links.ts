/**
 * Keeps the links of a page behind the proxy that it came through: whatever names the server's root, or the server
 * itself, gets the proxy's path before it. The page is changed nowhere else, and never held as a whole.
 * https://html.spec.whatwg.org/multipage/parsing.html#tokenization
 */
import { Transform, type TransformCallback } from 'node:stream';

/** Which attributes hold addresses. */
const attributes: Record<string, readonly string[]> = {
  a: ['href'],
  applet: ['codebase'],
  area: ['href'],
  audio: ['src'],
  base: ['href'],
  blockquote: ['cite'],
  body: ['background'],
  button: ['formaction'],
  command: ['icon'],
  del: ['cite'],
  embed: ['src'],
  form: ['action'],
  frame: ['longdesc', 'src'],
  head: ['profile'],
  html: ['manifest'],
  iframe: ['longdesc', 'src'],
  img: ['longdesc', 'src', 'usemap'],
  input: ['src', 'usemap', 'formaction'],
  ins: ['cite'],
  link: ['href'],
  object: ['classid', 'codebase', 'data', 'usemap'],
  q: ['cite'],
  script: ['src'],
  source: ['src'],
  video: ['poster', 'src'],
};

/** Their content is text, whatever it looks like. */
const rawText = new Set(['script', 'style', 'textarea', 'title', 'iframe', 'xmp', 'noembed', 'noframes']);

/** A longer tag passes as it is. */
const tagBytesMax = 64 * 1024;

/** `rewrite` gives the address to put in an address's place. */
export class HtmlLinks extends Transform {
  readonly #rewrite: (address: string) => string;
  /** Latin-1: a character is a byte, so that whatever the page is written in comes out as it went in. */
  #rest = '';
  /** What ends the stretch that is not looked into: a comment, or the content of a script. */
  #until?: string;

  constructor(rewrite: (address: string) => string) {
    super();
    this.#rewrite = rewrite;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#rest += chunk.toString('latin1');
    this.push(this.#take({ isEnd: false }), 'latin1');
    done();
  }

  override _flush(done: TransformCallback): void {
    this.push(this.#take({ isEnd: true }), 'latin1');
    done();
  }

  /** As much of what is there as is understood already. */
  #take({ isEnd }: { isEnd: boolean }): string {
    const text = this.#rest;
    let out = '';
    let at = 0;
    while (at < text.length) {
      if (this.#until !== undefined) {
        const end = indexOfIgnoringCase(text, this.#until, at);
        // The end may be cut in two by the end of the chunk.
        const next = end < 0 ? Math.max(at, isEnd ? text.length : text.length - this.#until.length) : end;
        out += text.slice(at, next);
        at = next;
        if (end < 0) break;
        this.#until = undefined;
        continue;
      }
      const start = text.indexOf('<', at);
      out += text.slice(at, start < 0 ? text.length : start);
      if (start < 0) return this.#keep('', out);
      at = start;
      const isUnknown = !isEnd && text.length - start < '<!--'.length;
      const end = text.startsWith('<!--', start) ? start + '<!--'.length : isUnknown ? 0 : tagEnd(text, start);
      if (end === 0 && !isEnd && text.length - start < tagBytesMax) break;
      const tag = text.slice(start, end || text.length);
      // All of it stands in a tag that is too long to be looked at.
      if (end === 0) this.#until = '>';
      else if (tag === '<!--') this.#until = '-->';
      out += end === 0 ? tag : this.#tag(tag);
      at = start + tag.length;
    }
    return this.#keep(text.slice(at), out);
  }

  #keep(rest: string, out: string): string {
    this.#rest = rest;
    return out;
  }

  #tag(tag: string): string {
    const name = /^<([a-z][a-z0-9]*)/i.exec(tag)?.[1]?.toLowerCase();
    if (name === undefined) return tag;
    if (rawText.has(name) && !tag.endsWith('/>')) this.#until = `</${name}`;
    const wanted = attributes[name];
    if (!wanted) return tag;
    return tag.replace(
      /(?<=[\s"'/])([^\s"'<>/=]+)(\s*=\s*)("[^"]*"|'[^']*'|[^\s"'>]+)/g,
      (whole, attribute: string, equals: string, value: string) => {
        if (!wanted.includes(attribute.toLowerCase())) return whole;
        const quote = value.startsWith('"') || value.startsWith("'") ? value[0]! : '';
        const address = quote ? value.slice(1, -1) : value;
        return `${attribute}${equals}${quote}${this.#rewrite(address)}${quote}`;
      },
    );
  }
}

/** Where the tag ends that begins at `start`; 0: not in this text. A `>` between quotes is no end. */
function tagEnd(text: string, start: number): number {
  if (!/[a-z/!?]/i.test(text[start + 1] ?? '')) return text.length > start + 1 ? start + 1 : 0;
  const most = Math.min(text.length, start + tagBytesMax);
  let quote = '';
  for (let at = start + 1; at < most; at++) {
    const letter = text[at]!;
    if (quote) {
      if (letter === quote) quote = '';
    } else if (letter === '>') return at + 1;
    else if ((letter === '"' || letter === "'") && /[=\s]/.test(text[at - 1]!)) quote = letter;
  }
  return 0;
}

function indexOfIgnoringCase(text: string, wanted: string, from: number): number {
  for (let at = text.indexOf(wanted[0]!, from); at >= 0; at = text.indexOf(wanted[0]!, at + 1)) {
    if (text.slice(at, at + wanted.length).toLowerCase() === wanted) return at;
  }
  return -1;
}
