/** The downward API: fields of the pod and amounts of its containers as text. Pure. */
import type { Container, ObjectFieldSelector, Pod, ResourceFieldSelector } from '#api/gen/core-v1.js';
import { Quantity } from '#apimachinery/quantity.js';
import { quote } from './go-text.js';
import { KubeletError } from './kubelet-error.js';
import { findContainer } from './pod-state.js';

export interface FieldContext {
  pod: Pod;
  podIPs: readonly string[];
  hostIPs: readonly string[];
  /** The node's allocatable amounts, which stand in for a limit that neither the container nor its pod has. */
  allocatable: Readonly<Record<string, string>>;
}

/** Throws KubeletError 'config' for a path that we do not know. */
export function fieldValue({ fieldPath }: ObjectFieldSelector, { pod, podIPs, hostIPs }: FieldContext): string {
  const { metadata, spec } = pod;
  const subscript = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(fieldPath);
  if (subscript) return metadata[subscript[1] as 'labels' | 'annotations']?.[subscript[2]!] ?? '';
  switch (fieldPath) {
    case 'metadata.name':
      return metadata.name ?? '';
    case 'metadata.namespace':
      return metadata.namespace ?? '';
    case 'metadata.uid':
      return metadata.uid ?? '';
    case 'metadata.labels':
      return formatMap(metadata.labels);
    case 'metadata.annotations':
      return formatMap(metadata.annotations);
    case 'spec.nodeName':
      return spec.nodeName ?? '';
    case 'spec.serviceAccountName':
      return spec.serviceAccountName ?? '';
    case 'status.hostIP':
      return hostIPs[0] ?? '';
    case 'status.hostIPs':
      return hostIPs.join(',');
    case 'status.podIP':
      return podIPs[0] ?? '';
    case 'status.podIPs':
      return podIPs.join(',');
    default:
      throw new KubeletError('config', `unsupported fieldPath: ${fieldPath}`);
  }
}

function formatMap(map: Record<string, string> | undefined): string {
  return Object.entries(map ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${quote(value)}`)
    .join('\n');
}

/** Throws KubeletError 'config' for a container or a resource that there is none of. */
export function resourceValue(
  selector: ResourceFieldSelector,
  context: FieldContext & { container?: Container },
): string {
  const { resource, containerName } = selector;
  const found = containerName ? findContainer(context.pod, containerName) : context.container;
  if (!found) throw new KubeletError('config', `container ${containerName} not found`);
  const [side, ...rest] = resource.split('.');
  const name = rest.join('.');
  if ((side !== 'limits' && side !== 'requests') || !name) {
    throw new KubeletError('config', `unsupported container resource : ${resource}`);
  }
  const { limits, requests } = (found as Container).resources ?? {};
  const text = side === 'limits' ? (limits?.[name] ?? mostOf(context, name)) : (requests?.[name] ?? limits?.[name]);
  const amount = Quantity.tryParse(text) ?? Quantity.zero;
  const divisor = Quantity.tryParse(selector.divisor) ?? Quantity.zero;
  const by = divisor.isZero ? Quantity.of(1) : divisor;
  return String((amount.nanos + by.nanos - 1n) / by.nanos);
}

/** What a container without a limit of its own can have: its pod's limit, or the whole node. */
function mostOf({ pod, allocatable }: FieldContext, name: string): string | undefined {
  const ofPod = name === 'cpu' || name === 'memory' ? pod.spec.resources?.limits?.[name] : undefined;
  return ofPod && !Quantity.tryParse(ofPod)?.isZero ? ofPod : allocatable[name];
}
