/**
 * TokenRequest: a token of a service account, for an audience and a time, bound to an object whose end ends it.
 * https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/
 */
import nodeResource from '#api/core/node.js';
import podResource from '#api/core/pod/index.js';
import secretResource from '#api/core/secret.js';
import serviceAccountResource from '#api/core/serviceaccount.js';
import type { BoundObjectReference, TokenRequest } from '#api/gen/authentication-v1.js';
import type { Node, Pod, Secret, ServiceAccount } from '#api/gen/core-v1.js';
import { badRequest, conflict, invalid } from '#apimachinery/errors.js';
import { type FieldError, invalidValue } from '#apimachinery/field-error.js';
import { formatTime, type KubeObject } from '#apimachinery/object.js';
import { automountedTokenSeconds } from '../admission/service-account.js';
import type { ServiceAccountTokens, TokenContents } from '../authentication/service-account-tokens.js';
import type { SubresourceCall, SubresourceHandler } from './subresource.js';

const expirationSecondsMin = 600;
const expirationSecondsMax = 2 ** 32;
/**
 * Tokens mounted by default live a year, with a warning after the hour, for clients that read their token only once.
 * https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/, --service-account-extend-token-expiration
 */
const extendedSeconds = 365 * 24 * 60 * 60;

const kind = { group: 'authentication.k8s.io', kind: 'TokenRequest' };

type Binding = Pick<TokenContents, 'pod' | 'secret' | 'node'>;

const defaultSeconds = 3600;

function secondsOf({ spec }: TokenRequest): number {
  return spec?.expirationSeconds ?? defaultSeconds;
}

export function tokenHandler(tokens: ServiceAccountTokens): SubresourceHandler {
  return {
    resource: serviceAccountResource,
    name: 'token',
    answersBody: true,
    default(body) {
      const request = body as TokenRequest;
      request.spec = { ...request.spec, expirationSeconds: secondsOf(request) };
    },
    async create(call, body) {
      const request = body as TokenRequest;
      const { registry, key } = call;
      checkMetadata(request, call);
      const account = await registry.of<ServiceAccount>(serviceAccountResource).get(key);
      requireAccountUid(request, account);
      request.spec = {
        ...request.spec,
        expirationSeconds: secondsOf(request),
        audiences: request.spec?.audiences?.length ? request.spec.audiences : [...tokens.audiences],
      };
      const errors = validate(request);
      if (errors.length > 0) throw invalid({ ...kind, name: '' }, errors);
      const { audiences = [], boundObjectRef } = request.spec;
      const expirationSeconds = Math.min(secondsOf(request), tokens.maxExpirationSeconds ?? Number.POSITIVE_INFINITY);
      const bound = boundObjectRef ? await bind(call, { reference: boundObjectRef, account }) : {};
      const isOwnAudience = audiences.every((audience) => tokens.audiences.includes(audience));
      const isExtended =
        tokens.extendsExpiration && expirationSeconds === automountedTokenSeconds && isOwnAudience && bound.pod;
      const { token, id, expiresMs } = tokens.issue({
        ...bound,
        namespace: key.namespace,
        serviceAccount: referenceTo(account),
        audiences,
        expirationSeconds: isExtended ? extendedSeconds : expirationSeconds,
        warnAfterSeconds: isExtended ? expirationSeconds : undefined,
      });
      call.write.annotate('authentication.kubernetes.io/issued-credential-id', `JTI=${id}`);
      // The kubelet goes by this time, and so renews within the hour all the same.
      const expiration = isExtended ? expiresMs - (extendedSeconds - expirationSeconds) * 1000 : expiresMs;
      request.metadata = {
        name: key.name,
        namespace: key.namespace,
        uid: account.metadata.uid,
        creationTimestamp: formatTime(expiresMs - (isExtended ? extendedSeconds : expirationSeconds) * 1000),
        managedFields: request.metadata.managedFields,
      };
      request.status = { token, expirationTimestamp: formatTime(expiration) };
      return request;
    },
  };
}

function checkMetadata({ metadata }: TokenRequest, { key }: SubresourceCall): void {
  for (const field of ['name', 'namespace'] as const) {
    if (!metadata[field] || metadata[field] === key[field]) continue;
    const why = `must match the service account ${field} if specified`;
    throw invalid({ ...kind, name: key.name }, [invalidValue(`metadata.${field}`, metadata[field], why)]);
  }
}

function requireAccountUid({ metadata: { uid } }: TokenRequest, { metadata: account }: ServiceAccount): void {
  if (!uid || uid === account.uid) return;
  const why = `the UID in the token request (${uid}) does not match the UID of the service account (${account.uid})`;
  throw conflict({ group: kind.group, resource: kind.kind, name: account.name ?? '' }, why);
}

function validate({ spec: { expirationSeconds = 0 } }: TokenRequest): FieldError[] {
  const path = 'spec.expirationSeconds';
  if (expirationSeconds < expirationSecondsMin)
    return [invalidValue(path, expirationSeconds, 'may not specify a duration less than 10 minutes')];
  if (expirationSeconds > expirationSecondsMax)
    return [invalidValue(path, expirationSeconds, 'may not specify a duration larger than 2^32 seconds')];
  return [];
}

async function bind(
  { registry, key: { namespace } }: SubresourceCall,
  { reference, account }: { reference: BoundObjectReference; account: ServiceAccount },
): Promise<Binding> {
  const { kind = '', apiVersion = '', name = '' } = reference;
  const [group = '', version = ''] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  // Whatever the version, or none.
  switch (`${group}/${kind}`) {
    case '/Pod': {
      const pod = await registry.of<Pod>(podResource).get({ namespace, name });
      if (pod.spec?.serviceAccountName !== account.metadata.name) {
        const own = JSON.stringify(account.metadata.name);
        throw badRequest(
          `cannot bind token for serviceaccount ${own} to pod running with different serviceaccount name.`,
        );
      }
      requireUid(reference, pod);
      const { nodeName } = pod.spec;
      return { pod: referenceTo(pod), node: nodeName ? await nodeReference(registry, nodeName) : undefined };
    }
    case '/Node': {
      const node = await registry.of<Node>(nodeResource).get({ namespace: '', name });
      requireUid(reference, node);
      return { node: referenceTo(node) };
    }
    case '/Secret': {
      const secret = await registry.of<Secret>(secretResource).get({ namespace, name });
      requireUid(reference, secret);
      return { secret: referenceTo(secret) };
    }
    default:
      throw badRequest(`cannot bind token to object of type ${group}/${version}, Kind=${kind}`);
  }
}

/** A node that has gone from under its pod is named without a uid. */
async function nodeReference(
  registry: SubresourceCall['registry'],
  name: string,
): Promise<{ name: string; uid: string }> {
  const { items } = await registry.of<Node>(nodeResource).list({ fieldSelector: `metadata.name=${name}` });
  return { name, uid: items[0]?.metadata.uid ?? '' };
}

function requireUid({ uid, kind = '', name = '' }: BoundObjectReference, { metadata }: KubeObject): void {
  if (!uid || uid === metadata.uid) return;
  const why = `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`;
  throw conflict({ group: '', resource: kind, name }, why);
}

function referenceTo({ metadata: { name = '', uid = '' } }: KubeObject): { name: string; uid: string } {
  return { name, uid };
}
