/**
 * Files that containers leave in a volume for the environment of others (KEP-3721): lines of `NAME='value'`, where a value
 * may go over lines and holds no quote.
 */
import { KubeletError } from './kubelet-error.js';

/** What is read of a file at most, and of one line of it. */
export const envFileBytesMax = 1024 * 1024;
const lineCharsMax = 64 * 1024;

/** '' where the file does not say. Lines after the one that does are not looked at. Throws KubeletError 'config'. */
export function valueInEnvFile(text: string, key: string): string {
  const lines = text.split('\n').map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
  if (lines.at(-1) === '') lines.pop();
  for (let at = 0; at < lines.length; at++) {
    const line = lineAt(lines, at).replace(/^[ \t]+/, '');
    if (line === '' || line.startsWith('#')) continue;
    const equals = line.indexOf('=');
    const name = line.slice(0, Math.max(equals, 0));
    if (name === '' || /[ \t]$/.test(name)) throw unreadable(at, 'a name and = without space between them');
    const given = line.slice(equals + 1);
    // As a shell has it: what follows the space is not part of the assignment.
    if (/^[ \t]/.test(given)) {
      if (name === key) return '';
      continue;
    }
    if (!given.startsWith("'")) throw unreadable(at, 'a value in single quotes');
    const value: string[] = [];
    let rest = given.slice(1);
    while (!rest.includes("'")) {
      value.push(rest);
      if (++at === lines.length) throw unreadable(at, 'the closing quote');
      rest = lineAt(lines, at);
    }
    const end = rest.indexOf("'");
    if (!/^[ \t]*(?:#|$)/.test(rest.slice(end + 1))) throw unreadable(at, 'nothing but a comment behind the value');
    if (name === key) return [...value, rest.slice(0, end)].join('\n');
  }
  return '';
}

function lineAt(lines: readonly string[], at: number): string {
  const line = lines[at]!;
  if (line.length > lineCharsMax) throw unreadable(at, `no more than ${lineCharsMax} characters`);
  return line;
}

/** The pod's user is told as much as upstream tells. */
function unreadable(at: number, wanted: string): KubeletError {
  return unreadableEnvFile(new Error(`line ${at + 1}: expected ${wanted}`));
}

export function unreadableEnvFile(cause: unknown): KubeletError {
  return new KubeletError('config', "couldn't parse env file", { cause });
}
