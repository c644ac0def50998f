/**
 * The types of `request` and `namespaceObject`.
 * https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/#validation-expression
 */
import type { StructDeclaration } from '../environment.js';
import {
  boolType,
  dynType,
  intType,
  listType,
  mapType,
  stringType,
  structType,
  type Type,
  timestampType,
} from '../types.js';

type Fields = Readonly<Record<string, Type>>;

const structs = new Map<string, StructDeclaration>();

function struct(name: string, fields: Fields): Type {
  const type = structType(`kubernetes.${name}`);
  structs.set(type.name, { type, fieldType: (field) => (Object.hasOwn(fields, field) ? fields[field] : undefined) });
  return type;
}

function texts(...names: string[]): Fields {
  return Object.fromEntries(names.map((name) => [name, stringType]));
}

const kind = struct('GroupVersionKind', texts('group', 'version', 'kind'));
const resource = struct('GroupVersionResource', texts('group', 'version', 'resource'));
const labels = mapType(stringType, stringType);
const textList = listType(stringType);

export const requestType = struct('AdmissionRequest', {
  ...texts('subResource', 'requestSubResource', 'name', 'namespace', 'operation'),
  kind,
  resource,
  requestKind: kind,
  requestResource: resource,
  userInfo: struct('UserInfo', {
    ...texts('username', 'uid'),
    groups: textList,
    extra: mapType(stringType, textList),
  }),
  dryRun: boolType,
  options: dynType,
});

export const namespaceType = struct('Namespace', {
  metadata: struct('NamespaceMetadata', {
    ...texts('name', 'generateName', 'namespace', 'UID', 'resourceVersion'),
    labels,
    annotations: labels,
    creationTimestamp: timestampType,
    deletionTimestamp: timestampType,
    deletionGracePeriodSeconds: intType,
    generation: intType,
    finalizers: textList,
  }),
  spec: struct('NamespaceSpec', { finalizers: textList }),
  status: struct('NamespaceStatus', {
    conditions: listType(
      struct('NamespaceCondition', {
        ...texts('status', 'type', 'message', 'reason'),
        lastTransitionTime: timestampType,
      }),
    ),
    phase: stringType,
  }),
});

export const findRequestStruct = (name: string): StructDeclaration | undefined => structs.get(name);
