/** Secret: small confidential data. */

import type { Secret } from '#api/gen/core-v1.js';
import { invalidValue, required, tooLong } from '#apimachinery/field-error.js';
import { validateImmutable } from '#apimachinery/metadata-validation.js';
import { configMapKeyProblems } from '#apimachinery/names.js';
import { check, type FieldErrors } from '../meta/check.js';
import { ageColumn, nameColumn } from '../meta/columns.js';
import { fieldText } from '../meta/field-text.js';
import { defineResource } from '../resource.js';
import { checkFrozen } from './configmap.js';
import { keyPairProblem } from './tls-pair.js';

const bytesMax = 1024 * 1024;
const accountNameAnnotation = 'kubernetes.io/service-account.name';

export default defineResource<Secret>({
  group: '',
  versions: ['v1'],
  kind: 'Secret',
  namespaced: true,
  metadataRepeats: { update: ['change', 'whole'] },
  storageVersionHash: 'S6u1pOWzb84=',
  selectableFields: { type: (secret) => secret.type ?? '' },
  default: setDefaults,
  *validate(secret) {
    yield* checkContents(secret);
    yield* checkType(secret);
  },
  tellsChangeFirst: true,
  validateUpdate: (secret, old) => [
    ...validateImmutable('type', { value: secret.type, old: old.type }),
    ...checkFrozen(secret, old, ['data']),
  ],
  warnings,
  columns: [
    nameColumn,
    { name: 'Type', type: 'string', description: fieldText('core.v1.Secret.type'), cell: ({ type }) => type ?? '' },
    {
      name: 'Data',
      type: 'string',
      description: fieldText('core.v1.Secret.data'),
      cell: ({ data }) => Object.keys(data ?? {}).length,
    },
    ageColumn,
  ],
});

/** `stringData` is a way of writing only: it goes into `data` and is never kept. */
function setDefaults(secret: Secret): void {
  secret.type ||= 'Opaque';
  for (const [key, text] of Object.entries(secret.stringData ?? {})) {
    secret.data ??= {};
    secret.data[key] = Buffer.from(text, 'utf8').toString('base64');
  }
  delete secret.stringData;
}

/** A server that finds no pair in such a secret serves nothing; say so early. */
function warnings({ type, data = {} }: Secret): string[] {
  if (type !== 'kubernetes.io/tls') return [];
  const text = (key: string) => Buffer.from(data[key] ?? '', 'base64').toString('latin1');
  const problem = keyPairProblem({ certificates: text('tls.crt'), key: text('tls.key') });
  return problem ? [problem] : [];
}

function* checkContents({ data = {} }: Secret): FieldErrors {
  let bytes = 0;
  for (const [key, text] of Object.entries(data)) {
    yield* check(`data[${key}]`, key, configMapKeyProblems);
    bytes += Buffer.byteLength(text ?? '', 'base64');
  }
  if (bytes > bytesMax) yield tooLong('data', bytesMax);
}

/** https://kubernetes.io/docs/concepts/configuration/secret/#secret-types */
function* checkType({ type, data = {}, metadata }: Secret): FieldErrors {
  const at = (key: string) => `data[${key}]`;
  const needs = function* (...keys: string[]): FieldErrors {
    for (const key of keys) if (data[key] === undefined) yield required(at(key));
  };
  switch (type) {
    case 'kubernetes.io/service-account-token':
      if (!metadata.annotations?.[accountNameAnnotation])
        yield required(`metadata.annotations[${accountNameAnnotation}]`);
      return;
    case 'kubernetes.io/dockercfg':
      yield* checkJson('.dockercfg', data);
      return;
    case 'kubernetes.io/dockerconfigjson':
      yield* checkJson('.dockerconfigjson', data);
      return;
    case 'kubernetes.io/basic-auth':
      if (data['username'] === undefined && data['password'] === undefined) yield* needs('username', 'password');
      return;
    case 'kubernetes.io/ssh-auth':
      if (!data['ssh-privatekey']) yield required(at('ssh-privatekey'));
      return;
    case 'kubernetes.io/tls':
      yield* needs('tls.crt', 'tls.key');
  }
}

function* checkJson(key: string, data: Record<string, string>): FieldErrors {
  const text = data[key];
  if (text === undefined) yield required(`data[${key}]`);
  else if (!isJsonObject(Buffer.from(text, 'base64').toString('utf8')))
    yield invalidValue(`data[${key}]`, '<secret contents redacted>', 'must be a valid JSON object');
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && !Array.isArray(value);
  } catch {
    return false;
  }
}
