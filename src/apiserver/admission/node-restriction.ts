/**
 * A kubelet may write its own node, the pods bound to it, and tokens and leases for those; nothing of its neighbours.
 * https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction
 */
import leaseResource from '#api/coordination/lease.js';
import nodeResource from '#api/core/node.js';
import podResource from '#api/core/pod/index.js';
import { podReferences } from '#api/core/pod/references.js';
import serviceAccountResource from '#api/core/serviceaccount.js';
import type { TokenRequest } from '#api/gen/authentication-v1.js';
import type { Node, PersistentVolumeClaim, Pod } from '#api/gen/core-v1.js';
import type { ResourceSlice } from '#api/gen/resource-v1.js';
import type { KubeObject } from '#apimachinery/object.js';
import { equal } from '#base/json.js';
import type { UserInfo } from '../authentication/authenticator.js';
import type { Registry } from '../registry/registry.js';
import type { AdmissionPlugin, AdmissionRequest } from './admission.js';
import { isOn, refuse } from './refuse.js';
import { mirrorAnnotation } from './service-account.js';

const claims = { group: '', plural: 'persistentvolumeclaims' };
const csiNodes = { group: 'storage.k8s.io', plural: 'csinodes' };
const resourceSlices = { group: 'resource.k8s.io', plural: 'resourceslices' };

const userPrefix = 'system:node:';
export const nodesGroup = 'system:nodes';

/** The node that the user is the kubelet of; undefined when it is not one, '' when its name says nothing. */
export function nodeOfUser({ name, groups }: UserInfo): string | undefined {
  if (!groups.includes(nodesGroup)) return undefined;
  return name.startsWith(userPrefix) ? name.slice(userPrefix.length) : '';
}

/** A mutating plugin by its place, as upstream's: what a kubelet may not do is told before the object is looked into. */
export function nodeRestriction({ registry }: { registry: () => Registry }): AdmissionPlugin {
  const boundPod = ({ namespace }: AdmissionRequest, name: string) =>
    registry().of<Pod>(podResource).get({ namespace, name });
  const nodeUid = async (name: string) =>
    (await registry().of<Node>(nodeResource).get({ namespace: '', name })).metadata.uid;

  return {
    name: 'NodeRestriction',
    handles: ({ operation, user }) => operation !== 'CONNECT' && user.groups.includes(nodesGroup),
    async mutate(request) {
      const node = nodeOfUser(request.user);
      if (!node) throw refuse(request, `could not determine node from user ${JSON.stringify(request.user.name)}`);
      const { subresource } = request;
      if (isOn(request, podResource)) await judgePod(request, { node, nodeUid });
      else if (isOn(request, podResource, 'status')) judgePodStatus(request, node);
      else if (isOn(request, podResource, 'eviction')) {
        const pod = await boundPod(request, request.name);
        if (pod.spec?.nodeName !== node)
          throw refuse(request, `node ${node} can only evict pods with spec.nodeName set to itself`);
      } else if (isOn(request, podResource, subresource))
        throw refuse(
          request,
          `unexpected pod subresource ${JSON.stringify(subresource)}, only 'status' and 'eviction' are allowed`,
        );
      else if (isOn(request, nodeResource, subresource)) judgeNode(request, node);
      else if (isOn(request, claims, subresource)) judgeClaim(request, node);
      else if (isOn(request, serviceAccountResource, 'token')) await judgeToken(request, { node, boundPod });
      else if (isOn(request, leaseResource)) judgeLease(request, node);
      else if (isOn(request, csiNodes)) {
        const name = request.name || request.object?.metadata.name;
        if (name !== node) throw refuse(request, 'can only access CSINode with the same name as the requesting node');
      } else if (isOn(request, resourceSlices)) judgeSlice(request, node);
    },
  };
}

