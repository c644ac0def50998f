/** GET /logs/...: the files below the machine's log directory, folders as lists of links, as Go's file server has them. */
import { open, readdir, realpath, stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** How much of a file says whether it is text. */
const sniffedBytes = 512;

/**
 * `parts` are those of the path after `/logs/`, decoded; the last is empty for a folder. Gives whether there was an
 * answer: what is not there, or stands outside of the directory by a link, is not.
 */
export async function serveNodeLogs(
  request: IncomingMessage,
  response: ServerResponse,
  { directory, parts }: { directory: string; parts: readonly string[] },
): Promise<boolean> {
  // `..` is looked at as a name, which no file has.
  if (parts.some((part) => part === '.' || part === '..' || /[/\0]/.test(part))) return false;
  const path = await inside(directory, parts);
  const found = path && (await stat(path).catch(missing));
  if (!found) return false;
  const isFolder = found.isDirectory();
  const last = parts.at(-1) ?? '';
  if (isFolder !== (last === '')) {
    const name = encodeURIComponent(isFolder ? last : (parts.at(-2) ?? ''));
    response.writeHead(301, { location: isFolder ? `${name}/` : `../${name}` }).end();
    return true;
  }
  if (isFolder) await sendFolder(request, response, path);
  else if (found.isFile()) await sendFile(request, response, { path, modified: found.mtime });
  else return false;
  return true;
}

/** Links are followed, but not out of the directory: whoever may write a log may not show us the rest of the machine. */
async function inside(directory: string, parts: readonly string[]): Promise<string | undefined> {
  const [root, path] = await Promise.all(
    [directory, join(directory, ...parts)].map((one) => realpath(one).catch(missing)),
  );
  return root && path && (path === root || path.startsWith(root + sep)) ? path : undefined;
}

async function sendFolder(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
  const entries = await readdir(path, { withFileTypes: true });
  const names = entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort();
  const links = names.map(
    (name) => `<a href="${encodeURIComponent(name).replace(/%2F$/, '/')}">${escaped(name)}</a>\n`,
  );
  const page = `<!doctype html>\n<meta name="viewport" content="width=device-width">\n<pre>\n${links.join('')}</pre>\n`;
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
  response.end(request.method === 'HEAD' ? '' : page);
}

async function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  { path, modified }: { path: string; modified: Date },
): Promise<void> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read(Buffer.alloc(sniffedBytes), 0, sniffedBytes, 0);
    response.writeHead(200, {
      'content-type': isText(buffer.subarray(0, bytesRead)) ? 'text/plain; charset=utf-8' : 'application/octet-stream',
      'content-length': String(size),
      'last-modified': modified.toUTCString(),
    });
    // A log grows while it is sent; what was promised is what goes out.
    if (request.method === 'HEAD' || size === 0) response.end();
    else await pipeline(file.createReadStream({ start: 0, end: size - 1, autoClose: false }), response);
  } finally {
    await file.close();
  }
}

/** https://mimesniff.spec.whatwg.org/#binary-data-byte */
function isText(bytes: Buffer): boolean {
  return !bytes.some(
    (byte) => byte <= 0x08 || byte === 0x0b || (byte >= 0x0e && byte <= 0x1a) || (byte >= 0x1c && byte <= 0x1f),
  );
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;', "'": '&#39;' };

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (letter) => entities[letter]!);
}

function missing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR' && error.code !== 'ELOOP') throw error;
  return undefined;
}
