/** Certificates, requests and tokens that are made to crash or to hold up whoever reads them. */
import 'reflect-metadata';
import { generateKeyPairSync, type KeyObject, webcrypto } from 'node:crypto';
import * as peculiar from '@peculiar/x509';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { bitString, DerError, decode, encode, oid, sequence, unsigned } from './der.js';
import { JwsError, peekClaims, signToken, verificationKey, verifyToken } from './jws.js';
import { certificateSubject, fromPem, parseCertificationRequest } from './x509.js';

const size = 1 << 20;
const tagged = (tag: number, content: Uint8Array) => encode(tag, content);
const sequenceTag = 0x30;

/** What was complained about; anything but complaints of this class is a bug. */
function complaint(read: () => unknown, Known: new (...given: never[]) => Error): string | undefined {
  // Of processor time: the machine may have more to do.
  const start = process.cpuUsage();
  try {
    read();
    return undefined;
  } catch (error) {
    if (!(error instanceof Known)) throw error;
    return error.message;
  } finally {
    expect(process.cpuUsage(start).user / 1000).toBeLessThan(5_000);
  }
}

/** Some bytes of it are others, it is cut, or something stands in between. */
const spoiled = (bytes: Uint8Array) =>
  fc
    .record({
      at: fc.nat(bytes.length - 1),
      byte: fc.nat(255),
      more: fc.uint8Array({ maxLength: 8 }),
      cut: fc.option(fc.nat(bytes.length), { nil: bytes.length }),
    })
    .map(({ at, byte, more, cut }) =>
      Buffer.concat([bytes.subarray(0, at), Buffer.from([byte]), more, bytes.subarray(at + 1)]).subarray(0, cut),
    );

describe('certification requests', () => {
  let der: Buffer;
  beforeAll(async () => {
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const made = await peculiar.Pkcs10CertificateRequestGenerator.create({
      name: 'CN=a, O=b',
      keys: keys as never,
      signingAlgorithm: algorithm,
      extensions: [new peculiar.SubjectAlternativeNameExtension([{ type: 'dns', value: 'x.y' }])],
    });
    der = Buffer.from(made.rawData);
  });

  it('are read or refused, however they are spoiled', () => {
    expect(complaint(() => parseCertificationRequest(der), DerError)).toBeUndefined();
    fc.assert(
      fc.property(spoiled(der), (bytes) => {
        complaint(() => parseCertificationRequest(bytes), DerError);
        complaint(() => certificateSubject(bytes), DerError);
      }),
      { numRuns: 500 },
    );
  });

  it('are refused when their keys cannot sign', () => {
    for (const type of ['x25519', 'x448', 'ed25519'] as const) {
      const { publicKey } = generateKeyPairSync(type as 'x25519') as { publicKey: KeyObject };
      expect(complaint(() => parseCertificationRequest(requestOf(publicKey)), DerError)).toBeDefined();
    }
  });

  it('are refused when they are huge', () => {
    const deep = Array.from({ length: 4000 }).reduce<Buffer>((inner) => tagged(sequenceTag, inner), Buffer.alloc(0));
    const huge: Uint8Array[] = [
      Buffer.alloc(size),
      Buffer.alloc(size, sequenceTag),
      Buffer.alloc(size, 0xff),
      deep,
      tagged(sequenceTag, Buffer.alloc(size, sequence())),
      sequence(sequence(unsigned(Buffer.alloc(size, 1)))),
      sequence(sequence(sequence(tagged(0x06, Buffer.alloc(size, 0x81))))),
    ];
    for (const bytes of huge) {
      expect(complaint(() => parseCertificationRequest(bytes), DerError)).toBeDefined();
      complaint(() => certificateSubject(bytes), DerError);
      complaint(() => decode(bytes), DerError);
    }
  });

  it('come in PEM that is made of beginnings, spaces and ends', () => {
    const [begin, end] = ['-----BEGIN CERTIFICATE REQUEST-----', '-----END CERTIFICATE REQUEST-----'];
    for (const text of [
      begin.repeat(size / 35),
      end.repeat(size / 35),
      `${begin}${' '.repeat(size)}`,
      '-'.repeat(size),
    ])
      expect(complaint(() => fromPem('CERTIFICATE REQUEST', text), DerError)).toBeDefined();
  });
});

/** A request that nobody has signed, for a key. */
function requestOf(publicKey: KeyObject): Buffer {
  const ecdsaWithSha256 = '1.2.840.10045.4.3.2';
  const info = sequence(
    unsigned(Buffer.from([0])),
    sequence(),
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa0, Buffer.alloc(0)),
  );
  return sequence(info, sequence(oid(ecdsaWithSha256)), bitString(Buffer.alloc(64)));
}

describe('tokens', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const keys = [verificationKey(privateKey)];
  const token = signToken({ sub: 'a', exp: 1 }, privateKey);
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const read = (text: string) => {
    complaint(() => peekClaims(text), JwsError);
    return complaint(() => verifyToken(text, keys), JwsError);
  };

  it('are verified or refused, however they are spoiled', () => {
    expect(read(token)).toBeUndefined();
    fc.assert(
      fc.property(spoiled(Buffer.from(token)), (bytes) => {
        if (bytes.toString('latin1') !== token) read(bytes.toString('latin1'));
      }),
    );
    const piece = fc.oneof(
      fc.constantFrom('', '.', '..', part(null), part([]), part({ alg: 'none' }), part({ alg: 'ES256', kid: {} })),
      fc.constantFrom(part({ alg: 'RS256' }), part({ alg: 'ES256' }), part({ alg: 'ES256', crit: [] }), part('x')),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 5 }), (parts) => void expect(read(parts.join('.'))).toBeDefined()),
    );
  });

  it.each([
    ['dots', '.'.repeat(size)],
    ['one part', 'A'.repeat(size)],
    ['deep JSON', `${Buffer.from('['.repeat(size / 2)).toString('base64url')}.${part({})}.AA`],
    ['a signature of a megabyte', `${part({ alg: 'ES256' })}.${part({})}.${'A'.repeat(size)}`],
  ])('of a megabyte are refused: %s', (_, text) => {
    expect(read(text)).toBeDefined();
  });
});
