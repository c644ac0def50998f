/**
 * Writes a list element by element, in whatever text it is wanted, so that a long one lets other requests have their
 * turn between its elements.
 */
import { toJson } from '#base/exact-json.js';
import { escapeHtml } from '#base/go-text.js';
import { Turns } from '#base/turns.js';
import { formatYaml, formatYamlElement } from '#base/yaml.js';
import type { Media } from '../media.js';

export interface ListDocument {
  /** All but the elements. */
  head: object;
  key: 'items' | 'rows';
  length: number;
  element(index: number): object;
}

/** Parts of this size are put together before they become bytes. */
const partLength = 64 * 1024;

export async function encodeListDocument(document: ListDocument, media: Media): Promise<Uint8Array[]> {
  const { start, between, end, write } = frameOf(document, media);
  const parts: Uint8Array[] = [];
  const turns = new Turns();
  let text = start;
  for (let index = 0; index < document.length; index++) {
    if (index > 0) text += between;
    text += write(document.element(index));
    if (text.length > partLength) {
      parts.push(Buffer.from(text));
      text = '';
    }
    if (turns.isOver) await turns.next();
  }
  parts.push(Buffer.from(text + end));
  return parts;
}

interface Frame {
  start: string;
  between: string;
  end: string;
  write(element: object): string;
}

function frameOf(document: ListDocument, { format, pretty }: Media): Frame {
  if (format === 'yaml') return yamlFrame(document);
  return pretty ? prettyFrame(document) : compactFrame(document);
}

function compactFrame({ head, key }: ListDocument): Frame {
  const start = `${JSON.stringify(head).slice(0, -1)},"${key}":[`;
  return { start, between: ',', end: ']}\n', write: (element) => escapeHtml(toJson(element)) };
}

function prettyFrame({ head, key, length }: ListDocument): Frame {
  const start = `${JSON.stringify(head, undefined, 2).slice(0, -2)},\n  "${key}": [`;
  const write = (element: object) => `\n    ${escapeHtml(toJson(element, 2)).replaceAll('\n', '\n    ')}`;
  return { start, between: ',', end: length > 0 ? '\n  ]\n}' : ']\n}', write };
}

/** YAML has its keys in order, so that some of the others come before the elements and some after. */
function yamlFrame({ head, key, length }: ListDocument): Frame {
  const fields = Object.entries(head).filter(([, value]) => value !== undefined);
  const textOf = (some: typeof fields) => (some.length > 0 ? formatYaml(Object.fromEntries(some)) : '');
  const before = textOf(fields.filter(([name]) => name < key));
  const after = textOf(fields.filter(([name]) => name > key));
  const start = `${before}${key}:${length > 0 ? '' : ' []'}\n`;
  return { start, between: '', end: after, write: formatYamlElement };
}
