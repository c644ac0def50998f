/**
 * AES-GCM under a key of its own for each value, derived from one seed and random bytes that stand before the value: as
 * upstream derives them for KMS plugins (KEP-3299), so that no number of writes wears a key out.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { aesGcm, type LocalProvider } from '../providers.js';

export const seedBytes = 32;
const infoBytes = 32;

/** Opens and seals values; what a data encryption key is for. */
export type DataCipher = Pick<LocalProvider, 'seal' | 'open'>;

export function seedCipher(seed: Uint8Array): DataCipher {
  if (seed.length < seedBytes) throw new Error(`invalid seed length ${seed.length} used for key generation`);
  const cipherFor = (info: Uint8Array) => aesGcm({ name: '', secret: expand(seed, info) });
  return {
    seal(value, place) {
      const info = randomBytes(infoBytes);
      return Buffer.concat([info, cipherFor(info).seal(value, place)]);
    },
    open(sealed, place) {
      if (sealed.length < infoBytes) throw new Error('the stored data was shorter than the required size');
      return cipherFor(sealed.subarray(0, infoBytes)).open(sealed.subarray(infoBytes), place);
    },
  };
}

/** The second half of HKDF with SHA-256, of one block (RFC 5869, 2.3): the seed is random already. */
function expand(seed: Uint8Array, info: Uint8Array): Uint8Array {
  return createHmac('sha256', seed).update(info).update(Uint8Array.of(1)).digest();
}
