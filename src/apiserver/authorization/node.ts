/**
 * The node authorizer: a kubelet may read and write what its own pods need, and no more. What it needs is followed from
 * its pods: their secrets, config maps, claims and accounts, the volumes behind the claims, and these volumes' secrets.
 * https://kubernetes.io/docs/reference/access-authn-authz/node/
 */

import { podReferences, type Reference, reference, volumeSecrets } from '#api/core/pod/references.js';
import type { PersistentVolume, Pod } from '#api/gen/core-v1.js';
import type { ResourceSlice } from '#api/gen/resource-v1.js';
import type { VolumeAttachment } from '#api/gen/storage-v1.js';
import { nodeOfUser } from '../admission/node-restriction.js';
import type { Attributes, Authorizer, Decision } from './authorizer.js';
import { clusterRoles } from './rbac/bootstrap/cluster-roles.js';
import { parseRule } from './rbac/bootstrap/text.js';
import { ruleAllows } from './rbac/rules.js';
import { fieldTermsOf } from './selectors.js';

type ResourceAttributes = NonNullable<Attributes['resource']>;

const allowed: Decision = { decision: 'allow', reason: '' };
const leaseNamespace = 'kube-node-lease';
const reads = ['get', 'list', 'watch'];
const leaseVerbs = ['get', 'create', 'update', 'patch', 'delete'];

interface Bound {
  node: string;
  references: Set<Reference>;
}

interface Volume {
  claim: Reference | undefined;
  secrets: Set<Reference>;
}

interface Key {
  namespace: string;
  name: string;
}

interface Asked {
  verb: string;
  node: string;
}

/** Why not; '' without a word, undefined when it may. */
type Judgement = string | undefined;

export class NodeAuthorizer implements Authorizer {
  readonly #rules = clusterRoles['system:node']!.rules!.map(parseRule);
  readonly #pods = new Map<string, Bound>();
  /** Node -> what its pods name -> how many of them do. */
  readonly #reachable = new Map<string, Map<Reference, number>>();
  readonly #volumes = new Map<string, Volume>();
  /** A volume's secret -> the volumes that name it. */
  readonly #volumesOfSecret = new Map<Reference, Set<string>>();
  readonly #attachments = new Map<string, string>();
  readonly #slices = new Map<string, string>();