async function judgePod(
  request: AdmissionRequest,
  { node, nodeUid }: { node: string; nodeUid: (name: string) => Promise<string | undefined> },
): Promise<void> {
  const quoted = JSON.stringify(node);
  if (request.operation === 'DELETE') {
    if ((request.old as Pod).spec?.nodeName !== node)
      throw refuse(request, `node ${quoted} can only delete pods with spec.nodeName set to itself`);
    return;
  }
  if (request.operation !== 'CREATE')
    throw refuse(
      request,
      `unexpected operation ${JSON.stringify(request.operation)}, node ${quoted} can only create and delete mirror pods`,
    );
  const pod = request.object as Pod;
  if (pod.metadata.annotations?.[mirrorAnnotation] === undefined)
    throw refuse(
      request,
      `pod does not have ${JSON.stringify(mirrorAnnotation)} annotation, node ${quoted} can only create mirror pods`,
    );
  if (pod.spec?.nodeName !== node)
    throw refuse(request, `node ${quoted} can only create pods with spec.nodeName set to itself`);
  const problem = ownerProblem(pod, node);
  if (problem) throw refuse(request, `node ${quoted} ${problem}`);
  const wanted = pod.metadata.ownerReferences?.[0]?.uid ?? '';
  const uid = await nodeUid(node);
  if (uid !== wanted) throw refuse(request, `node ${node} UID mismatch: expected ${wanted} got ${uid}`);
  const referenced = firstReference(pod);
  if (referenced) throw refuse(request, `node ${quoted} can not create pods that reference ${referenced}`);
}

/** A mirror pod belongs to its node, and goes with it. */
function ownerProblem({ metadata }: Pod, node: string): string | undefined {
  const [owner, ...others] = metadata.ownerReferences ?? [];
  if (others.length > 0) return 'can only create pods with a single owner reference set to itself';
  if (owner?.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== node)
    return 'can only create pods with an owner reference set to itself';
  if (!owner.controller) return 'can only create pods with a controller owner reference set to itself';
  return owner.blockOwnerDeletion ? 'must not set blockOwnerDeletion on an owner reference' : undefined;
}

/** What a mirror pod may not name: through it the node would come to read it. */
function firstReference(pod: Pod): string | undefined {
  const { spec } = pod;
  if (spec.serviceAccountName) return 'a service account';
  const plurals = new Set([...podReferences(pod)].map((one) => one.split(' ')[0]));
  for (const plural of ['secrets', 'configmaps']) if (plurals.has(plural)) return plural;
  const sources = (spec.volumes ?? []).flatMap(({ projected }) => projected?.sources ?? []);
  if (sources.some(({ clusterTrustBundle }) => clusterTrustBundle)) return 'clustertrustbundles';
  if (spec.volumes?.some(({ persistentVolumeClaim }) => persistentVolumeClaim)) return 'persistentvolumeclaims';
  return spec.resourceClaims?.length ? 'resourceclaims' : undefined;
}

function judgePodStatus(request: AdmissionRequest, node: string): void {
  const quoted = JSON.stringify(node);
  if (request.operation !== 'UPDATE')
    throw refuse(request, `unexpected operation ${JSON.stringify(request.operation)}`);
  const [pod, old] = [request.object as Pod, request.old as Pod];
  if (old.spec?.nodeName !== node)
    throw refuse(request, `node ${quoted} can only update pod status for pods with spec.nodeName set to itself`);
  if (!equal(old.metadata.labels ?? {}, pod.metadata.labels ?? {}))
    throw refuse(request, `node ${quoted} cannot update labels through pod status`);
  if (!equal(old.status?.resourceClaimStatuses ?? [], pod.status?.resourceClaimStatuses ?? []))
    throw refuse(request, `node ${quoted} cannot update resource claim statues`);
}

/** Of a claim a kubelet tells how large the volume has become, and how that went. */
function judgeClaim(request: AdmissionRequest, node: string): void {
  if (request.subresource !== 'status') throw refuse(request, 'may only update PVC status');
  if (request.operation !== 'UPDATE')
    throw refuse(request, `unexpected operation ${JSON.stringify(request.operation)}`);
  const others = (object: KubeObject) => {
    const { metadata, status, ...rest } = object as PersistentVolumeClaim;
    const { resourceVersion: _version, managedFields: _fields, ...keptMetadata } = metadata;
    const { capacity: _capacity, conditions: _conditions, ...more } = status ?? {};
    const { allocatedResources: _amounts, allocatedResourceStatuses: _statuses, ...keptStatus } = more;
    return { ...rest, metadata: keptMetadata, status: keptStatus };
  };
  if (equal(others(request.object!), others(request.old!))) return;
  const allowed = 'status.capacity and status.conditions';
  throw refuse(request, `node ${JSON.stringify(node)} is not allowed to update fields other than ${allowed}`);
}

