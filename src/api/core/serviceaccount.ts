/** ServiceAccount: an identity for the processes in pods. */
import type { ServiceAccount } from '#api/gen/core-v1.js';
import { ageColumn, nameColumn } from '../meta/columns.js';
import { defineResource } from '../resource.js';

export default defineResource<ServiceAccount>({
  group: '',
  versions: ['v1'],
  kind: 'ServiceAccount',
  shortNames: ['sa'],
  namespaced: true,
  metadataRepeats: { update: ['change', 'whole'] },
  subresources: {
    others: [{ name: 'token', kind: 'TokenRequest', group: 'authentication.k8s.io', version: 'v1', verbs: ['create'] }],
  },
  storageVersionHash: 'pbx9ZvyFpBE=',
  prepareForCreate: keepSecretNames,
  prepareForUpdate: keepSecretNames,
  warnings,
  deletion: { returnsObject: true },
  columns: [nameColumn, ageColumn],
});

const mountableAnnotation = 'kubernetes.io/enforce-mountable-secrets';

function warnings({ metadata }: ServiceAccount, old: ServiceAccount | undefined): string[] {
  const has = (annotations: Record<string, string> | undefined) => annotations?.[mountableAnnotation] !== undefined;
  if (!has(metadata.annotations) || has(old?.metadata.annotations)) return [];
  const why = 'deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets';
  return [`metadata.annotations[${mountableAnnotation}]: ${why}`];
}

/** Secrets are of the account's namespace: nothing but their names is kept. */
function keepSecretNames(account: ServiceAccount): void {
  if (account.secrets) account.secrets = account.secrets.map(({ name }) => (name === undefined ? {} : { name }));
}
