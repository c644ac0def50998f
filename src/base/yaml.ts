/**
 * Writes JSON values as YAML, as upstream does (sigs.k8s.io/yaml): keys in order, lists at the level of their key, texts
 * quoted that would be read as something else, long lines broken where a space is.
 */
import { type Json, UnsetList } from './json.js';
import { formatKey, formatText } from './yaml-text.js';

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
    else this.#scalar(value, { indent: '  ', column: 0 });
  }

  /** `before` stands before the dash; what follows the first line stands two columns after `indent`. */
  element(value: Json, { before, indent }: Place): void {
    this.#out.push(before, '- ');
    const inner = `${indent}  `;
    if (isOpen(value)) this.#collection(value, { before: '', indent: inner });
    else this.#scalar(value, { indent: inner, column: inner.length });
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
    const name = formatKey(key);
    this.#out.push(name, ':');
    if (!isOpen(value)) {
      this.#out.push(' ');
      this.#scalar(value, { indent: `${indent}  `, column: indent.length + name.length + 2 });
    } else if (Array.isArray(value)) {
      this.#out.push('\n');
      for (const one of value) this.element(one, { before: indent, indent });
    } else {
      const inner = `${indent}  `;
      this.#out.push('\n');
      this.#collection(value, { before: inner, indent: inner });
    }
  }

  /** `column` is where it starts, for lines that are too long. */
  #scalar(value: Json, { indent, column }: { indent: string; column: number }): void {
    this.#out.push(typeof value === 'string' ? formatText(value, { indent, column }) : plainOf(value), '\n');
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
