/**
 * Whether a pod that was bound to this node can run here at all: what upstream's kubelet looks at before it starts
 * anything, with its reasons and messages. Pure.
 * https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/ and
 * https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase say what becomes of a refused pod.
 */
import { matchesRequiredNodeAffinity } from '#api/core/node-selector.js';
import { featuresToRun } from '#api/core/pod/declared-features.js';
import { hostPorts, portsConflict } from '#api/core/pod/host-ports.js';
import { anyTolerates } from '#api/core/tolerations.js';
import type { Node, Pod } from '#api/gen/core-v1.js';
import { declaredFeatures } from '../declared-features.js';
import type { Condition } from '../eviction/thresholds.js';
import { formatList } from '../go-text.js';
import { qosClass } from '../qos.js';
import { isCritical } from './preemption.js';
import { type Lack, lacksOf } from './resources.js';
import { sysctlProblem } from './sysctls.js';

export interface AdmissionInput {
  pod: Pod;
  /** Those that this node has admitted and that have not ended. */
  others: readonly Pod[];
  node: Node;
  /** What the node is short of now. */
  pressure: readonly Condition[];
  /** Kernel parameters beside the safe ones. */
  allowedSysctls: readonly string[];
  /** Of what this kubelet runs: `linux`. */
  operatingSystem: string;
}

export interface Refusal {
  reason: string;
  message: string;
  /** It is for want of these alone. */
  lacks?: readonly Lack[];
}

/** The one reason that a test by the node's labels gives: what the kubelet knows of them may be old. */
export const nodeAffinityReason = 'NodeAffinity';

/**
 * The first reason why not; undefined: the pod may run. For critical pods room is made, so that other reasons go before
 * the want of it.
 */
export function refusalOf(input: AdmissionInput): Refusal | undefined {
  const all = [...refusals(input)];
  const others = isCritical(input.pod) ? all.filter(({ lacks }) => !lacks) : all;
  return others[0] ?? all[0];
}

function* refusals(input: AdmissionInput): Generator<Refusal> {
  const { pod, others, node } = input;
  yield* pressureRefusals(input);
  const sysctl = sysctlProblem(pod, input.allowedSysctls);
  if (sysctl) yield { reason: 'SysctlForbidden', message: sysctl };
  yield* systemRefusals(input);
  const missing = [...lacksOf({ pod, others, node })];
  for (const { resource, requested, used, capacity } of missing) {
    const message = `Node didn't have enough resource: ${resource}, requested: ${requested}, used: ${used}, capacity: ${capacity}`;
    yield { reason: `OutOf${resource}`, message, lacks: missing };
  }
  yield* predicateRefusals(input);
}

const memoryTaint = { key: 'node.kubernetes.io/memory-pressure', effect: 'NoSchedule' };

/** Where only memory is short, those may come that say how much they need. */
function* pressureRefusals({ pod, pressure: types }: AdmissionInput): Generator<Refusal> {
  if (types.length === 0 || isCritical(pod)) return;
  const isOfMemory = types.length === 1 && types[0] === 'MemoryPressure';
  if (isOfMemory && (qosClass(pod) !== 'BestEffort' || anyTolerates(pod.spec.tolerations, memoryTaint))) return;
  yield { reason: 'Evicted', message: `The node had condition: ${formatList(types)}. ` };
}

function* systemRefusals({ pod, node, operatingSystem }: AdmissionInput): Generator<Refusal> {
  const labelled = pod.metadata.labels?.['kubernetes.io/os'];
  if (labelled !== undefined && labelled !== operatingSystem) {
    const message = "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label";
    yield { reason: 'PodOSSelectorNodeLabelDoesNotMatch', message };
  }
  if (pod.spec.os && pod.spec.os.name !== operatingSystem)
    yield { reason: 'PodOSNotSupported', message: "Failed to admit pod as the OS field doesn't match node OS" };
  const isStrict = pod.spec.securityContext?.supplementalGroupsPolicy === 'Strict';
  if (isStrict && !node.status?.features?.supplementalGroupsPolicy) {
    const message = 'SupplementalGroupsPolicy=Strict is not supported in this node';
    yield { reason: 'SupplementalGroupsPolicyNotSupported', message };
  }
  const missing = featuresToRun(pod).filter((feature) => !declaredFeatures.includes(feature));
  if (missing.length > 0) {
    const message = `Pod requires node features that are not available: ${missing.join(', ')}`;
    yield { reason: 'PodFeatureUnsupported', message };
  }
}

function* predicateRefusals({ pod, others, node }: AdmissionInput): Generator<Refusal> {
  const failed = (name: string, why: string) => ({ reason: name, message: `Predicate ${name} failed: ${why}` });
  if (!matchesRequiredNodeAffinity(pod.spec, node))
    yield failed(nodeAffinityReason, "node(s) didn't match Pod's node affinity/selector");
  if (pod.spec.nodeName && pod.spec.nodeName !== node.metadata.name)
    yield failed('NodeName', "node(s) didn't match the requested node name");
  const wanted = hostPorts(pod);
  const taken = wanted.length > 0 ? others.flatMap(hostPorts) : [];
  if (wanted.some((port) => taken.some((other) => portsConflict(port, other))))
    yield failed('NodePorts', "node(s) didn't have free ports for the requested pod ports");
  const executing = (node.spec.taints ?? []).filter(({ effect }) => effect === 'NoExecute');
  if (executing.some((taint) => !anyTolerates(pod.spec.tolerations, taint)))
    yield failed('TaintToleration', "node(s) had taints that the pod didn't tolerate");
}