function judgeSlice(request: AdmissionRequest, node: string): void {
  const slice = (request.operation === 'DELETE' ? request.old : request.object) as ResourceSlice;
  if (slice.spec?.nodeName === node) return;
  const verb = request.operation === 'DELETE' ? 'delete' : 'create';
  if (request.operation !== 'UPDATE')
    throw refuse(request, `can only ${verb} ResourceSlice with the same NodeName as the requesting node`);
}

/** Labels under these domains steer the scheduler or are kept by the control plane, but for those a kubelet owns. */
const ownedLabels = new Set([
  'kubernetes.io/hostname',
  'kubernetes.io/arch',
  'kubernetes.io/os',
  'beta.kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/instance-type',
  'node.kubernetes.io/instance-type',
  'failure-domain.beta.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone',
]);
const ownedLabelDomains = ['kubelet.kubernetes.io', 'node.kubernetes.io'];

function judgeNode(request: AdmissionRequest, node: string): void {
  const quoted = JSON.stringify(node);
  const name = request.name || request.object?.metadata.name || '';
  if (name !== node) throw refuse(request, `node ${quoted} is not allowed to modify node ${JSON.stringify(name)}`);
  const { object, old } = request as { object?: Node; old?: Node };
  if (!object) return;
  const changed = changedLabels(object, old).filter(isRestricted).sort();
  if (!old) {
    if (object.spec?.configSource)
      throw refuse(request, `node ${quoted} is not allowed to create pods with a non-nil configSource`);
    if (changed.length > 0)
      throw refuse(request, `node ${quoted} is not allowed to set the following labels: ${changed.join(', ')}`);
    return;
  }
  if (object.spec?.configSource && !equal(object.spec.configSource, old.spec?.configSource))
    throw refuse(request, `node ${quoted} is not allowed to update configSource to a new non-nil configSource`);
  if (!equal(object.spec?.taints ?? [], old.spec?.taints ?? []))
    throw refuse(request, `node ${quoted} is not allowed to modify taints`);
  if (changed.length > 0) throw refuse(request, `is not allowed to modify labels: ${changed.join(', ')}`);
  if (!equal(object.metadata.ownerReferences ?? [], old.metadata.ownerReferences ?? []))
    throw refuse(request, `node ${quoted} is not allowed to modify ownerReferences`);
}

function changedLabels(object: KubeObject, old: KubeObject | undefined): string[] {
  const now = object.metadata.labels ?? {};
  const before = old?.metadata.labels ?? {};
  return [...new Set([...Object.keys(now), ...Object.keys(before)])].filter((key) => now[key] !== before[key]);
}

function isRestricted(label: string): boolean {
  const slash = label.indexOf('/');
  if (slash < 0 || ownedLabels.has(label)) return false;
  const domain = label.slice(0, slash);
  const within = (parent: string) => domain === parent || domain.endsWith(`.${parent}`);
  if (within('node-restriction.kubernetes.io')) return true;
  return (within('kubernetes.io') || within('k8s.io')) && !ownedLabelDomains.some(within);
}

async function judgeToken(
  request: AdmissionRequest,
  { node, boundPod }: { node: string; boundPod: (request: AdmissionRequest, name: string) => Promise<Pod> },
): Promise<void> {
  const { boundObjectRef } = (request.object as TokenRequest).spec ?? {};
  if (boundObjectRef?.kind !== 'Pod' || boundObjectRef.apiVersion !== 'v1' || !boundObjectRef.name)
    throw refuse(request, 'node requested token not bound to a pod');
  if (!boundObjectRef.uid) throw refuse(request, 'node requested token with a pod binding without a uid');
  const pod = await boundPod(request, boundObjectRef.name);
  if (pod.metadata.uid !== boundObjectRef.uid)
    throw refuse(
      request,
      `the UID in the bound object reference (${boundObjectRef.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  if (pod.spec?.nodeName !== node)
    throw refuse(request, 'node requested token bound to a pod scheduled on a different node');
}

function judgeLease(request: AdmissionRequest, node: string): void {
  if (request.namespace !== 'kube-node-lease')
    throw refuse(request, 'can only access leases in the "kube-node-lease" system namespace');
  const name = request.name || request.object?.metadata.name;
  if (name !== node) throw refuse(request, 'can only access node lease with the same name as the requesting node');
}
