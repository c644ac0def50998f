/**
 * What is written into a namespace that does not exist: NamespaceAutoProvision makes the namespace, NamespaceExists
 * refuses the write.
 * https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#namespaceautoprovision
 */
import namespaceResource from '#api/core/namespace.js';
import type { Namespace } from '#api/gen/core-v1.js';
import { isReason } from '#apimachinery/errors.js';
import { ownWrite } from '../../registry/own-write.js';
import type { AdmissionPlugin, AdmissionRequest } from '../admission.js';
import { find } from '../look.js';
import type { OptionalDependencies } from '../plugins.js';
import { refuse } from '../refuse.js';

function isInNamespace({ namespace, resource }: AdmissionRequest): boolean {
  return namespace !== '' && !(resource.group === '' && resource.kind === 'Namespace');
}

export function namespaceAutoProvision({ registry }: OptionalDependencies): AdmissionPlugin {
  return {
    name: 'NamespaceAutoProvision',
    handles: (request) => request.operation === 'CREATE' && !request.dryRun && isInNamespace(request),
    async mutate(request) {
      const name = request.namespace;
      if (await find(registry(), namespaceResource, { namespace: '', name })) return;
      const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } } as Namespace;
      try {
        // Another request may have made it meanwhile.
        await registry()
          .of<Namespace>(namespaceResource)
          .create(namespace, { ...ownWrite, admission: 'run' });
      } catch (error) {
        if (!isReason(error, 'AlreadyExists')) throw refuse(request, (error as Error).message);
      }
    },
  };
}

export function namespaceExists({ registry }: OptionalDependencies): AdmissionPlugin {
  return {
    name: 'NamespaceExists',
    handles: (request) => request.operation !== 'CONNECT' && isInNamespace(request),
    async validate({ namespace }) {
      await registry().of(namespaceResource).get({ namespace: '', name: namespace });
    },
  };
}
