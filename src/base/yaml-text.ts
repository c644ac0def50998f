/**
 * Writes texts as YAML by the rules of Go's writer (sigs.k8s.io/yaml, https://pkg.go.dev/go.yaml.in/yaml/v2): plain where
 * that reads as a text again, in quotes or as a block where it does not, with lines broken at spaces past their width.
 */

/** What YAML 1.1 reads as no text: words for truth and nothing, numbers with and without base 60, times. */
const special =
  /^(?:~|null|Null|NULL|y|Y|yes|Yes|YES|n|N|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)|[-+]?0(?:[xX][0-9a-fA-F_]+|[bB][01_]+|[oO][0-7_]+)|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?|\d{4}-\d\d?-\d\d?(?:[Tt \t].*)?|)$/;
const number = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;

/** Lines longer than this are broken at their next space. */
const widthMax = 80;

export interface TextPlace {
  /** Of the lines after the first. */
  indent: string;
  /** Where the text starts. */
  column: number;
}

export function formatText(text: string, place: TextPlace): string {
  // As most texts are.
  if (text.length + place.column <= widthMax && /^[A-Za-z/][-A-Za-z0-9_./]*$/.test(text) && !special.test(text))
    return text;
  const form = formOf(text);
  if (text.includes('\n')) return form.block ? formatBlock(text, place.indent) : formatDouble(text, place);
  if (!isText(text)) return formatDouble(text, place);
  if (form.plain) return fold(text, place);
  return form.single ? formatSingle(text, place) : formatDouble(text, place);
}

/** A key stands on one line, whatever its length. */
export function formatKey(text: string): string {
  const place = { indent: '', column: Number.NEGATIVE_INFINITY };
  return text.includes('\n') ? formatDouble(text, place) : formatText(text, place);
}

/** Whether it is read as a text again when it stands plain. */
function isText(text: string): boolean {
  return !special.test(text) && !number.test(text.startsWith('.') ? text : withoutUnderscores(text));
}

function withoutUnderscores(text: string): string {
  return /^[-+0-9]/.test(text) ? text.replaceAll('_', '') : text;
}

const unprintable = /[^\n\x20-\x7e\u00a0-\ud7ff\ue000-\ufefe\uff00-\ufffd]/u;
const indicators = /^(?:[#,[\]{}&*!|>'"%@`]|[-?:](?: |$)|---|\.\.\.)|: |:$| #/;

/** Which ways of writing the text can hold it. */
function formOf(text: string): { plain: boolean; single: boolean; block: boolean } {
  if (unprintable.test(text) || text.includes(' \n')) return { plain: false, single: false, block: false };
  const isInner = !/^[ \n]|[ \n]$/.test(text);
  const hasBreaks = text.includes('\n');
  return {
    plain: isInner && !hasBreaks && !indicators.test(text),
    single: !text.includes('\n '),
    block: !text.endsWith(' '),
  };
}

function formatBlock(text: string, indent: string): string {
  const hint = /^[ \n]/.test(text) ? '2' : '';
  const chomp = !text.endsWith('\n') ? '-' : text === '\n' || text.endsWith('\n\n') ? '+' : '';
  const lines = text.split('\n');
  if (text.endsWith('\n')) lines.pop();
  return [`|${hint}${chomp}`, ...lines.map((line) => (line === '' ? '' : `${indent}${line}`))].join('\n');
}

/** Breaks lines at single spaces. */
function fold(text: string, { indent, column }: TextPlace): string {
  if (text.length + column <= widthMax) return text;
  let out = '';
  let at = column;
  const words = text.split(/(?<! ) (?! )/);
  for (const [index, word] of words.entries()) {
    if (index > 0 && at > widthMax) {
      out += `\n${indent}`;
      at = indent.length;
    } else if (index > 0) {
      out += ' ';
      at++;
    }
    out += word;
    at += lengthOf(word);
  }
  return out;
}

function formatSingle(text: string, { indent, column }: TextPlace): string {
  return `'${fold(text.replaceAll("'", "''"), { indent, column: column + 1 })}'`;
}

const escapes: Readonly<Record<string, string>> = {
  '\0': '0',
  '\x07': 'a',
  '\b': 'b',
  '\t': 't',
  '\n': 'n',
  '\v': 'v',
  '\f': 'f',
  '\r': 'r',
  '\x1b': 'e',
  '"': '"',
  '\\': '\\',
  '\x85': 'N',
};

function formatDouble(text: string, { indent, column }: TextPlace): string {
  let out = '"';
  let at = column + 1;
  let afterSpace = false;
  const runes = [...text];
  for (const [index, rune] of runes.entries()) {
    const isInner = index > 0 && index < runes.length - 1;
    if (rune === ' ' && !afterSpace && at > widthMax && isInner) {
      out += `\n${indent}${runes[index + 1] === ' ' ? '\\' : ''}`;
      at = indent.length;
    } else {
      const written = escaped(rune);
      out += written;
      at += lengthOf(written);
    }
    afterSpace = rune === ' ';
  }
  return `${out}"`;
}

function escaped(rune: string): string {
  if (rune !== '\n' && rune !== '"' && rune !== '\\' && !unprintable.test(rune)) return rune;
  const short = escapes[rune];
  if (short !== undefined) return `\\${short}`;
  const code = rune.codePointAt(0)!;
  const hex = code.toString(16).toUpperCase();
  if (code <= 0xff) return `\\x${hex.padStart(2, '0')}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}

function lengthOf(text: string): number {
  return [...text].length;
}
