/** What the server answers beside resources, as documents tell it: discovery, the version, and the keys of service accounts. */
import type { GroupVersionKind } from '#apimachinery/object.js';
import { metaV1 } from './json-schema.js';
import { capitalize, groupTag, groupWord, mediaTypes, type Operation, type Path, rootOf } from './operations.js';

interface Given {
  id: string;
  tag: string;
  description: string;
  gives?: GroupVersionKind | string;
  consumes?: readonly string[];
  produces?: readonly string[];
}

const address = (path: string, given: Given): Path => {
  const operation: Operation = { produces: mediaTypes, ...given, parameters: [], codes: [200] };
  return { path, operations: { get: operation } };
};

const discovery = (path: string, given: Pick<Given, 'id' | 'tag' | 'description'> & { kind: string }): Path =>
  address(path, { ...given, consumes: mediaTypes, gives: `${metaV1}.${given.kind}` });

/** By the name of their document below `/openapi/v3/`. */
export const serverAddresses: Readonly<Record<string, Path>> = {
  '.well-known/openid-configuration': address('/.well-known/openid-configuration/', {
    id: 'getServiceAccountIssuerOpenIDConfiguration',
    tag: 'WellKnown',
    description: "get service account issuer OpenID configuration, also known as the 'OIDC discovery doc'",
    produces: ['application/json'],
  }),
  api: discovery('/api/', {
    id: 'getCoreAPIVersions',
    tag: 'core',
    description: 'get available API versions',
    kind: 'APIVersions',
  }),
  apis: discovery('/apis/', {
    id: 'getAPIVersions',
    tag: 'apis',
    description: 'get available API versions',
    kind: 'APIGroupList',
  }),
  'openid/v1/jwks': address('/openid/v1/jwks/', {
    id: 'getServiceAccountIssuerOpenIDKeyset',
    tag: 'openid',
    description: 'get service account issuer OpenID JSON Web Key Set (contains public token verification keys)',
    produces: ['application/jwk-set+json'],
  }),
  version: address('/version/', {
    id: 'getCodeVersion',
    tag: 'version',
    description: 'get the version information for this server',
    consumes: ['application/json'],
    produces: ['application/json'],
    gives: 'io.k8s.apimachinery.pkg.version.Info',
  }),
};

/** Where the versions of a group are told; the core group has none. */
export function groupAddress(group: string): Path {
  return discovery(`/apis/${group}/`, {
    id: `get${groupWord(group)}APIGroup`,
    tag: groupTag(group),
    description: 'get information of a group',
    kind: 'APIGroup',
  });
}

/** Where the resources of a version are told. */
export function versionAddress(group: string, version: string): Path {
  return discovery(`${rootOf(group, version)}/`, {
    id: `get${groupWord(group)}${capitalize(version)}APIResources`,
    tag: `${groupTag(group)}_${version}`,
    description: 'get available resources',
    kind: 'APIResourceList',
  });
}