  /** Puts, or takes away (undefined), what is known of a pod. */
  setPod({ namespace, name }: Key, pod: Pod | undefined): void {
    const key = `${namespace}/${name}`;
    const before = this.#pods.get(key);
    if (before) this.#count(before, -1);
    this.#pods.delete(key);
    const node = pod?.spec.nodeName;
    if (!pod || !node || pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') return;
    const bound = { node, references: podReferences(pod) };
    this.#pods.set(key, bound);
    this.#count(bound, 1);
  }

  setVolume({ name }: Key, volume: PersistentVolume | undefined): void {
    for (const secret of this.#volumes.get(name)?.secrets ?? []) {
      const names = this.#volumesOfSecret.get(secret);
      names?.delete(name);
      if (names?.size === 0) this.#volumesOfSecret.delete(secret);
    }
    this.#volumes.delete(name);
    if (!volume) return;
    const { namespace = '', name: claimName } = volume.spec.claimRef ?? {};
    const claim = claimName ? reference('persistentvolumeclaims', { namespace, name: claimName }) : undefined;
    const secrets = volumeSecrets(volume);
    this.#volumes.set(name, { claim, secrets });
    for (const secret of secrets)
      this.#volumesOfSecret.set(secret, (this.#volumesOfSecret.get(secret) ?? new Set()).add(name));
  }

  setAttachment({ name }: Key, attachment: VolumeAttachment | undefined): void {
    setOrDelete(this.#attachments, name, attachment?.spec.nodeName);
  }

  setSlice({ name }: Key, slice: ResourceSlice | undefined): void {
    setOrDelete(this.#slices, name, slice?.spec.nodeName);
  }

  authorize(attributes: Attributes): Decision {
    const node = nodeOfUser(attributes.user);
    if (node === undefined) return noOpinion('');
    if (node === '') return noOpinion(`unknown node for user ${JSON.stringify(attributes.user.name)}`);
    const { resource, verb } = attributes;
    const judge = resource && this.#judges[`${resource.group}/${resource.resource}`];
    if (judge) {
      const why = judge(resource, { verb, node });
      return why === undefined ? allowed : noOpinion(why);
    }
    return this.#rules.some((rule) => ruleAllows(rule, attributes)) ? allowed : noOpinion('');
  }

  /** Those of which not every object of the kind is a node's business. */
  readonly #judges: Readonly<Record<string, (resource: ResourceAttributes, asked: Asked) => Judgement>> = {
    '/secrets': (resource, asked) => this.#judgeRead(resource, asked),
    '/configmaps': (resource, asked) => this.#judgeRead(resource, asked),
    '/persistentvolumeclaims': (resource, asked) =>
      resource.subresource === 'status' ? this.#judgeStatus(resource, asked) : this.#judgeGet(resource, asked),
    '/persistentvolumes': (resource, asked) => this.#judgeGet(resource, asked),
    'resource.k8s.io/resourceclaims': (resource, asked) => this.#judgeGet(resource, asked),
    'storage.k8s.io/volumeattachments': (resource, asked) => this.#judgeGet(resource, asked),
    '/serviceaccounts': (resource, asked) => this.#judgeToken(resource, asked),
    '/pods': (resource, asked) => this.#judgePod(resource, asked),
    '/nodes': judgeNode,
    'coordination.k8s.io/leases': judgeLease,
    'storage.k8s.io/csinodes': judgeCsiNode,
    'resource.k8s.io/resourceslices': (resource, asked) => this.#judgeSlice(resource, asked),
  };

  #judgeRead(resource: ResourceAttributes, { verb, node }: Asked): Judgement {
    if (!reads.includes(verb)) return 'can only read resources of this type';
    if (resource.subresource) return 'cannot read subresource';
    if (!resource.namespace) return 'can only read namespaced object of this type';
    return this.#judgeRelated(resource, node);
  }

  #judgeGet(resource: ResourceAttributes, { verb, node }: Asked): Judgement {
    if (verb !== 'get') return 'can only get individual resources of this type';
    if (resource.subresource) return 'cannot get subresource';
    return this.#judgeRelated(resource, node);
  }

