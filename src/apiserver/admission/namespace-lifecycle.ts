/**
 * Nothing is made in a namespace that does not exist or is going, and the namespaces that the system rests on stay.
 * https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#namespacelifecycle
 */
import namespaceResource from '#api/core/namespace.js';
import type { Namespace } from '#api/gen/core-v1.js';
import { forbidden, isReason, StatusError } from '#apimachinery/errors.js';
import type { Clock } from '#base/clock.js';
import type { Registry } from '../registry/registry.js';
import type { AdmissionPlugin, AdmissionRequest } from './admission.js';
import { refuse } from './refuse.js';

export const immortalNamespaces: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public']);

/** A namespace made a moment ago by another client may be about to appear. */
const missingWaitMs = 50;

export function namespaceLifecycle({ registry, clock }: { registry: () => Registry; clock: Clock }): AdmissionPlugin {
  const find = () => registry().of<Namespace>(namespaceResource);

  async function existing(request: AdmissionRequest): Promise<Namespace> {
    const key = { namespace: '', name: request.namespace };
    try {
      return await find().get(key);
    } catch (error) {
      if (request.operation !== 'CREATE' || !isReason(error, 'NotFound')) throw error;
      await clock.sleep(missingWaitMs);
      return find().get(key);
    }
  }

  return {
    name: 'NamespaceLifecycle',
    handles: ({ operation }) => operation !== 'CONNECT',
    mutate(request) {
      const { operation, resource, name, namespace } = request;
      if (resource.kind === 'Namespace' && resource.group === '') {
        if (operation === 'DELETE' && immortalNamespaces.has(name))
          throw forbidden({ group: '', resource: 'namespaces', name }, 'this namespace may not be deleted');
        return;
      }
      // Deletion is allowed everywhere, or a namespace could never be emptied; reviews ask about what need not exist.
      if (!resource.namespaced || !namespace || operation === 'DELETE' || resource.group === 'authorization.k8s.io')
        return;
      return existing(request).then(({ status }) => {
        if (operation === 'CREATE' && status?.phase === 'Terminating') throw terminating(request);
      });
    },
  };
}

function terminating(request: AdmissionRequest): StatusError {
  const { namespace } = request;
  const error = refuse(
    request,
    `unable to create new content in namespace ${namespace} because it is being terminated`,
  );
  const cause = {
    reason: 'NamespaceTerminating',
    message: `namespace ${namespace} is being terminated`,
    field: 'metadata.namespace',
  };
  return new StatusError({ ...error.status, details: { ...error.status.details, causes: [cause] } });
}
