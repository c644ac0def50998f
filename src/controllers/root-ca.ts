/** Puts the cluster's CA into every namespace, as the ConfigMap that pods' service account volumes show. */
import configMaps from '#api/core/configmap.js';
import namespaces from '#api/core/namespace.js';
import type { Namespace } from '#api/gen/core-v1.js';
import { isReason, StatusError } from '#apimachinery/errors.js';
import { equal } from '#base/json.js';
import { isNamespaceTerminating } from './pod-writes.js';
import { defineController, watch } from './runtime.js';

const name = 'kube-root-ca.crt';

const annotations = {
  'kubernetes.io/description':
    'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.',
};

export default defineController<Namespace, undefined>({
  name: 'root-ca-cert-publisher',
  workers: 1,
  for: namespaces,
  watches: () => [
    watch(configMaps, ({ metadata }, { type }) =>
      type !== 'added' && metadata.name === name ? [metadata.namespace!] : [],
    ),
  ],
  async reconcile({ name: namespace }, { client, informers, rootCa, clock, metrics }) {
    const startMs = clock.monotonic();
    let code = 200;
    if (informers.of(namespaces).get(namespace)?.status?.phase !== 'Active') return;
    const data = { 'ca.crt': rootCa };
    const current = informers.of(configMaps).get(`${namespace}/${name}`);
    try {
      if (!current) {
        const metadata = { name, namespace, annotations };
        await client.of(configMaps).create({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data });
      } else {
        const hasAnnotations = Object.entries(annotations).every(
          ([key, value]) => current.metadata.annotations?.[key] === value,
        );
        if (equal(current.data, data) && hasAnnotations) return;
        const metadata = { ...current.metadata, annotations: { ...current.metadata.annotations, ...annotations } };
        await client.of(configMaps).update({ ...current, metadata, data });
      }
    } catch (error) {
      code = error instanceof StatusError ? error.code : 500;
      if (!isReason(error, 'AlreadyExists') && !isNamespaceTerminating(error)) throw error;
    } finally {
      metrics.rootCaSyncs.with(String(code)).add();
      metrics.rootCaSeconds.with(String(code)).observe((clock.monotonic() - startMs) / 1000);
    }
  },
});
