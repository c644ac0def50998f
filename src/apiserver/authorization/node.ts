/**
 * The node authorizer: a kubelet may do what the role system:node says, but reads secrets, config maps and claims, and
 * asks for tokens, only where a pod bound to its node names them.
 * https://kubernetes.io/docs/reference/access-authn-authz/node/
 *
 * Not here yet: persistent volumes and volume attachments (reached through claims), resource claims, and holding the
 * lists of pods to the field selector spec.nodeName, which a request's attributes do not carry.
 */
import type { Pod } from '#api/gen/core-v1.js';
import type { EventHandlers } from '#client/informer.js';
import { nodeOfUser } from '../admission/node-restriction.js';
import type { Attributes, Authorizer, Decision } from './authorizer.js';
import { podReferences, type Reference, reference } from './node-references.js';
import { clusterRoles } from './rbac/bootstrap/cluster-roles.js';
import { parseRule } from './rbac/bootstrap/text.js';
import { ruleAllows } from './rbac/rules.js';

type ResourceAttributes = NonNullable<Attributes['resource']>;

const allowed: Decision = { decision: 'allow', reason: '' };
const leaseNamespace = 'kube-node-lease';

interface Bound {
  node: string;
  references: Set<Reference>;
}

export class NodeAuthorizer implements Authorizer {
  readonly #rules = clusterRoles['system:node']!.rules!.map(parseRule);
  readonly #pods = new Map<string, Bound>();
  /** Node -> what its pods name -> how many of them do. */
  readonly #reachable = new Map<string, Map<Reference, number>>();

  /** Puts, or takes away (undefined), what is known of a pod. */
  setPod({ namespace, name }: { namespace: string; name: string }, pod: Pod | undefined): void {
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

  authorize(attributes: Attributes): Decision {
    const node = nodeOfUser(attributes.user);
    if (node === undefined) return noOpinion('');
    if (node === '') return noOpinion(`unknown node for user ${JSON.stringify(attributes.user.name)}`);
    const { resource, verb } = attributes;
    const why = resource && this.#whyNot(resource, { verb, node });
    if (why) return noOpinion(why);
    return this.#rules.some((rule) => ruleAllows(rule, attributes)) ? allowed : noOpinion('');
  }

  #whyNot(resource: ResourceAttributes, asked: { verb: string; node: string }): string | undefined {
    switch (`${resource.group}/${resource.resource}`) {
      case '/secrets':
      case '/configmaps':
        return this.#whyNotRead(resource, { ...asked, verbs: ['get', 'list', 'watch'] });
      case '/persistentvolumeclaims':
        if (resource.subresource === 'status') return this.#whyNotReachable(resource, asked.node);
        return this.#whyNotRead(resource, { ...asked, verbs: ['get'] });
      case '/persistentvolumes':
      case 'storage.k8s.io/volumeattachments':
      case 'resource.k8s.io/resourceclaims':
        return notRelated(asked.node);
      case '/serviceaccounts':
        if (resource.subresource === 'token' && asked.verb !== 'create')
          return 'can only create tokens for this service account';
        return this.#whyNotReachable(resource, asked.node);
      case '/pods':
        return asked.verb === 'get' ? this.#whyNotReachable(resource, asked.node) : undefined;
      case '/nodes':
        return whyNotNode(resource, asked);
      case 'coordination.k8s.io/leases':
        return whyNotLease(resource, asked);
      case 'storage.k8s.io/csinodes':
        return asked.verb !== 'create' && resource.name !== asked.node
          ? 'can only access CSINode with the same name as the requesting node'
          : undefined;
      default:
        return undefined;
    }
  }

  #whyNotRead(
    resource: ResourceAttributes,
    { verb, node, verbs }: { verb: string; node: string; verbs: readonly string[] },
  ): string | undefined {
    if (!verbs.includes(verb) || resource.subresource) return 'can only read resources of this type';
    return this.#whyNotReachable(resource, node);
  }

  #whyNotReachable({ resource, namespace, name }: ResourceAttributes, node: string): string | undefined {
    if (!name) return 'No Object name found';
    if (!namespace) return 'can only read namespaced object of this type';
    return this.#reachable.get(node)?.has(reference(resource, { namespace, name })) ? undefined : notRelated(node);
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

export function feedNodeAuthorizer(
  authorizer: NodeAuthorizer,
  pods: { onEvent(handlers: EventHandlers<Pod>): () => void },
): void {
  const keyOf = ({ metadata: { namespace = '', name = '' } }: Pod) => ({ namespace, name });
  pods.onEvent({
    added: (pod) => authorizer.setPod(keyOf(pod), pod),
    updated: (pod) => authorizer.setPod(keyOf(pod), pod),
    deleted: (pod) => authorizer.setPod(keyOf(pod), undefined),
  });
}

function whyNotNode({ name }: ResourceAttributes, { verb, node }: { verb: string; node: string }): string | undefined {
  if (!['get', 'list', 'watch'].includes(verb) || name === node) return undefined;
  const which = name ? JSON.stringify(name) : 'all nodes';
  return `node ${JSON.stringify(node)} cannot read ${which}, only its own Node object`;
}

/** The name of a lease to be created stands in its body, which NodeRestriction sees. */
function whyNotLease(
  { namespace, name }: ResourceAttributes,
  { verb, node }: { verb: string; node: string },
): string | undefined {
  if (namespace !== leaseNamespace)
    return `can only access leases in the ${JSON.stringify(leaseNamespace)} system namespace`;
  if (verb === 'create' || name === node) return undefined;
  return 'can only access node lease with the same name as the requesting node';
}

function notRelated(node: string): string {
  return `no relationship found between node ${JSON.stringify(node)} and this object`;
}

function noOpinion(reason: string): Decision {
  return { decision: 'no opinion', reason };
}
