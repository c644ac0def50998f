/**
 * The environment of expressions in admission policies and of match conditions of webhooks.
 * https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/#validation-expression
 */
import type { Environment } from '../environment.js';
import { kubernetesEnvironment } from '../kubernetes.js';
import { authorizerType, resourceCheckType } from '../library/authorizer.js';
import { dynType, structType, Type } from '../types.js';
import { findPatchStruct, jsonPatchLibrary } from './patch-types.js';
import { findRequestStruct, namespaceType, requestType } from './request-types.js';

export interface PolicyEnvironmentOptions {
  /** Whether `params` can be named. */
  hasParams?: boolean;
  /** Whether `authorizer` can be named. */
  hasAuthorizer?: boolean;
  /** Whether objects and patches can be made. */
  hasPatchTypes?: boolean;
  /** The types of what `variables` holds; without it there is no such name. */
  variables?: ReadonlyMap<string, Type>;
  /** The types of the objects, where they are known; `dyn` otherwise. */
  object?: Type;
  params?: Type;
}

const variablesType = structType('kubernetes.variables');

export function policyEnvironment(options: PolicyEnvironmentOptions): Environment {
  const { variables, object = dynType } = options;
  const names: [string, Type][] = [
    ['object', object],
    ['oldObject', object],
    ['namespaceObject', namespaceType],
    ['request', requestType],
  ];
  if (options.hasParams) names.push(['params', options.params ?? dynType]);
  if (options.hasAuthorizer)
    names.push(['authorizer', authorizerType], ['authorizer.requestResource', resourceCheckType]);
  if (variables) names.push(['variables', variablesType]);
  const environment = kubernetesEnvironment().extend({ variables: names, structs: findRequestStruct });
  const withVariables = variables
    ? environment.extend({
        structs: (name) =>
          name === variablesType.name ? { type: variablesType, fieldType: (field) => variables.get(field) } : undefined,
      })
    : environment;
  if (!options.hasPatchTypes) return withVariables;
  return withVariables.extend({ libraries: [jsonPatchLibrary], structs: findPatchStruct });
}

/** The type under which the result of a variable is known: of objects, nothing is known. */
export function variableType(type: Type): Type {
  switch (type.kind) {
    case 'list':
    case 'map':
      return new Type(type.kind, type.name, type.parameters.map(variableType));
    case 'struct':
    case 'opaque':
    case 'type':
      return dynType;
    default:
      return type;
  }
}
