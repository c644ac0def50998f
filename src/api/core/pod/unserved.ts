/**
 * Fields of pods that belong to features which are off by default in 1.36: the server drops what is written to them.
 * https://kubernetes.io/docs/reference/command-line-tools-reference/feature-gates/
 */
import type { Container, EphemeralContainer, PodSpec, PodTemplateSpec } from '#api/gen/core-v1.js';

/** In place. */
export function dropFromTemplate(template: PodTemplateSpec | undefined): void {
  if (template?.spec) dropFromPodSpec(template.spec);
}

/** In place. */
export function dropFromPodSpec(spec: PodSpec): void {
  // GenericWorkload
  delete spec.schedulingGroup;
  for (const list of [spec.containers, spec.initContainers, spec.ephemeralContainers]) list?.forEach(dropStopSignal);
  for (const { projected } of spec.volumes ?? []) {
    for (const source of projected?.sources ?? []) {
      // ClusterTrustBundleProjection and PodCertificateRequest
      delete source.clusterTrustBundle;
      delete source.podCertificate;
    }
  }
}

/** ContainerStopSignals. */
function dropStopSignal(container: Container | EphemeralContainer): void {
  if (container.lifecycle?.stopSignal === undefined) return;
  delete container.lifecycle.stopSignal;
  if (Object.keys(container.lifecycle).length === 0) delete container.lifecycle;
}
