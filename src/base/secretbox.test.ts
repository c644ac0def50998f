import fc from 'fast-check';
import { expect, it } from 'vitest';
import { openBox, sealBox } from './secretbox.js';

const hex = (text: string) => Buffer.from(text.replace(/\s/g, ''), 'hex');

/** The vector of NaCl's own tests (secretbox.c). */
const key = hex('1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389');
const nonce = hex('69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37');
const message =
  hex(`be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffc e5ecbaaf33bd751a1ac728d45e6c61296cdc3c01233561f41db66cce314adb31
  0e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde 048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f937763848645e0705`);
const box = hex(`f3ffc7703f9400e52a7dfb4b3d3305d9 8e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186a
  c0dfc17c98dce87b4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738 b48eeee314a7cc8ab932164548e526ae90224368517acfeabd6bb3732bc0e9da
  99832b61ca01b6de56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74 e355a5`);

it('makes the boxes that NaCl makes', () => {
  expect(sealBox(message, { key, nonce }).equals(box)).toBe(true);
  expect(openBox(box, { key, nonce })?.equals(message)).toBe(true);
});

it('opens what it sealed, and nothing that was changed', () => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), bytes(32), bytes(24), fc.nat(), (text, k, n, at) => {
      const sealed = sealBox(text, { key: k, nonce: n });
      expect(openBox(sealed, { key: k, nonce: n })).toEqual(Buffer.from(text));
      sealed[at % sealed.length]! ^= 1;
      expect(openBox(sealed, { key: k, nonce: n })).toBeUndefined();
    }),
    { numRuns: 60 },
  );
  expect(openBox(Buffer.alloc(3), { key, nonce })).toBeUndefined();
});
