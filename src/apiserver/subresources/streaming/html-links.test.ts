import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HtmlLinks } from './html-links.js';

const rewrite = (address: string) => (address.startsWith('/') ? `/proxy${address}` : address);

function pass(page: string | Buffer, chunkBytes = Number.POSITIVE_INFINITY): Buffer {
  const bytes = Buffer.from(page as string);
  const links = new HtmlLinks(rewrite);
  const out: Buffer[] = [];
  links.on('data', (chunk: Buffer) => out.push(chunk));
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    links._transform(bytes.subarray(at, Math.min(at + chunkBytes, bytes.length)), 'utf8', () => {});
  }
  links._flush(() => {});
  for (let chunk = links.read(); chunk; chunk = links.read()) out.push(chunk);
  return Buffer.concat(out);
}

test.each([
  ['<a href="/x">test</a>', '<a href="/proxy/x">test</a>'],
  ["<A class=b HREF = '/x' title=/y>", "<A class=b HREF = '/proxy/x' title=/y>"],
  ['<img src=/i.png usemap="#m">', '<img src=/proxy/i.png usemap="#m">'],
  ['<p href="/x">/x</p>', '<p href="/x">/x</p>'],
  ['<a data-href="/x" href="y">', '<a data-href="/x" href="y">'],
  ['<a title=">" href="/x">', '<a title=">" href="/proxy/x">'],
  ['<!-- <a href="/x"> --><a href="/y">', '<!-- <a href="/x"> --><a href="/proxy/y">'],
  [
    '<script src="/s">"<a href=\\"/x\\">"</SCRIPT><a href="/y">',
    '<script src="/proxy/s">"<a href=\\"/x\\">"</SCRIPT><a href="/proxy/y">',
  ],
  ['1 < 2 <a href="/x">é</a', '1 < 2 <a href="/proxy/x">é</a'],
  ['<a href="/unfinished', '<a href="/unfinished'],
])('%s', (page, expected) => {
  expect(pass(page).toString()).toBe(expected);
  for (const chunkBytes of [1, 2, 3, 7]) expect(pass(page, chunkBytes).toString()).toBe(expected);
});

describe('whatever comes', () => {
  test('goes out byte by byte as it came in, where there is no link', () => {
    const plain = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes.filter((byte) => byte !== 0x2f)));
    fc.assert(fc.property(plain, fc.integer({ min: 1, max: 40 }), (page, size) => pass(page, size).equals(page)));
  });

  test('is cut into chunks without any effect', () => {
    const piece = fc.constantFrom(
      '<',
      '>',
      '<a ',
      'href=',
      '"',
      "'",
      '/x',
      '<!--',
      '-->',
      '<script',
      '</script',
      ' ',
      'é',
    );
    const page = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(page, fc.integer({ min: 1, max: 9 }), (text, size) => {
        expect(pass(text, size).toString()).toBe(pass(text).toString());
      }),
    );
  });

  test('takes bounded time, tags without end too', () => {
    const hostile = [
      '<a '.repeat(40_000),
      `<a ${'x'.repeat(300_000)}`,
      `<a ${'x '.repeat(150_000)}>`,
      '<!-'.repeat(90_000),
    ];
    for (const page of hostile) expect(pass(page, 16_384).length).toBe(page.length);
  });
});
