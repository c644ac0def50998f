/**
 * What is said to a KMS plugin over gRPC, version 2, and the form in which sealed values lie in the store.
 * https://kubernetes.io/docs/tasks/administer-cluster/kms-provider/
 */
import { bytes, int, list, message, nested, string } from '#base/grpc/message.js';

/** `map<string, bytes>`, as which it is the same on the wire. */
const entry = message({ key: string(1), value: bytes(2) });
const annotations = (number: number) => list(nested(number, entry));

export type Annotations = readonly { key: string; value: Uint8Array }[];

const service = '/v2.KeyManagementService';

export const status = {
  path: `${service}/Status`,
  request: message({}),
  response: message({ version: string(1), healthz: string(2), keyId: string(3) }),
};

export const encrypt = {
  path: `${service}/Encrypt`,
  request: message({ plaintext: bytes(1), uid: string(2) }),
  response: message({ ciphertext: bytes(1), keyId: string(2), annotations: annotations(3) }),
};

export const decrypt = {
  path: `${service}/Decrypt`,
  request: message({ ciphertext: bytes(1), uid: string(2), keyId: string(3), annotations: annotations(4) }),
  response: message({ plaintext: bytes(1) }),
};

/** What `encryptedDekSource` is: a key of AES-GCM, or a seed from which a key is derived for each value. */
export const sourceTypes = { key: 0, seed: 1 } as const;

export const encryptedObject = message({
  encryptedData: bytes(1),
  keyId: string(2),
  encryptedDekSource: bytes(3),
  annotations: annotations(4),
  encryptedDekSourceType: int(5),
});
