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
  subresources: {
    others: [{ name: 'token', kind: 'TokenRequest', group: 'authentication.k8s.io', version: 'v1', verbs: ['create'] }],
  },
  storageVersionHash: 'pbx9ZvyFpBE=',
  prepareForCreate: keepSecretNames,
  prepareForUpdate: keepSecretNames,
  deletion: { returnsObject: true },
  columns: [nameColumn, ageColumn],
});

/** Secrets are of the account's namespace: nothing but their names is kept. */
function keepSecretNames(account: ServiceAccount): void {
  if (account.secrets) account.secrets = account.secrets.map(({ name }) => (name === undefined ? {} : { name }));
}
