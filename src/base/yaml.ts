/**
 * Writes JSON values as YAML, as upstream does (sigs.k8s.io/yaml): keys in order, lists at the level of their key, texts
 * quoted that would be read as something else. Long lines are left whole.
 */
import { type Json, UnsetList } from './json.js';

export function formatYaml(value: unknown): string {
  const out: string[] = [];
  new Writer(out).document(value as Json);
  return out.join('');
}

/** One element of a list that stands at the level of its key. */
export function formatYamlElement(value: unknown): string {
  const out: string[] = [];
  new Writer(out).element(value as Json, { before: '', indent: '' });
  return out.join('');
}

interface Place {
  before: string;
  indent: string;
}

class Writer {
  readonly #out: string[];

  constructor(out: string[]) {
    this.#out = out;
  }

  document(value: Json): void {
    if (isOpen(value)) this.#collection(value, { before: '', indent: '' });
    else this.#scalar(value, '');
  }

  /** `before` stands before the dash; what follows the first line stands two columns after `indent`. */
  element(value: Json, { before, indent }: Place): void {
    this.#out.push(before, '- ');
    const inner = `${indent}  `;
    if (isOpen(value)) this.#collection(value, { before: '', indent: inner });
    else this.#scalar(value, indent);
  }

  #collection(value: Json[] | { [key: string]: Json }, { before, indent }: Place): void {
    let start = before;
    if (Array.isArray(value)) {
      for (const one of value) {
        this.element(one, { before: start, indent });
        start = indent;
      }
      return;
    }
    for (const key of Object.keys(value).sort()) {
      if (value[key] === undefined) continue;
      this.#out.push(start);
      start = indent;
      this.#field(key, value[key], indent);
    }
  }

  #field(key: string, value: Json, indent: string): void {
    this.#out.push(textOf(key), ':');
    if (!isOpen(value)) {
      this.#out.push(' ');
      this.#scalar(value, indent);
    } else if (Array.isArray(value)) {
      this.#out.push('\n');
      for (const one of value) this.element(one, { before: indent, indent });
    } else {
      const inner = `${indent}  `;
      this.#out.push('\n');
      this.#collection(value, { before: inner, indent: inner });
    }
  }

  #scalar(value: Json, indent: string): void {
    if (typeof value !== 'string' || !value.includes('\n') || !literal(value)) {
      this.#out.push(typeof value === 'string' ? textOf(value) : plainOf(value), '\n');
      return;
    }
    const chomp = value.endsWith('\n\n') || value === '\n' ? '+' : value.endsWith('\n') ? '' : '-';
    this.#out.push('|', chomp, '\n');
    const lines = value.split('\n');
    if (value.endsWith('\n')) lines.pop();
    for (const line of lines) this.#out.push(line === '' ? '\n' : `${indent}  ${line}\n`);
  }
}

/** A list or map with something in it, which takes lines of its own. */
function isOpen(value: Json): value is Json[] | { [key: string]: Json } {
  if (typeof value !== 'object' || value === null) return false;
  return Array.isArray(value) ? value.length > 0 : Object.keys(value).length > 0;
}

function plainOf(value: Exclude<Json, string>): string {
  if (typeof value === 'object')
    return value === null || value instanceof UnsetList ? 'null' : Array.isArray(value) ? '[]' : '{}';
  return String(value);
}

/** A block shows text as it is: no control characters, and no spaces that would be taken for indentation. */
function literal(text: string): boolean {
  return !/^[ \n]|[^\n\x20-\x7e\u00a0-\ud7ff\ue000-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]/u.test(text);
}

/** What YAML 1.1 reads as no text: words for truth and nothing, numbers with and without base 60, times, merges. */
const special =
  /^(?!\.$)(?:~|<<|=|null|Null|NULL|y|Y|yes|Yes|YES|n|N|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)|[-+]?(?:0[bBoOxX])?[0-9a-fA-F_]*[0-9][0-9a-fA-F_]*|[-+]?[0-9_]*\.?[0-9_]*(?:[eE][-+]?[0-9_]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?|\d{4}-\d\d?-\d\d?(?:[Tt \t].*)?)$/;

function textOf(text: string): string {
  if (special.test(text)) return JSON.stringify(text);
  if (/^[A-Za-z0-9_./][-A-Za-z0-9_./ ()+=@]*$/.test(text) && !text.endsWith(' ')) return text;
  if (/[^\x20-\x7e\u00a0-\ud7ff\ue000-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]/u.test(text))
    return JSON.stringify(text);
  const isPlain = !/^[-?:](?: |$)|^[,[\]{}#&*!|>'"%@`]|^\s|\s$|: |:$| #|^---|^\.\.\./.test(text);
  return isPlain ? text : `'${text.replaceAll("'", "''")}'`;
}
