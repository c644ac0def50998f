/** Values sealed under keys of ours that a KMS plugin has encrypted, in upstream's form, so that either reads the other's. */
import { RecentMap } from '#client/recent-map.js';
import { aesGcm, encryptedPrefix, type Provider } from '../providers.js';
import { encryptedObject, sourceTypes } from './messages.js';
import { decoded, type KmsPlugin, type WrappedKey, wrappedProblem } from './plugin.js';
import { type DataCipher, seedCipher } from './seed.js';

/** Decrypted keys that are remembered: there is one for each start of a server and each key of the plugin. */
const keysMax = 1024;

export function kmsProvider(plugin: KmsPlugin): Provider {
  const ciphers = new RecentMap<string, Promise<DataCipher>>(keysMax);
  const cipherOf = (wrapped: WrappedKey): Promise<DataCipher> => {
    const id = idOf(wrapped);
    let found = ciphers.get(id);
    if (!found) {
      const { type } = wrapped;
      found = plugin
        .unwrap(wrapped)
        .then((key) => (type === sourceTypes.seed ? seedCipher(key) : aesGcm({ name: '', secret: key })));
      ciphers.set(id, found);
      // One that could not be had is asked for again.
      found.catch(() => ciphers.delete(id));
    }
    return found;
  };
  return {
    prefix: `${encryptedPrefix}kms:v2:${plugin.name}:`,
    seal(value, place) {
      const { cipher, wrapped } = plugin.sealing;
      const id = idOf(wrapped);
      if (!ciphers.get(id)) ciphers.set(id, Promise.resolve(cipher));
      return encryptedObject.encode({
        encryptedData: cipher.seal(value, place),
        keyId: wrapped.keyId,
        encryptedDekSource: wrapped.source,
        annotations: wrapped.annotations,
        encryptedDekSourceType: wrapped.type,
      });
    },
    async open(sealed, place) {
      const object = encryptedObject.decode(Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength));
      const wrapped: WrappedKey = {
        type: object.encryptedDekSourceType,
        source: object.encryptedDekSource,
        keyId: object.keyId,
        annotations: decoded(object.annotations),
      };
      const problem = wrappedProblem(wrapped);
      if (problem || object.encryptedData.length === 0) throw new Error(problem ?? 'encrypted data is empty');
      const value = (await cipherOf(wrapped)).open(object.encryptedData, place);
      const { current } = plugin;
      return { value, stale: current?.keyId !== wrapped.keyId || current.type !== wrapped.type };
    },
  };
}

function idOf({ type, source, keyId, annotations }: WrappedKey): string {
  const hex = (value: Uint8Array) => Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex');
  const sorted = [...annotations].sort((a, b) => (a.key < b.key ? -1 : 1));
  return JSON.stringify([type, hex(source), keyId, sorted.map(({ key, value }) => [key, hex(value)])]);
}
