/** Which pods stand behind a service and on which ports; for the two APIs that publish them. */

import services from '#api/core/service.js';
import type { Pod, Service, ServicePort } from '#api/gen/core-v1.js';
import { labelSelectorFromMap } from '#apimachinery/selectors.js';
import { equal } from '#base/json.js';
import { type InformerFactory, keyOf } from '#client/informer.js';
import { isReady, isTerminal } from './pod-state.js';

export const headlessLabel = 'service.kubernetes.io/headless';

export function isHeadless({ spec }: Service): boolean {
  return spec.clusterIP === 'None';
}

/** The pods that the service's selector matches, in whatever state. */
export function podsOf(service: Service, all: readonly Pod[]): Pod[] {
  const selector = labelSelectorFromMap(service.spec.selector);
  return all.filter(({ metadata }) => selector.matches(metadata.labels));
}

/** Whether a pod can be reached at all: it has an address and has not finished. */
export function hasEndpoint(pod: Pod, { includeTerminating }: { includeTerminating: boolean }): boolean {
  if (isTerminal(pod) || !pod.status?.podIP) return false;
  return includeTerminating || !pod.metadata.deletionTimestamp;
}

/** The number that a service port leads to on this pod; undefined when the pod has no port of the name. */
export function targetPortOf(pod: Pod, { targetPort, port, protocol = 'TCP' }: ServicePort): number | undefined {
  if (typeof targetPort !== 'string') return targetPort || port;
  const restartable = (pod.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  for (const container of [...pod.spec.containers, ...restartable]) {
    const found = container.ports?.find((one) => one.name === targetPort && (one.protocol ?? 'TCP') === protocol);
    if (found) return found.containerPort;
  }
  return undefined;
}

/** A pod has a name of its own below that of the headless service which it names as its subdomain. */
export function hostnameOf({ metadata, spec }: Pod, service: Service): string | undefined {
  const isBelow = spec.subdomain === service.metadata.name && metadata.namespace === service.metadata.namespace;
  return spec.hostname && isBelow ? spec.hostname : undefined;
}

/** The services that a change of a pod may concern. */
export function servicesOf(pod: Pod, old: Pod | undefined, informers: InformerFactory): string[] {
  if (old && samePublished(pod, old)) return [];
  const inNamespace = informers.of(services).inNamespace(pod.metadata.namespace ?? '');
  return inNamespace
    .filter(({ spec }) => {
      if (!spec.selector || Object.keys(spec.selector).length === 0) return false;
      const selector = labelSelectorFromMap(spec.selector);
      return selector.matches(pod.metadata.labels) || (old && selector.matches(old.metadata.labels));
    })
    .map(keyOf);
}

/** Most changes of a pod's status are of no concern to its services. */
function samePublished(pod: Pod, old: Pod): boolean {
  return (
    !!pod.metadata.deletionTimestamp === !!old.metadata.deletionTimestamp &&
    isReady(pod) === isReady(old) &&
    isTerminal(pod) === isTerminal(old) &&
    pod.spec.nodeName === old.spec.nodeName &&
    pod.spec.hostname === old.spec.hostname &&
    pod.spec.subdomain === old.spec.subdomain &&
    equal(pod.status?.podIPs, old.status?.podIPs) &&
    equal(pod.metadata.labels, old.metadata.labels)
  );
}
