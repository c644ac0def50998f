/** IngressClass: who serves the Ingresses of a class. */
import type { IngressClass, IngressClassParametersReference as Parameters } from '#api/gen/networking-v1.js';
import { domainPrefixedPathErrors } from '#apimachinery/domain-path.js';
import { forbiddenField, notSupported, required, tooLong } from '#apimachinery/field-error.js';
import { validateImmutable } from '#apimachinery/metadata-validation.js';
import { labelProblems, pathSegmentProblems } from '#apimachinery/names.js';
import { check, checkSubdomain, type FieldErrors } from '../meta/check.js';
import { ageColumn, defaultNameColumn } from '../meta/columns.js';
import { defineResource } from '../resource.js';

const controllerBytesMax = 250;

export default defineResource<IngressClass>({
  group: 'networking.k8s.io',
  versions: ['v1'],
  kind: 'IngressClass',
  namespaced: false,
  metadataRepeats: { update: ['change', 'whole'] },
  storageVersionHash: 'l/iqIbDgFyQ=',
  bumpsGeneration: ['spec'],
  default(ingressClass) {
    if (ingressClass.spec?.parameters) ingressClass.spec.parameters.scope ??= 'Cluster';
  },
  validate: (ingressClass) => checkSpec(ingressClass),
  tellsChangeFirst: true,
  validateUpdate: ({ spec }, { spec: old }) =>
    validateImmutable('spec.controller', { value: spec?.controller ?? '', old: old?.controller ?? '' }),
  columns: [
    defaultNameColumn('ingressclass.kubernetes.io/is-default-class'),
    {
      name: 'Controller',
      type: 'string',
      description: 'Controller that is responsible for handling this class',
      cell: ({ spec }) => spec?.controller ?? '',
    },
    {
      name: 'Parameters',
      type: 'string',
      description: 'A reference to a resource with additional parameters',
      cell: parametersCell,
    },
    ageColumn,
  ],
});

function* checkSpec({ spec = {} }: IngressClass): FieldErrors {
  const { controller, parameters } = spec;
  if (!controller) yield required('spec.controller');
  else {
    if (Buffer.byteLength(controller) > controllerBytesMax) yield tooLong('spec.controller', controllerBytesMax);
    yield* domainPrefixedPathErrors('spec.controller', controller);
  }
  if (parameters) yield* checkParameters('spec.parameters', parameters);
}

const scopes = ['Cluster', 'Namespace'];

function* checkParameters(path: string, parameters: Parameters): FieldErrors {
  const { apiGroup, kind, name, scope, namespace } = parameters;
  if (typeof apiGroup === 'string') yield* checkSubdomain(`${path}.apiGroup`, apiGroup);
  for (const [field, value] of Object.entries({ kind, name })) {
    if (!value) yield required(`${path}.${field}`);
    else yield* check(`${path}.${field}`, value, pathSegmentProblems);
  }
  if (scope === undefined) yield required(`${path}.scope`);
  else if (!scopes.includes(scope)) yield notSupported(`${path}.scope`, scope, scopes);
  else if (scope === 'Cluster') {
    if (namespace !== undefined) yield forbiddenField(`${path}.namespace`, "`parameters.scope` is set to 'Cluster'");
  } else if (namespace === undefined) yield required(`${path}.namespace`, "`parameters.scope` is set to 'Namespace'");
  else yield* check(`${path}.namespace`, namespace, labelProblems);
}

function parametersCell({ spec }: IngressClass): string {
  if (!spec?.parameters) return '<none>';
  const { apiGroup, kind, name } = spec.parameters;
  return `${typeof apiGroup === 'string' ? `${kind}.${apiGroup}` : kind}/${name}`;
}
