/** ServiceAccount: sees to it that every namespace has its account `default`, for pods that name none. */
import namespaces from '#api/core/namespace.js';
import serviceAccounts from '#api/core/serviceaccount.js';
import type { Namespace } from '#api/gen/core-v1.js';
import { isReason } from '#apimachinery/errors.js';
import { isNamespaceTerminating } from './pod-writes.js';
import { defineController, watch } from './runtime.js';

const defaultName = 'default';

export default defineController<Namespace, undefined>({
  name: 'service-account-controller',
  workers: 1,
  for: namespaces,
  watches: () => [
    watch(serviceAccounts, ({ metadata }, { type }) =>
      type === 'deleted' && metadata.name === defaultName ? [metadata.namespace!] : [],
    ),
  ],
  async reconcile({ name }, { client, informers }) {
    if (informers.of(namespaces).get(name)?.status?.phase !== 'Active') return;
    if (informers.of(serviceAccounts).get(`${name}/${defaultName}`)) return;
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: defaultName, namespace: name } };
    try {
      await client.of(serviceAccounts).create(account);
    } catch (error) {
      if (!isReason(error, 'AlreadyExists') && !isNamespaceTerminating(error)) throw error;
    }
  },
});
