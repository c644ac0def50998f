/**
 * How stored bytes are made unreadable: one provider for each way, in upstream's forms, so that the same configuration
 * reads what upstream has written. https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/#providers
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { nonceBytes as boxNonceBytes, openBox, sealBox } from '#base/secretbox.js';

export interface Provider {
  /** What its values begin with; '' for bytes as they are. */
  prefix: string;
  /** `place` is the key under which the value is stored, which some bind it to. */
  seal(value: Uint8Array, place: string): Uint8Array;
  /** Throws Error for bytes that it did not seal. */
  open(sealed: Uint8Array, place: string): Uint8Array | Promise<Opened>;
}

export const encryptedPrefix = 'k8s:enc:';

/** Leaves bytes as they are; what is encrypted is another provider's to read. */
export const identity: Provider = {
  prefix: '',
  seal: (value) => value,
  open(value) {
    if (startsWith(value, encryptedPrefix)) throw new Error('identity transformer tried to read encrypted data');
    return value;
  },
};

/** Whose key is at hand. */
export interface LocalProvider extends Provider {
  open(sealed: Uint8Array, place: string): Uint8Array;
}

export interface NamedKey {
  name: string;
  secret: Uint8Array;
}

const gcmNonceBytes = 12;
const gcmTagBytes = 16;

/** Random nonces: a key must be changed after 2^32 writes at the latest. */
export function aesGcm({ name, secret }: NamedKey): LocalProvider {
  const cipher = `aes-${secret.length * 8}-gcm` as 'aes-256-gcm';
  return {
    prefix: `${encryptedPrefix}aesgcm:v1:${name}:`,
    seal(value, place) {
      const nonce = randomBytes(gcmNonceBytes);
      const sealing = createCipheriv(cipher, secret, nonce).setAAD(Buffer.from(place));
      return Buffer.concat([nonce, sealing.update(value), sealing.final(), sealing.getAuthTag()]);
    },
    open(sealed, place) {
      if (sealed.length < gcmNonceBytes + gcmTagBytes)
        throw new Error('the stored data was shorter than the required size');
      const end = sealed.length - gcmTagBytes;
      const opening = createDecipheriv(cipher, secret, sealed.subarray(0, gcmNonceBytes))
        .setAAD(Buffer.from(place))
        .setAuthTag(sealed.subarray(end));
      return Buffer.concat([opening.update(sealed.subarray(gcmNonceBytes, end)), opening.final()]);
    },
  };
}

const blockBytes = 16;

export function aesCbc({ name, secret }: NamedKey): Provider {
  const cipher = `aes-${secret.length * 8}-cbc`;
  return {
    prefix: `${encryptedPrefix}aescbc:v1:${name}:`,
    seal(value) {
      const start = randomBytes(blockBytes);
      const sealing = createCipheriv(cipher, secret, start);
      return Buffer.concat([start, sealing.update(value), sealing.final()]);
    },
    open(sealed) {
      if (sealed.length < 2 * blockBytes) throw new Error('the stored data was shorter than the required size');
      const opening = createDecipheriv(cipher, secret, sealed.subarray(0, blockBytes));
      return Buffer.concat([opening.update(sealed.subarray(blockBytes)), opening.final()]);
    },
  };
}

export function secretbox({ name, secret: key }: NamedKey): Provider {
  return {
    prefix: `${encryptedPrefix}secretbox:v1:${name}:`,
    seal(value) {
      const nonce = randomBytes(boxNonceBytes);
      return Buffer.concat([nonce, sealBox(value, { nonce, key })]);
    },
    open(sealed) {
      const nonce = sealed.subarray(0, boxNonceBytes);
      const opened =
        sealed.length < boxNonceBytes ? undefined : openBox(sealed.subarray(boxNonceBytes), { nonce, key });
      if (!opened) throw new Error('output array was not large enough for encryption');
      return opened;
    },
  };
}

export interface Opened {
  value: Uint8Array;
  /** Not by the first provider, or not by its key of now: to be written again when next it is written at all. */
  stale: boolean;
}

/** By the first provider that can. Throws Error. */
export async function openBy(providers: readonly Provider[], sealed: Uint8Array, place: string): Promise<Opened> {
  let failure: Error | undefined;
  for (const [index, { prefix, open }] of providers.entries()) {
    if (!startsWith(sealed, prefix)) continue;
    try {
      const opened = open(sealed.subarray(prefix.length), place);
      if (!(opened instanceof Promise)) return { value: opened, stale: index > 0 };
      const { value, stale } = await opened;
      return { value, stale: stale || index > 0 };
    } catch (error) {
      // Another key of the same name, or another provider, may still fit.
      if (prefix) failure ??= error as Error;
    }
  }
  throw failure ?? new Error('no matching prefix found');
}

export function sealBy(providers: readonly Provider[], value: Uint8Array, place: string): Uint8Array {
  const [first = identity] = providers;
  if (first === identity) return value;
  return Buffer.concat([Buffer.from(first.prefix), first.seal(value, place)]);
}

function startsWith(bytes: Uint8Array, prefix: string): boolean {
  return (
    Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, prefix.length)).toString('latin1') === prefix
  );
}
