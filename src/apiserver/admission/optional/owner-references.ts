/**
 * Who makes an object another's dependent must be allowed to delete it, and who lets it hold up its owner's deletion
 * must be allowed to set the owner's finalizers.
 * https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#ownerreferencespermissionenforcement
 */
import podResource from '#api/core/pod/index.js';
import { type KubeObject, type OwnerReference, parseApiVersion } from '#apimachinery/object.js';
import { equal } from '#base/json.js';
import type { Attributes, Decision } from '../../authorization/authorizer.js';
import type { AdmissionPlugin, AdmissionRequest } from '../admission.js';
import type { OptionalDependencies } from '../plugins.js';
import { isOn, refuse } from '../refuse.js';

export function ownerReferencesPermissionEnforcement({ registry, authorizer }: OptionalDependencies): AdmissionPlugin {
  async function requireAllowed(
    request: AdmissionRequest,
    asked: Pick<Attributes, 'verb' | 'resource'>,
    problem: string,
  ): Promise<void> {
    const decision = await authorizer.authorize({ user: request.user, ...asked });
    if (decision.decision !== 'allow') throw refuse(request, `${problem}: ${explain(decision)}`);
  }

  return {
    name: 'OwnerReferencesPermissionEnforcement',
    // Kubelets of old write the owners of pods wrongly into their status, where they have no effect.
    handles: (request) =>
      (request.operation === 'CREATE' || request.operation === 'UPDATE') && !isOn(request, podResource, 'status'),
    async validate(request) {
      const { resource, version, subresource, namespace, name } = request;
      const owners = ownersOf(request.object);
      const before = ownersOf(request.old);
      if (equal(owners, before)) return;
      const own = { group: resource.group, version, resource: resource.plural, subresource, namespace, name };
      const problem = "cannot set an ownerRef on a resource you can't delete";
      await requireAllowed(request, { verb: 'delete', resource: own }, problem);
      for (const owner of owners.filter(
        (one) => blocks(one) && !before.some((old) => old.uid === one.uid && blocks(old)),
      )) {
        const { group, version } = parseApiVersion(owner.apiVersion);
        const kind = registry().scheme.byKind({ group, version, kind: owner.kind });
        if (!kind) {
          const mapping = `cannot find RESTMapping for APIVersion ${owner.apiVersion} Kind ${owner.kind}`;
          const why = `no matches for kind ${JSON.stringify(owner.kind)} in version ${JSON.stringify(owner.apiVersion)}`;
          throw refuse(request, `cannot set blockOwnerDeletion in this case because ${mapping}: ${why}`);
        }
        const target = {
          group,
          version,
          resource: kind.plural,
          subresource: 'finalizers',
          namespace: kind.namespaced ? namespace : '',
          name: owner.name,
        };
        const blocked =
          "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on";
        await requireAllowed(request, { verb: 'update', resource: target }, blocked);
      }
    },
  };
}

function ownersOf(object: KubeObject | undefined): readonly OwnerReference[] {
  return object?.metadata?.ownerReferences ?? [];
}

function blocks({ blockOwnerDeletion }: OwnerReference): boolean {
  return blockOwnerDeletion === true;
}

/** As Go prints a reason and an error that may be none. */
function explain({ reason, error }: Decision): string {
  return `${reason}, ${error ? error.message : '<nil>'}`;
}