  #judgeStatus(resource: ResourceAttributes, { verb, node }: Asked): Judgement {
    if (verb !== 'update' && verb !== 'patch') return 'can only get/update/patch this type';
    return this.#judgeRelated(resource, node);
  }

  #judgeToken(resource: ResourceAttributes, { verb, node }: Asked): Judgement {
    if (verb !== 'create' || !resource.name) return 'can only create tokens for individual service accounts';
    if (resource.subresource !== 'token') return 'can only create token subresource of serviceaccount';
    return this.#judgeRelated(resource, node);
  }

  #judgePod(resource: ResourceAttributes, asked: Asked): Judgement {
    const { verb, node } = asked;
    switch (resource.subresource) {
      case '':
        if (verb === 'get') return this.#judgeGet(resource, asked);
        if (verb === 'create' || verb === 'delete') return undefined;
        if (verb !== 'list' && verb !== 'watch') return '';
        if (selects(resource, 'spec.nodeName', node)) return undefined;
        if (resource.name) return this.#judgeRelated(resource, node);
        return 'can only list/watch pods with spec.nodeName field selector';
      case 'status':
        return verb === 'update' || verb === 'patch' ? undefined : '';
      case 'eviction':
        return verb === 'create' ? undefined : '';
      default:
        return '';
    }
  }

  #judgeSlice(resource: ResourceAttributes, { verb, node }: Asked): Judgement {
    if (resource.subresource) return 'cannot authorize ResourceSlice subresources';
    switch (verb) {
      case 'create':
        return undefined;
      case 'get':
      case 'update':
      case 'patch':
      case 'delete':
        return this.#judgeRelated(resource, node);
      case 'watch':
      case 'list':
      case 'deletecollection':
        return selects(resource, 'nodeName', node)
          ? undefined
          : 'can only list/watch/deletecollection resourceslices with nodeName field selector';
      default:
        return 'only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection';
    }
  }

  #judgeRelated({ resource, namespace, name }: ResourceAttributes, node: string): Judgement {
    if (!name) return 'No Object name found';
    const related = this.#isRelated(node, { resource, namespace, name });
    return related ? undefined : `no relationship found between node '${node}' and this object`;
  }

  #isRelated(node: string, { resource, namespace, name }: Key & { resource: string }): boolean {
    if (resource === 'volumeattachments') return this.#attachments.get(name) === node;
    if (resource === 'resourceslices') return this.#slices.get(name) === node;
    if (resource === 'persistentvolumes') return this.#reachesVolume(node, name);
    const wanted = reference(resource, { namespace, name });
    if (this.#reachable.get(node)?.has(wanted)) return true;
    const volumes = this.#volumesOfSecret.get(wanted);
    return volumes !== undefined && [...volumes].some((volume) => this.#reachesVolume(node, volume));
  }

  #reachesVolume(node: string, name: string): boolean {
    const claim = this.#volumes.get(name)?.claim;
    return claim !== undefined && (this.#reachable.get(node)?.has(claim) ?? false);
  }

  #count({ node, references }: Bound, step: 1 | -1): void {
    let counts = this.#reachable.get(node);
    if (!counts) this.#reachable.set(node, (counts = new Map()));
    for (const one of references) {
      const count = (counts.get(one) ?? 0) + step;
      if (count > 0) counts.set(one, count);
      else counts.delete(one);
    }
    if (counts.size === 0) this.#reachable.delete(node);
  }
}

/** A kubelet may ask for its node before there is one. What it writes there, NodeRestriction looks at. */
function judgeNode({ subresource, name }: ResourceAttributes, { verb, node }: Asked): Judgement {
  if (subresource === 'status') return verb === 'update' || verb === 'patch' ? undefined : '';
  if (subresource) return '';
  if (verb === 'create' || verb === 'update' || verb === 'patch') return undefined;
  if (!reads.includes(verb)) return '';
  if (name === node) return undefined;
  const which = name ? `'${name}'` : 'all nodes';
  return `node '${node}' cannot read ${which}, only its own Node object`;
}

/** The name of a lease to be created stands in its body, which NodeRestriction sees. */
function judgeLease({ namespace, name }: ResourceAttributes, { verb, node }: Asked): Judgement {
  if (!leaseVerbs.includes(verb)) return 'can only get, create, update, patch, or delete a node lease';
  if (namespace !== leaseNamespace)
    return `can only access leases in the ${JSON.stringify(leaseNamespace)} system namespace`;
  if (verb === 'create' || name === node) return undefined;
  return 'can only access node lease with the same name as the requesting node';
}

function judgeCsiNode({ subresource, name }: ResourceAttributes, { verb, node }: Asked): Judgement {
  if (!leaseVerbs.includes(verb)) return 'can only get, create, update, patch, or delete a CSINode';
  if (subresource) return 'cannot authorize CSINode subresources';
  if (verb === 'create' || name === node) return undefined;
  return 'can only access CSINode with the same name as the requesting node';
}

function selects({ fieldSelector }: ResourceAttributes, field: string, value: string): boolean {
  return fieldTermsOf(fieldSelector).some(
    (term) => term.field === field && term.operator === '=' && term.value === value,
  );
}

function setOrDelete(map: Map<string, string>, key: string, value: string | undefined): void {
  if (value) map.set(key, value);
  else map.delete(key);
}

function noOpinion(reason: string): Decision {
  return { decision: 'no opinion', reason };
}
