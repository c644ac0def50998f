/** A place in a YAML text, and how to get over what stands between its tokens. */
import { YamlError } from './yaml-error.js';

const newline = 0x0a;
const space = 0x20;
const tab = 0x09;
const hash = 0x23;

export class Cursor {
  readonly text: string;
  at = 0;
  /** Where the line of `at` begins. */
  lineStart = 0;
  /** Whether only indentation (and dashes that are part of it) stand before `at` on its line. */
  fresh = true;

  constructor(text: string) {
    this.text = text;
  }

  get code(): number {
    return this.text.charCodeAt(this.at);
  }

  get column(): number {
    return this.at - this.lineStart;
  }

  get done(): boolean {
    return this.at >= this.text.length;
  }

  /** Whether a blank, the end of the line or of the text stands `ahead` of here. */
  isBlank(ahead = 0): boolean {
    const code = this.text.charCodeAt(this.at + ahead);
    return code === space || code === newline || code === tab || Number.isNaN(code);
  }

  skipSpaces(): void {
    while (this.code === space || this.code === tab) this.at++;
  }

  /** To the next token, over blanks, comments and line ends. True when it stands on another line. */
  skipBlanks(): boolean {
    let isNext = false;
    for (;;) {
      this.skipSpaces();
      if (this.code === hash) this.skipLine();
      if (this.code !== newline) return isNext;
      this.at++;
      this.lineStart = this.at;
      this.fresh = true;
      isNext = true;
    }
  }

  skipLine(): void {
    const end = this.text.indexOf('\n', this.at);
    this.at = end < 0 ? this.text.length : end;
  }

  /** `---` or `...` at the start of a line. */
  get isMarker(): boolean {
    if (this.at !== this.lineStart || !this.isBlank(3)) return false;
    return this.text.startsWith('---', this.at) || this.text.startsWith('...', this.at);
  }

  /** The line that a place is in, from 1 on. */
  lineOf(at: number): number {
    let line = 1;
    for (let found = this.text.indexOf('\n'); found >= 0 && found < at; found = this.text.indexOf('\n', found + 1))
      line++;
    return line;
  }

  /** Upstream tells lines from the second on; for what its parser finds, and not its scanner, one less. */
  problem(
    message: string,
    { at = this.at, by = 'scanner' }: { at?: number; by?: 'scanner' | 'parser' } = {},
  ): YamlError {
    const line = this.lineOf(at);
    const told = by === 'scanner' ? line : line - 1;
    return new YamlError('syntax', `yaml: ${line > 1 ? `line ${told}: ` : ''}${message}`);
  }
}
